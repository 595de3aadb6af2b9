"""How far UV maps are from the exact ones of the sample world.

The error of a pixel is the distance, on the average adult, between the point of the body that its
map names and the true one. Counted where both maps have the person.
"""

import functools
from typing import NamedTuple

import numpy as np

from models.layouts import parts
from models.raster import interpolate, rasterise
from workers.extraction.bodyfit.surface import nearest
from world import bodies

SHEET = 1024  # texels a side
TEXELS = 255 / 2  # of a texture of 256 x 256, a unit of its [-1, 1]


class Errors(NamedTuple):
    """Of one photograph."""

    median: float  # centimetres
    texels: float  # median, of a texture of 256 x 256
    mean: float
    within_5cm: float
    within_10cm: float
    beyond_30cm: float
    overlap: float  # intersection over union of the two maps' persons
    parts: float  # share of the pixels that name the right part of the body, left and right apart
    right_side: bool  # whether most of the torso shows front where front is, and back where back


def errors(uv: np.ndarray, true: np.ndarray) -> Errors:
    """Of a UV map (H, W, 2) beside the exact one."""
    ours, theirs = places(uv), places(true)
    here, there = ~np.isnan(uv[..., 0]), ~np.isnan(true[..., 0])
    both = here & there
    off = 100 * np.linalg.norm(ours - theirs, axis=-1)[both]
    x, _, z = np.moveaxis(theirs, -1, 0)
    with np.errstate(invalid="ignore"):
        torso = both & (np.abs(x) < 0.15) & (z > 0.1) & (z < 0.55)
    sides = np.sign(ours[torso][:, 1]) == np.sign(theirs[torso][:, 1])
    u, v = np.moveaxis(uv - true, -1, 0)[:, both] * TEXELS
    of_parts = _parts(uv[both]) == _parts(true[both])
    return Errors(
        float(np.median(off)),
        float(np.median(np.hypot(u, v))),
        float(off.mean()),
        float((off < 5).mean()),
        float((off < 10).mean()),
        float((off > 30).mean()),
        float(both.sum() / (here | there).sum()),
        float(of_parts.mean()),
        bool(sides.mean() > 0.5),
    )


def _parts(uv: np.ndarray) -> np.ndarray:
    """The parts of the body (N,) that points (N, 2) of the sheet belong to; negative: right."""
    column, row = np.rint((uv + 1) / 2 * (SHEET - 1)).astype(int).clip(0, SHEET - 1).T
    return (1 + _limbs()[row, column]) * np.where(uv[:, 0] < 0, -1, 1)


@functools.cache
def _limbs() -> np.ndarray:
    return parts("anny", SHEET).astype(int)


def places(uv: np.ndarray) -> np.ndarray:
    """The places (H, W, 3), in metres on the average adult, that a UV map (H, W, 2) names."""
    on = ~np.isnan(uv[..., 0])
    out = np.full((*on.shape, 3), np.nan)
    column, row = np.rint((uv[on] + 1) / 2 * (SHEET - 1)).astype(int).clip(0, SHEET - 1).T
    out[on] = _sheet()[row, column]
    return out


@functools.cache
def sheet_faces() -> tuple[np.ndarray, np.ndarray]:
    """The face (SHEET, SHEET) of each texel, off the charts the nearest's, and weights in it."""
    sheet = bodies.template().sheet
    face, weights, _ = rasterise(sheet.screen(SHEET), sheet.uv_faces, SHEET, SHEET)
    row, column, _ = nearest(face >= 0)
    return face[row, column], weights[row, column]


@functools.cache
def _sheet() -> np.ndarray:
    """The place (SHEET, SHEET, 3) of each texel."""
    template = bodies.template()
    face, weights = (values.reshape(SHEET**2, -1) for values in sheet_faces())
    canonical = template.canonical.astype(np.float64)
    return interpolate(canonical, template.sheet.faces, face[:, 0], weights).reshape(
        SHEET, SHEET, 3
    )
