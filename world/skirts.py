"""Skirts: cloth hung around the posed hips and legs, from the waist down to a free hem."""

from dataclasses import dataclass

import numpy as np

from world import bodies
from world.fabrics import Fabric
from world.hair import Mesh, grid
from world.places import WAIST

LEVELS, DIRECTIONS = 28, 96


@dataclass(frozen=True)
class Skirt:
    """`hem` is z on the canonical body; `flare` metres of radius a metre down."""

    label: int
    fabric: Fabric
    hem: float = -0.25
    top: float = WAIST
    flare: float = 0.35
    folds: int = 14
    depth: float = 0.012  # of the folds at the hem


def hang(skirt: Skirt, posed: np.ndarray, floor: float) -> Mesh:
    """Drape a skirt over posed vertices (V, 3): at each height around the hull of the legs.

    A level is the convex hull of the body there, given by its support function
    h(theta) = max p . d(theta); going down it may only widen, by the flare at least, as cloth
    under its own weight does. So no leg ever pokes through.
    """
    t = bodies.template()
    lower = t.kept[(t.arm[t.kept] < 0.02) & (t.canonical[t.kept, 2] < skirt.top + 0.05)]
    p = posed[lower]
    ring = lower[np.abs(t.canonical[lower, 2] - skirt.top) < 0.02]
    waist = posed[ring].mean(0)
    scale = (waist[2] - floor) / (skirt.top + 0.818)
    heights = waist[2] - np.linspace(0, skirt.top - skirt.hem, LEVELS) * scale
    angle = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    directions = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    reach = (p[:, :2] - waist[:2]) @ directions.T  # (N, DIRECTIONS)
    step = heights[0] - heights[1]
    support = np.empty((LEVELS, DIRECTIONS))
    for level, height in enumerate(heights):
        near = np.abs(p[:, 2] - height) < max(0.03, step)
        here = reach[near].max(0) + 0.008 if near.any() else np.full(DIRECTIONS, -np.inf)
        above = support[level - 1] + skirt.flare * step if level else -np.inf
        support[level] = np.maximum(here, above)
    for _ in range(3):  # cloth does not follow a corner
        support = (np.roll(support, 1, 1) + 2 * support + np.roll(support, -1, 1)) / 4
    slope = (np.roll(support, -1, 1) - np.roll(support, 1, 1)) / (2 * angle[1])
    tangent = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    hull = support[..., None] * directions + slope[..., None] * tangent
    radius = np.stack([_radius(points, angle) for points in hull])
    fraction = np.linspace(0, 1, LEVELS)[:, None]
    fold = np.sin(skirt.folds * angle + 1.3 * np.sin(3 * angle + skirt.fabric.seed % 5))
    radius = radius + skirt.depth * fraction**0.8 * (fold + 0.6)[None, :]
    xy = waist[:2] + radius[..., None] * directions
    z = np.broadcast_to(heights[:, None], radius.shape)
    vertices = np.concatenate([xy, z[..., None]], axis=-1)
    down = np.linspace(skirt.top, skirt.hem, LEVELS)[:, None]
    girth = radius.mean(1, keepdims=True) / scale
    canonical = np.stack(
        np.broadcast_arrays(girth * np.sin(angle), -0.035 - girth * np.cos(angle), down), axis=-1
    )
    # Close the ring by repeating its first column.
    vertices, canonical = (np.concatenate([m, m[:, :1]], axis=1) for m in (vertices, canonical))
    faces = grid(LEVELS, DIRECTIONS + 1)
    return Mesh(vertices.reshape(-1, 3), canonical.reshape(-1, 3), faces.astype(np.int32))


def _radius(hull: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """A convex outline (N, 2) around the origin as its radius at each angle."""
    at = np.arctan2(hull[:, 0], -hull[:, 1]) % (2 * np.pi)
    order = np.argsort(at, kind="stable")
    return np.interp(angle, at[order], np.hypot(*hull[order].T), period=2 * np.pi)


def cloth(points: np.ndarray) -> np.ndarray:
    """Cloth coordinates (N, 2) of a skirt's canonical points: eight gores, each cut straight."""
    x, y = points[:, 0], -(points[:, 1] + 0.035)
    angle, radius = np.arctan2(x, y), np.hypot(x, y)
    gore = np.rint(angle / (np.pi / 4)) * (np.pi / 4)
    return np.stack([gore * 0.15 + (angle - gore) * radius, points[:, 2]], axis=1)
