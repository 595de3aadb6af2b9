"""Photographs and the people found on them -> rows of a catalog."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from configs.extract import ExtractConfig
from configs.fields import ImageFormat
from models.iuv import uv_from_iuv
from workers.data.errors import BadFileName, EmptyUvMap, MissingImage, NobodyFound
from workers.data.images import decode, encode, open_image
from workers.data.retrying import UNREACHABLE
from workers.data.storage import Store, read_bytes
from workers.extraction.catalog_rows import extracted, failed, is_empty, read_lookup
from workers.extraction.densepose.detection import Person
from workers.extraction.densepose.finders import Finder
from workers.extraction.densepose.people import paste
from workers.extraction.extraction import Photo
from workers.shards.ahead import ahead
from workers.shards.attempt import attempt
from workers.shards.keys import Key
from workers.shards.microbatch import in_halves
from workers.shards.rows import Origin, person_id
from workers.shards.shard import Rows

THREADS = 4  # read, decode and encode beside the network
WINDOW_PIXELS = 50_000_000  # the most that a window of several photographs may hold

Step = tuple[Photo, Any]  # a photograph, and what was last made of it or the error that stopped it


class DensePoseWorker:
    """Keys (`workers.extraction.extraction.Photo`) -> rows of `images` and `uv_maps`.

    A key becomes a row in each, or a row a person where all people are asked for: the first has the
    photograph's own id. A photograph that cannot be used is a failed row.
    """

    def __init__(
        self, config: ExtractConfig, origin: Origin, finder: Callable[[ExtractConfig], Finder]
    ):
        self.config, self.origin, self.lookup = config, origin, read_lookup(config)
        self.find = finder(config)
        self.window = self.find.window

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Find people, a window of photographs at a time.

        Meanwhile the next window is decoded, and the rows of the last one are made: memory holds
        three windows, however many photographs there are.
        """
        photos: list[Step] = [(Photo._make(key), None) for key in keys]
        with ThreadPoolExecutor(THREADS) as pool, ThreadPoolExecutor(2) as stages:
            read = ahead(pool, partial(_tried, self._read), photos, self.window)
            decode = _each(pool, partial(_tried, self._decode))
            decoded = ahead(stages, decode, self._windows(read), 1)
            found = map(self._find_people, decoded)
            for rows in ahead(stages, _each(pool, self._rows), found, 1):
                yield from rows

    def _read(self, photo: Photo, _: None) -> tuple[bytes, int]:
        """A photograph's file, and how many pixels it holds."""
        if photo.fault is not None:
            raise BadFileName(photo.fault)
        if photo.image is None:
            raise MissingImage("the table names no image")
        data = read_bytes(photo.image)
        with open_image(data, self.config.max_pixels) as image:
            return data, image.width * image.height

    def _windows(self, read: Iterable[Step]) -> Iterator[list[Step]]:
        window: list[Step] = []
        held = 0
        for photo, value in read:
            data, pixels = (value, 0) if isinstance(value, Exception) else value
            if window and (len(window) >= self.window or held + pixels > WINDOW_PIXELS):
                yield window
                window, held = [], 0
            window.append((photo, data))
            held += pixels
        if window:
            yield window

    def _decode(self, _: Photo, data: bytes) -> tuple[bytes, np.ndarray]:
        return data, decode(data, self.config.max_pixels)

    def _find_people(self, window: list[Step]) -> list[Step]:
        good = [(p, v) for p, v in window if not isinstance(v, Exception)]
        shown = [(photo, pixels) for photo, (_, pixels) in good]
        found = iter(in_halves(shown, self.find, self._shrink) if shown else [])

        def with_people(value: Any) -> Any:
            if isinstance(value, Exception):
                return value
            people = next(found)
            return people if isinstance(people, Exception) else (*value, people)

        return [(photo, with_people(value)) for photo, value in window]

    def _shrink(self, size: int) -> None:
        self.window = size

    def _rows(self, step: Step) -> Rows:
        photo, value = _tried(self._people_rows, step)
        return failed(self.origin, photo, value) if isinstance(value, Exception) else value

    def _people_rows(self, photo: Photo, value: tuple[bytes, np.ndarray, list[Person]]) -> Rows:
        data, pixels, people = value
        rows: Rows = {"images": [], "uv_maps": []}
        lost: Exception = NobodyFound("DensePose found nobody whom the settings ask for")
        for person in people:
            name = person_id(photo.image_id, len(rows["images"]) + 1)
            try:
                made = self._person_rows(photo._replace(image_id=name), data, pixels, person)
            except EmptyUvMap as error:  # other people may have a UV map
                lost = error
                continue
            for table, more in made.items():
                rows[table] += more
        if not rows["images"]:
            raise lost
        return rows

    def _person_rows(self, photo: Photo, data: bytes, pixels: np.ndarray, person: Person) -> Rows:
        iuv = paste(person, *pixels.shape[:2])
        uv = uv_from_iuv(iuv, self.lookup)
        if is_empty(uv):
            raise EmptyUvMap("a person was found, but no pixel of the body")
        rows = extracted(self.config, self.origin, photo, uv, (data, pixels), score=person.score)
        if self.config.densepose.iuv != "none":
            self._write_iuv(photo.image_id, iuv)
        return rows

    def _write_iuv(self, image_id: str, iuv: np.ndarray) -> None:
        if {"", ".", ".."} & set(image_id.split("/")):
            raise BadFileName(f"{image_id} names no file below a folder")
        channels = iuv if self.config.densepose.iuv == "iuv" else iuv[..., ::-1]
        png = encode(np.ascontiguousarray(channels), ImageFormat(format="png"))
        Store(self.config.out).put(f"iuv/{image_id}_IUV.png", png)


def _tried(call: Callable[[Photo, Any], Any], step: Step) -> Step:
    """The next step of a photograph, unless it has ended in an error."""
    photo, value = step
    return (
        step if isinstance(value, Exception) else (photo, attempt(UNREACHABLE, call, photo, value))
    )


def _each(pool: ThreadPoolExecutor, call: Callable[[Step], Any]) -> Callable[[list[Step]], list]:
    return lambda window: list(pool.map(call, window))
