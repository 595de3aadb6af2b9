"""Which of the people on a photograph to take, and the IUV image of a person."""

import numpy as np

from configs.densepose import DensePose
from workers.data.errors import SizeMismatch
from workers.extraction.densepose.detection import Person


def chosen(
    boxes: np.ndarray, scores: np.ndarray, height: int, width: int, settings: DensePose
) -> list[int]:
    """The indices of the detections that become rows, best score first.

    `boxes` are (N, 4) x0, y0, x1, y1 in pixels of a photograph of `height` x `width`, `scores`
    (N,). Between equal people, the better score decides, then the earlier detection.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    good = (scores >= settings.min_score) & (sides.max(axis=1, initial=0) >= settings.min_side)
    people = sorted(np.flatnonzero(good).tolist(), key=lambda i: -scores[i])
    if settings.person == "all" or not people:
        return people
    off_centre = np.linalg.norm((boxes[:, :2] + boxes[:, 2:] - [width, height]) / 2, axis=1)
    ranks = {"score": scores, "largest": sides.prod(axis=1), "centre": -off_centre}
    return [max(people, key=lambda i: ranks[settings.person][i])]


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
