"""The maps of a person whom DensePose found."""

import numpy as np

from models.iuv import uv_from_iuv
from workers.data.errors import SizeMismatch
from workers.extraction.densepose.detection import Person


def uv_map(person: Person, lookup: np.ndarray, height: int, width: int) -> np.ndarray:
    """A person -> the photograph's UV map (H, W, 2) float32, NaN off the body.

    Raises SizeMismatch where the box reaches beyond the photograph.
    """
    charts = np.moveaxis(person.uv * 255, 0, -1)
    uv = uv_from_iuv(person.labels, charts, lookup)
    return _pasted(person, uv, np.full((height, width, 2), np.nan, np.float32))


def iuv_image(person: Person, height: int, width: int) -> np.ndarray:
    """A person -> the photograph's IUV image, (H, W, 3) uint8, 0 off the body.

    U and V are cut to 8 bits, not rounded, as the DensePose project quantises them. Raises
    SizeMismatch where the box reaches beyond the photograph.
    """
    charts = np.moveaxis(person.uv * 255, 0, -1).clip(0, 255).astype(np.uint8)
    iuv = np.dstack([person.labels, charts])
    iuv[person.labels == 0] = 0
    return _pasted(person, iuv, np.zeros((height, width, 3), np.uint8))


def _pasted(person: Person, pixels: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """The pixels of a person's box, where they lie on the photograph."""
    left, top = person.box[:2].astype(int)
    h, w = pixels.shape[:2]
    height, width = onto.shape[:2]
    if left < 0 or top < 0 or top + h > height or left + w > width:
        raise SizeMismatch(
            f"a person's box, {w}x{h} pixels at ({left}, {top}), reaches beyond the photograph "
            f"of {width}x{height}"
        )
    onto[top : top + h, left : left + w] = pixels
    return onto
