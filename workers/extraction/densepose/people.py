"""The IUV image of a person."""

import numpy as np

from workers.data.errors import SizeMismatch
from workers.extraction.densepose.detection import Person


def paste(person: Person, height: int, width: int) -> np.ndarray:
    """A person -> the photograph's IUV image, (H, W, 3) uint8, 0 off the body.

    U and V are cut to 8 bits, not rounded, as the DensePose project quantises them. Raises
    SizeMismatch where the box reaches beyond the photograph.
    """
    left, top = person.box[:2].astype(int)
    h, w = person.labels.shape
    if left < 0 or top < 0 or top + h > height or left + w > width:
        raise SizeMismatch(
            f"a person's box, {w}x{h} pixels at ({left}, {top}), reaches beyond the photograph "
            f"of {width}x{height}"
        )
    iuv = np.zeros((height, width, 3), np.uint8)
    inside = iuv[top : top + h, left : left + w]
    inside[..., 0] = person.labels
    inside[..., 1:] = np.moveaxis(person.uv * 255, 0, -1).clip(0, 255)
    inside[person.labels == 0] = 0
    return iuv
