"""Texture layouts: how a body's surface is laid out on one square sheet.

Everything else in the method is the same for every layout; what differs is kept here as data.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial import KDTree

from models.lookup import CHARTS

# Left and right of DensePose's charts (numbered from 1), measured on the mesh: SMPL's
# triangulation is its own mirror image, vertex for vertex, and this table agrees with that
# mirror to a chart's 1/50 on average (tests/models/test_symmetry.py). Limbs change places
# unflipped.
TORSO = (1, 2)  # back and front, each its own mirror image: flip V
HANDS_FEET_HEAD = (3, 4, 5, 6, 23, 24)  # left and right: change places, and flip U
HANDS_HEAD = (3, 4, 23, 24)


Box = tuple[float, float, float, float]  # of |u| and v, each from and to
ANNYS_HEAD: Box = (0, 1, -1, -0.31)
ANNYS_HANDS: Box = (0.53, 1, 0.09, 0.54)
ANNYS_EYES: Box = (0.39, 0.485, -0.2, -0.137)  # beside an upper arm


@dataclass(frozen=True)
class Layout:
    """One way to lay out the body surface."""

    name: str
    # How a texel's left/right mirror is found. flip_u: the sheet is symmetric, u -> -u.
    # charts: the sheet is not, and the DensePose lookup tells (SMPL).
    mirror: Literal["flip_u", "charts"]
    # Where on a symmetric sheet the parts of the body lie that may be before the trunk or the legs
    # in a photograph.
    limbs: tuple[Box, ...] = ()
    head_and_hands: tuple[Box, ...] = ()
    # Whether it is one large chart: a picture's pixels leave gaps between the texels they show.
    sparse: bool = False


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("smpl", "charts"),  # SMPL's texture sheet, which the authors' networks use
        Layout(  # anny's charts, repacked into a sheet symmetric about u = 0
            "anny",
            "flip_u",
            limbs=(
                ANNYS_HEAD,
                (0.265, 0.57, -0.21, 0.125),  # arms
                ANNYS_HANDS,
                (0.5, 1, 0.56, 1),  # feet
            ),
            head_and_hands=(ANNYS_HEAD, ANNYS_HANDS, ANNYS_EYES),
        ),
        Layout(
            "prnet", "flip_u", sparse=True
        ),  # PRNet's sheet of a face: column -> 255 - column is its mirror
        Layout(
            "face468", "flip_u", sparse=True
        ),  # MediaPipe's face (models.face468), its own mirror to 0.0025
    )
}


def symmetric(name: str) -> bool:
    """Whether the sheet of a layout is its own left/right mirror image."""
    return name in LAYOUTS and LAYOUTS[name].mirror == "flip_u"


def parts(name: str, size: int) -> np.ndarray:
    """The part of the body of each of size x size texels, int8: 0 trunk and legs, or which limb.

    All 0 where a layout's limbs are not known.
    """
    part = np.zeros((size, size), np.int8)
    limbs = LAYOUTS[name].limbs if name in LAYOUTS else ()
    for number, box in enumerate(limbs, start=1):
        part[_inside(box, size)] = number
    return part


def _inside(box: Box, size: int) -> np.ndarray:
    v, u = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    inner, outer, top, bottom = box
    return (inner <= abs(u)) & (abs(u) <= outer) & (top <= v) & (v <= bottom)


def head_and_hands(layout: Layout, size: int, lookup: np.ndarray | None = None) -> np.ndarray:
    """Which of size x size texels show the head or the hands, bool; the neck is of the trunk.

    `lookup` (models.lookup) is needed for layouts whose mirror is `charts`.
    """
    if layout.mirror == "flip_u":
        return np.any([_inside(box, size) for box in layout.head_and_hands], axis=0)
    if lookup is None:
        raise ValueError(f"layout {layout.name}: its head and hands need the DensePose lookup")
    here = (lookup * [1, -1] + [0, 1]) * (size - 1)  # x, y in texels; the lookup's v points up
    known = ~np.isnan(here).any(axis=-1)
    chart = np.broadcast_to(np.arange(1, CHARTS + 1)[:, None, None], known.shape)[known]
    entries = KDTree(here[known], balanced_tree=False, compact_nodes=False)
    y, x = np.mgrid[:size, :size]
    # A texel beside a chart is read as well, by rounding.
    distance, nearest = entries.query(np.stack([x, y], axis=-1), distance_upper_bound=1.5)
    stays = np.zeros((size, size), bool)
    found = np.isfinite(distance)
    stays[found] = np.isin(chart, HANDS_HEAD)[np.asarray(nearest)[found]]
    return stays


def mirror_map(layout: Layout, size: int, lookup: np.ndarray | None = None) -> np.ndarray:
    """Where each texel's left/right mirror lies on a sheet of size x size texels.

    Returns (2, size, size) float32: x and y of the mirror in texels, 0..size-1, texel centres on
    whole numbers; NaN where a texel has none (off the body's charts). `lookup` (models.lookup)
    is needed for layouts whose mirror is `charts`.
    """
    if layout.mirror == "flip_u":
        y, x = np.mgrid[:size, :size].astype(np.float32)
        return np.stack([size - 1 - x, y])
    if lookup is None:
        raise ValueError(f"layout {layout.name}: its mirror needs the DensePose lookup")
    return _mirror_through_charts(lookup, size)


def _mirror_through_charts(lookup: np.ndarray, size: int) -> np.ndarray:
    """Each entry of the lookup pairs the texel it points at with that of its mirror entry."""
    here = (lookup * [1, -1] + [0, 1]) * (size - 1)  # x, y in texels; the lookup's v points up
    there = np.empty_like(here)
    for chart in range(1, CHARTS + 1):
        other = chart if chart in TORSO else chart + 1 if chart % 2 else chart - 1
        flip_v = slice(None, None, -1 if chart in TORSO else 1)
        flip_u = slice(None, None, -1 if chart in HANDS_FEET_HEAD else 1)
        there[chart - 1] = here[other - 1, flip_v, flip_u]
    known = ~np.isnan(here + there).any(axis=-1)
    # The nearest entry inside the texel's square (half its diagonal is 0.71). A mean would mix
    # charts on both sides of a seam, whose mirrors may lie far apart.
    entries = KDTree(here[known], balanced_tree=False, compact_nodes=False)
    y, x = np.mgrid[:size, :size]
    distance, nearest = entries.query(np.stack([x, y], axis=-1), distance_upper_bound=0.71)
    mirror = np.full((size, size, 2), np.nan, np.float32)
    found = np.isfinite(distance)
    mirror[found] = there[known][np.asarray(nearest)[found]]
    return np.moveaxis(mirror, 2, 0)
