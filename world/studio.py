"""How items are photographed: backdrops, light, camera angles, poses and crops, by seed."""

from dataclasses import replace

import numpy as np

from world import poses
from world.lighting import Studio
from world.scene import View

STUDIO, SHOOT = 3, 4  # streams of random numbers, beside wardrobe's and workers.synthesis's
YAWS = np.radians([0, 35, 90, 180, -35, 145, -90, -145])  # about the n-th view's
CROPS, CROP_ODDS = ("full", "knees", "waist"), (0.60, 0.24, 0.16)
BACKDROPS = (
    ((0.98, 0.98, 0.98), (0.96, 0.96, 0.955)),
    ((0.95, 0.95, 0.945), (0.91, 0.908, 0.90)),
    ((0.89, 0.90, 0.905), (0.83, 0.835, 0.84)),
    ((0.80, 0.805, 0.81), (0.71, 0.715, 0.72)),
    ((0.95, 0.935, 0.915), (0.905, 0.885, 0.86)),
    ((0.90, 0.92, 0.935), (0.84, 0.865, 0.885)),
    ((0.94, 0.915, 0.905), (0.90, 0.865, 0.85)),
    ((0.905, 0.92, 0.90), (0.85, 0.87, 0.845)),
)
BACKDROP_ODDS = (0.24, 0.24, 0.14, 0.08, 0.10, 0.08, 0.06, 0.06)


def view(seed: int, item: int, number: int, spread: float = 0.0) -> View:
    """The `number`-th photograph of an item: one studio an item, a pose and an angle a view.

    Limbs, and the person, are turned by about `spread` radians beyond what catalogs show.
    """
    rng = np.random.default_rng([seed % 2**63, STUDIO, item])
    top, bottom = BACKDROPS[rng.choice(len(BACKDROPS), p=BACKDROP_ODDS)]
    key = np.array([rng.choice((-1, 1)) * rng.uniform(0.45, 0.7), -0.65, rng.uniform(0.55, 0.75)])
    studio = Studio(
        key=key / np.linalg.norm(key),
        strength=float(rng.uniform(0.72, 0.86)),
        ambient=float(rng.uniform(0.36, 0.46)),
        warmth=float(rng.uniform(-0.3, 0.8)),
        top=top,
        bottom=bottom,
    )
    side = rng.choice((-1.0, 1.0))
    archetypes = list(poses.ARCHETYPES.values())
    order = rng.permutation(len(archetypes))
    rng = np.random.default_rng([seed % 2**63, SHOOT, item, number])
    archetype = archetypes[order[number % len(order)]]
    crop = "full" if number == 0 else str(rng.choice(CROPS, p=CROP_ODDS))
    seen = View(
        pose=poses.sample(rng, archetype),
        yaw=float(side * YAWS[number % len(YAWS)] + rng.normal(0, 0.12)),
        crop=crop,
        fill=float(rng.uniform(0.90, 0.95)),
        studio=studio,
    )
    if not spread:
        return seen
    pose = poses.misread(rng, seen.pose, spread)
    return replace(seen, pose=pose, yaw=seen.yaw + float(rng.normal(0, spread)))
