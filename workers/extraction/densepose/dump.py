"""The file that the DensePose project's own tool, `apply_net.py dump`, writes.

It is a torch file of a list of dicts, one a photograph: file_name, scores, pred_boxes_XYXY and
pred_densepose, whose items hold labels (h, w) and uv (2, h, w) at the integer box.
"""

import io
import os
from collections.abc import Sequence
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch

from configs.densepose import DensePose
from models.lookup import CHARTS
from workers.data.errors import BadUvMap
from workers.data.names import plain, short
from workers.data.storage import Store, read_bytes
from workers.extraction.densepose.detection import Person
from workers.extraction.extraction import Photo
from workers.extraction.people import chosen

SUFFIXES = (".pkl", ".pk", ".pickle", ".pth", ".pt")  # that people give a dump's name


def is_dump(url: str | None) -> bool:
    """Whether a URL names a dump, by its suffix."""
    return (url or "").lower().endswith(SUFFIXES)


def with_places(photos: Sequence[Photo], names: Sequence[str]) -> list[Photo]:
    """Photographs with their places among a dump's names.

    A photograph is the one whose path in the dump ends in its id. Raises ValueError where two do.
    """
    stems = [f"/{plain(name).rpartition('.')[0]}" for name in names]
    by_name: dict[str, list[int]] = {}
    for place, stem in enumerate(stems):
        by_name.setdefault(stem.rpartition("/")[2], []).append(place)
    placed = []
    for photo in photos:
        name = f"/{plain(photo.image_id)}"
        places = by_name.get(name.rpartition("/")[2], [])
        places = [place for place in places if stems[place].endswith(name)]
        if len(places) > 1:
            raise ValueError(f"the dump has {len(places)} photographs {short(photo.image_id)}")
        placed.append(photo._replace(dumped=str(places[0])) if places else photo)
    return placed


class Charts:
    """Stands in for the project's class; `labels` and `uv` are tensors."""

    labels: torch.Tensor
    uv: torch.Tensor


_CLASSES = [
    (Charts, f"densepose.structures.chart_result.{name}")
    for name in ("DensePoseChartResult", "DensePoseChartResultWithConfidences")
]


class Dump:
    """A dump; a photograph in it goes by its place.

    The tensors of a local file stay on disk until they are needed, unless an old torch wrote it.
    Only tensors, plain containers and the project's classes of results are ever loaded. Raises
    ValueError, in one line, where the file is no such dump.
    """

    def __init__(self, url: str):
        local = Store(url.rpartition("/")[0]).local
        file = url.removeprefix("file://") if local else io.BytesIO(read_bytes(url))
        try:
            with torch.serialization.safe_globals(_CLASSES):  # pyright: ignore[reportArgumentType]
                mmap = (local and is_zipfile(file)) or None
                entries: Any = torch.load(file, "cpu", weights_only=True, mmap=mmap)
            self.names = [os.fspath(entry["file_name"]) for entry in entries]
        except OSError:
            raise
        except Exception as error:  # damaged files raise whatever the unpickler meets
            said = str(error).split("\n")[0][:200]
            raise ValueError(
                f"{url} is no dump of apply_net's with charts, as `apply_net.py dump` saves it by "
                f"torch.save: {said}"
            ) from error
        self.entries: list[dict[str, Any]] = entries

    def people(self, place: int, height: int, width: int, settings: DensePose) -> list[Person]:
        """The people on a photograph of `height` x `width` whom the settings ask for.

        Raises BadUvMap where the dump holds something else than results of charts.
        """
        entry = self.entries[place]
        try:
            boxes = np.asarray(entry["pred_boxes_XYXY"], np.float32).reshape(-1, 4)
            scores = np.asarray(entry["scores"], np.float32)
            found = chosen(boxes, scores, height, width, settings)
            return [_person(boxes[i], scores[i], entry["pred_densepose"][i]) for i in found]
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise BadUvMap(f"no result of charts was dumped: {error!r}") from error


def _person(box: np.ndarray, score: float, charts: Charts) -> Person:
    labels, uv = np.asarray(charts.labels), np.asarray(charts.uv, np.float32)
    known = np.isfinite(uv).all() and labels.min() >= 0 and labels.max() <= CHARTS
    if labels.ndim != 2 or uv.shape != (2, *labels.shape) or not known:
        raise ValueError(f"labels {labels.shape}, uv {uv.shape}")
    return Person(box, float(score), labels.astype(np.uint8), uv.clip(0, 1))
