"""The files of a shard's photographs, where some of them are frames of videos."""

import io
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from workers.data.errors import BadVideo
from workers.data.storage import read_bytes
from workers.data.videos import frame_of, frames
from workers.extraction.extraction import Photo

KEPT = 16  # decoded frames that wait to be asked for, while threads overtake each other


class PhotographFiles:
    """Reads the files of photographs by URL. A frame of a video becomes a BMP file.

    A video is decoded once, forward, for all of its frames among the photographs. Threads may ask,
    in about their order; what was not asked for in time is decoded again.
    """

    def __init__(self, photos: Iterable[Photo], max_pixels: int):
        self.max_pixels, self._lock = max_pixels, threading.Lock()
        self._made: dict[tuple[str, int], np.ndarray | BadVideo] = {}
        self._videos: dict[str, Iterator[tuple[int, np.ndarray | BadVideo]]] = {}
        numbers = defaultdict(list)
        named = {frame_of(photo.image) for photo in photos if photo.image}
        for video, number in sorted(frame for frame in named if frame):
            numbers[video].append(number)
        for video, wanted in numbers.items():
            self._videos[video] = zip(wanted, frames(video, wanted, max_pixels), strict=True)

    def __call__(self, url: str) -> bytes:
        """The bytes of a photograph's file; raises BadVideo, and what `read_bytes` does."""
        frame = frame_of(url)
        if frame is None:
            return read_bytes(url)
        with self._lock:
            made = self._frame(*frame)
        if isinstance(made, BadVideo):
            raise made
        out = io.BytesIO()
        Image.fromarray(made).save(out, "BMP")
        return out.getvalue()

    def _frame(self, video: str, wanted: int) -> np.ndarray | BadVideo:
        if (video, wanted) not in self._made:
            for number, made in self._videos[video]:
                self._made[video, number] = made
                if len(self._made) > KEPT:
                    del self._made[next(iter(self._made))]
                if number == wanted:
                    break
            else:
                return next(frames(video, [wanted], self.max_pixels))
        return self._made.pop((video, wanted))
