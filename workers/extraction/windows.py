"""Photographs -> the people on them -> rows: what extractors that find people share.

People are found on a window of photographs at a time. Meanwhile the next window is decoded, and the
rows of the last one are made: memory holds three windows, however many photographs there are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from workers.data.errors import BadFileName, BadFit, EmptyUvMap, MissingImage, NobodyFound
from workers.data.images import decode, open_image
from workers.data.retrying import UNREACHABLE
from workers.data.tally import tally
from workers.extraction.extraction import Photo
from workers.extraction.files import PhotographFiles
from workers.shards.ahead import ahead
from workers.shards.attempt import attempt
from workers.shards.keys import Key
from workers.shards.microbatch import in_halves
from workers.shards.rows import person_id
from workers.shards.shard import Rows

THREADS = 4  # read, decode and encode beside the networks
WINDOW_PIXELS = 50_000_000  # the most that a window of several photographs may hold

Step = tuple[Photo, Any]  # a photograph, and what was last made of it or the error that stopped it
P = TypeVar("P")

Find = Callable[[Sequence[tuple[Photo, np.ndarray]]], Sequence[list[P]]]
"""Photographs with their pixels (H, W, 3) uint8 -> the people whom the config asks for on each."""


class PeopleWorker(Generic[P]):
    """Keys (`workers.extraction.extraction.Photo`) -> the rows of a catalog.

    A key becomes a row, or a row a person where all people are asked for: the first has the
    photograph's own id. A photograph that cannot be used becomes what `failed` makes of it and of
    its error. `window` is how many photographs `find` is shown; `person_rows` makes the rows of a
    person, from a photograph with the person's id, its file, its pixels and the person.
    """

    def __init__(
        self,
        max_pixels: int,
        window: int,
        find: Find[P],
        person_rows: Callable[[Photo, bytes, np.ndarray, P], Rows],
        failed: Callable[[Photo, Exception], Rows],
    ):
        self.max_pixels, self.window = max_pixels, window
        self.find, self.person_rows, self.failed = find, person_rows, failed

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Make the rows of each key, in order."""
        photos: list[Step] = [(Photo._make(key), None) for key in keys]
        with ThreadPoolExecutor(THREADS) as pool, ThreadPoolExecutor(2) as stages:
            files = PhotographFiles((photo for photo, _ in photos), self.max_pixels)
            read = ahead(pool, partial(_tried, partial(self._read, files)), photos, self.window)
            decode = _each(pool, partial(_tried, self._decode))
            decoded = ahead(stages, decode, self._windows(read), 1)
            found = map(self._find_people, decoded)
            for rows in ahead(stages, _each(pool, self._rows), found, 1):
                yield from rows

    def _read(self, files: PhotographFiles, photo: Photo, _: None) -> tuple[bytes, int]:
        """A photograph's file, and how many pixels it holds."""
        if photo.fault is not None:
            raise BadFileName(photo.fault)
        if photo.image is None:
            raise MissingImage("the table names no image")
        with tally.stage("read"):
            data = files(photo.image)
        with open_image(data, self.max_pixels) as image:
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
        with tally.stage("read"):
            return data, decode(data, self.max_pixels)

    def _find_people(self, window: list[Step]) -> list[Step]:
        good = [(p, v) for p, v in window if not isinstance(v, Exception)]
        shown = [(photo, pixels) for photo, (_, pixels) in good]
        with tally.stage("extract"):
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
        return self.failed(photo, value) if isinstance(value, Exception) else value

    def _people_rows(self, photo: Photo, value: tuple[bytes, np.ndarray, list[P]]) -> Rows:
        data, pixels, people = value
        rows: Rows = {}
        lost: Exception = NobodyFound("nobody was found whom the settings ask for")
        for person in people:
            name = person_id(photo.image_id, len(rows.get("images", [])) + 1)
            try:
                made = self.person_rows(photo._replace(image_id=name), data, pixels, person)
            except (BadFit, EmptyUvMap) as error:  # other people may have a UV map
                lost = error
                continue
            for table, more in made.items():
                rows.setdefault(table, []).extend(more)
        if not rows:
            raise lost
        return rows


def _tried(call: Callable[[Photo, Any], Any], step: Step) -> Step:
    """The next step of a photograph, unless it has ended in an error."""
    photo, value = step
    return (
        step if isinstance(value, Exception) else (photo, attempt(UNREACHABLE, call, photo, value))
    )


def _each(pool: ThreadPoolExecutor, call: Callable[[Step], Any]) -> Callable[[list[Step]], list]:
    return lambda window: list(pool.map(call, window))
