"""Parts of the body on UV maps, to hold labels against."""

import numpy as np

from models.layouts import parts
from models.lookup import CHARTS

SIDE = 256  # texels of a sheet
OFF, HEAD, HANDS, THIGHS, BELOW_KNEES, BODY = PARTS = (
    "off",
    "head",
    "hands",
    "thighs",
    "below_knees",
    "body",
)

# Of layout anny: which limbs of `models.layouts` are what (arms are BODY), and boxes of |u| and v,
# each from and to, in which the legs alone lie.
_LIMBS = {1: HEAD, 3: HANDS, 4: BELOW_KNEES}
_LEGS = {THIGHS: (0, 0.5, 0.64, 0.7), BELOW_KNEES: (0, 0.5, 0.89, 1)}
# Of layout smpl: DensePose's charts.
_CHARTS = {
    **dict.fromkeys((3, 4), HANDS),
    **dict.fromkeys((5, 6, 11, 12, 13, 14), BELOW_KNEES),
    **dict.fromkeys((7, 8, 9, 10), THIGHS),
    **dict.fromkeys((23, 24), HEAD),
}


def sheet_of_parts(layout: str, lookup: np.ndarray | None) -> np.ndarray:
    """The part of each of SIDE x SIDE texels, int8, its place in PARTS.

    Layout smpl needs the DensePose lookup (models.lookup); all is BODY where it is unknown.
    """
    sheet = np.full((SIDE, SIDE), PARTS.index(BODY), np.int8)
    if layout == "anny":
        limbs = parts(layout, SIDE)
        for limb, part in _LIMBS.items():
            sheet[limbs == limb] = PARTS.index(part)
        v, u = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
        for part, (inner, outer, top, bottom) in _LEGS.items():
            box = (inner <= abs(u)) & (abs(u) < outer) & (top <= v) & (v <= bottom)
            sheet[box] = PARTS.index(part)
    elif lookup is not None:
        for chart in range(CHARTS):
            u, v = lookup[chart][~np.isnan(lookup[chart]).any(axis=-1)].T
            texels = np.rint((1 - v) * (SIDE - 1)).astype(int), np.rint(u * (SIDE - 1)).astype(int)
            sheet[texels] = PARTS.index(_CHARTS.get(chart + 1, BODY))
    return sheet


def parts_of(uv: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """The part that each pixel of a UV map (H, W, 2) shows, NaN off the body; int8 (H, W)."""
    on = ~np.isnan(uv).any(axis=-1)
    found = np.full(on.shape, PARTS.index(OFF), np.int8)
    column, row = np.rint((uv[on] + 1) / 2 * (SIDE - 1)).astype(int).clip(0, SIDE - 1).T
    found[on] = sheet[row, column]
    return found
