"""The choice of people, which all extractors that find people share."""

import numpy as np

from configs.people import People
from workers.data.names import short
from workers.extraction.extraction import Input
from workers.shards.rows import photograph_id


def chosen(
    boxes: np.ndarray, scores: np.ndarray, height: int, width: int, settings: People
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


def refuse_names_of_people(found: Input, extractor: str) -> None:
    """Raise ValueError where a photograph's name is one that a further person would get."""
    for photo in found.photos:
        if photograph_id(photo.image_id) != photo.image_id:
            raise ValueError(
                f"{short(photo.image_id)}: with {extractor}.person=all, @ and a number end the "
                "names of further people; rename the photograph"
            )
