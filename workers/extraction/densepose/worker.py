"""Photographs and the people found on them -> rows of a catalog."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from configs.extract import ExtractConfig
from configs.fields import ImageFormat
from workers.data.errors import BadFileName, EmptyUvMap
from workers.data.images import encode
from workers.data.storage import Store
from workers.extraction.catalog_rows import extracted, failed, is_empty, read_lookup
from workers.extraction.densepose.detection import Person
from workers.extraction.densepose.finders import Finder
from workers.extraction.densepose.people import iuv_image, uv_map
from workers.extraction.extraction import Photo
from workers.extraction.parsing.parsings import Parsings, failed_rows
from workers.extraction.windows import PeopleWorker
from workers.shards.keys import Key
from workers.shards.rows import Origin
from workers.shards.shard import Rows


class DensePoseWorker:
    """Keys (`workers.extraction.extraction.Photo`) -> rows of `images` and `uv_maps`."""

    def __init__(
        self,
        config: ExtractConfig,
        origin: Origin,
        finder: Callable[[ExtractConfig], Finder],
        parsings: Parsings | None = None,
    ):
        self.config, self.origin, self.lookup = config, origin, read_lookup(config)
        self.parsings = parsings
        find = finder(config)
        self._people = PeopleWorker(
            config.max_pixels,
            find.window,
            find,
            self._person_rows,
            partial(failed, origin, rows=failed_rows(parsings)),
        )

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """See `PeopleWorker`."""
        return self._people(keys)

    def _person_rows(self, photo: Photo, data: bytes, pixels: np.ndarray, person: Person) -> Rows:
        height, width = pixels.shape[:2]
        uv = uv_map(person, self.lookup, height, width)
        if is_empty(uv):
            raise EmptyUvMap("a person was found, but no pixel of the body")
        rows = extracted(
            self.config,
            self.origin,
            photo,
            uv,
            (data, pixels),
            parsings=self.parsings,
            score=person.score,
        )
        if self.config.densepose.iuv != "none":
            self._write_iuv(photo.image_id, iuv_image(person, height, width))
        return rows

    def _write_iuv(self, image_id: str, iuv: np.ndarray) -> None:
        if {"", ".", ".."} & set(image_id.split("/")):
            raise BadFileName(f"{image_id} names no file below a folder")
        channels = iuv if self.config.densepose.iuv == "iuv" else iuv[..., ::-1]
        png = encode(np.ascontiguousarray(channels), ImageFormat(format="png"))
        Store(self.config.out).put(f"iuv/{image_id}_IUV.png", png)
