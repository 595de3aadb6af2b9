"""Videos of people's heads: where somebody looks from frame to frame, before which light.

A world's frames are every sixth of 25 a second, as `extract` takes them of videos, and bear the
video's own numbers: 0, 6, 12, ...
"""

import numpy as np

from world import expressions
from world.fabrics import rgb
from world.lighting import Room, Studio
from world.people import sample
from world.poses import Pose
from world.scene import View

PLACE, MOTION = 6, 7  # streams of random numbers, beside those of wardrobe and studio
FRAMES_A_SECOND, EVERY = 25, 6
YAW, PITCH, ROLL = np.radians([60, 25, 8])  # the most that a head is turned
OF_THE_BODY = 0.35  # the share of the yaw that the shoulders join in
# Seconds in which somebody looks around once: of the larger and the smaller share of the motion.
PERIODS = {"yaw": (9.0, 3.7), "pitch": (6.3, 2.9), "roll": (7.1, 4.3), "light": (31.0, 17.0)}
SHARES = (0.75, 0.25)
WALLS = tuple(
    rgb(c)
    for c in ("f4f2ee", "d9d4cc", "b9b3a8", "8e9aa6", "6d7f78", "a58f7a", "c9b8a8", "54606c",
              "7b6a5d", "9fb0bd", "3d444c", "c7cdb8")
)  # fmt: skip


def view(seed: int, person: int, number: int) -> tuple[View, dict[str, float]]:
    """The frame of a number in a person's video: how it is taken, and the expression."""
    rng = np.random.default_rng([seed % 2**63, PLACE, person])
    wall, furniture = (np.array(WALLS[i]) for i in rng.permutation(len(WALLS))[:2])
    seconds = number / FRAMES_A_SECOND
    exposure = 0.85 / (0.45 + 0.5 * sample(seed, person)[2].tone[0])  # cameras expose for the face
    side, drift = rng.choice((-1, 1)), rng.uniform(0, 2 * np.pi, (len(PERIODS), 2))
    sways = {
        name: float(np.array(SHARES) @ np.sin(2 * np.pi * seconds / np.array(periods) + phases))
        for (name, periods), phases in zip(PERIODS.items(), drift, strict=True)
    }
    azimuth = side * rng.uniform(0.3, 1.0) + 0.3 * sways["light"]
    height = rng.uniform(0.35, 0.8)
    key = np.array([np.sin(azimuth), -np.cos(azimuth), height])
    studio = Studio(
        key=key / np.linalg.norm(key),
        strength=float(exposure * rng.uniform(0.55, 0.80)),
        ambient=float(exposure * rng.uniform(0.28, 0.44)),
        warmth=float(rng.uniform(-1.0, 1.5)),
        top=tuple(wall.tolist()),
        bottom=tuple((wall * rng.uniform(0.75, 0.95)).tolist()),
        room=Room(tuple((furniture * 0.9).tolist()), int(rng.integers(1 << 16))),
    )
    yaw, pitch, roll = YAW * sways["yaw"], PITCH * sways["pitch"], ROLL * sways["roll"]
    pose = Pose(head=(float(yaw * (1 - OF_THE_BODY)), float(pitch), float(roll)))
    shift = 0.008 * sways["roll"], 0.008 * sways["pitch"]
    fill = float(rng.uniform(0.96, 1.06))
    shot = View(pose, float(yaw * OF_THE_BODY), "portrait", fill, studio, shift)
    return shot, expressions.at((seed % 2**63, MOTION, person), seconds)


def frame_number(number: int) -> int:
    """The number that the `number`-th frame of a world bears in its video."""
    return number * EVERY
