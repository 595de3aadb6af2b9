"""Photographs -> a catalog of layout `face468`: the worker of `extractor=facemesh`."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from configs.extract import ExtractConfig
from models.face468 import installed, read_mesh
from workers.data.storage import read_bytes
from workers.extraction.catalog_rows import failed
from workers.extraction.extraction import Photo
from workers.extraction.faces.finder import Face, FaceFinder
from workers.extraction.faces.rows import face_rows
from workers.extraction.windows import PeopleWorker
from workers.shards.keys import Key
from workers.shards.rows import Origin, failed_face
from workers.shards.shard import Rows

WINDOW = 8  # photographs that lie in memory at once


class FaceMeshWorker:
    """Keys (`workers.extraction.extraction.Photo`) -> rows of `images`, `faces` and `uv_maps`."""

    def __init__(self, config: ExtractConfig, origin: Origin):
        self.config, self.origin = config, origin
        task = read_task(config)
        self._mesh, self._finder = read_mesh(task), FaceFinder(task, config.facemesh)
        self._people = PeopleWorker(
            config.max_pixels,
            config.execution.microbatch or WINDOW,
            self._find,
            self._face_rows,
            partial(failed, origin, rows=failed_face),
        )

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """See `PeopleWorker`."""
        return self._people(keys)

    def _find(self, shown: Sequence[tuple[Photo, np.ndarray]]) -> list[list[Face]]:
        return [self._finder(pixels) for _, pixels in shown]

    def _face_rows(self, photo: Photo, _: bytes, pixels: np.ndarray, face: Face) -> Rows:
        config, mesh = self.config, self._mesh
        return face_rows(
            config,
            config.facemesh,
            self.origin,
            photo,
            pixels,
            face.points,
            mesh,
            score=face.score,
        )


def read_task(config: ExtractConfig) -> bytes:
    """The bytes of MediaPipe's file that the config names; ValueError where there is none."""
    return read_bytes(config.facemesh.data) if config.facemesh.data else installed()
