"""Skirts: cloth hung around the posed hips and legs, from the waist down to a free hem."""

from dataclasses import dataclass

import numpy as np

from workers.world import bodies
from workers.world.fabrics import Fabric
from workers.world.hair import Mesh, _grid
from workers.world.places import WAIST

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
    lower = np.unique(t.sheet.faces)
    lower = lower[(t.arm[lower] < 0.02) & (t.canonical[lower, 2] < skirt.top + 0.05)]
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
    fraction = np.linspace(0, 1, LEVELS)[:, None]
    fold = np.sin(skirt.folds * angle + 1.3 * np.sin(3 * angle + skirt.fabric.seed % 5))
    support = support + skirt.depth * fraction**0.8 * (fold + 0.6)[None, :]
    slope = (np.roll(support, -1, 1) - np.roll(support, 1, 1)) / (2 * angle[1])
    tangent = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # The hull's own point for each direction; folds are radial and need no slope.
    smooth_slope = slope * 0.5
    xy = waist[:2] + support[..., None] * directions + smooth_slope[..., None] * tangent
    z = np.broadcast_to(heights[:, None], support.shape)
    vertices = np.concatenate([xy, z[..., None]], axis=-1)
    down = np.linspace(skirt.top, skirt.hem, LEVELS)[:, None]
    canonical = np.stack(
        np.broadcast_arrays(0.15 * np.sin(angle), -0.035 - 0.15 * np.cos(angle), down), axis=-1
    )
    # Close the ring by repeating its first column.
    vertices, canonical = (np.concatenate([m, m[:, :1]], axis=1) for m in (vertices, canonical))
    faces = _grid(LEVELS, DIRECTIONS + 1)
    return Mesh(vertices.reshape(-1, 3), canonical.reshape(-1, 3), faces.astype(np.int32))


def cloth(points: np.ndarray) -> np.ndarray:
    """Cloth coordinates (N, 2) of a skirt's canonical points; at the hem a repeat is wider."""
    around = np.arctan2(points[:, 0], -(points[:, 1] + 0.035)) * 0.19
    return np.stack([around, points[:, 2]], axis=1)
