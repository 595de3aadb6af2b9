"""Finds the people on photographs: with a network, or in a dump of what it found elsewhere."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from configs.extract import ExtractConfig
from workers.data.errors import MissingUvMap
from workers.extraction.densepose.backends import batch_size, load_detector
from workers.extraction.densepose.detection import Person
from workers.extraction.densepose.dump import Dump
from workers.extraction.extraction import Photo

Photographs = Sequence[tuple[Photo, np.ndarray]]
"""Photographs with their pixels, (H, W, 3) uint8."""

BATCHES = 4  # in a window: photographs of several sizes fill their batches
DUMPED = 4  # photographs in a window where no network is run


class Finder(Protocol):
    """Finds people. Its constructor takes the config."""

    window: int  # the photographs that it is given at once

    def __call__(self, photographs: Photographs) -> Sequence[list[Person]]:
        """The people on each photograph whom the config asks for, best score first."""
        ...


class NetworkFinder:
    """A `Finder` that runs the network of the config."""

    def __init__(self, config: ExtractConfig):
        self.window, self.detector = network_window(config), load_detector(config)

    def __call__(self, photographs: Photographs) -> list[list[Person]]:
        """See `Finder`."""
        return self.detector([pixels for _, pixels in photographs])


class DumpFinder:
    """A `Finder` that looks into the dump that the config names by `uv`."""

    window = DUMPED

    def __init__(self, config: ExtractConfig):
        assert config.uv is not None
        self.config, self.dump = config, Dump(config.uv)

    def __call__(self, photographs: Photographs) -> list[list[Person]]:
        """See `Finder`; raises MissingUvMap for a photograph that is not in the dump."""
        return [self._people(photo, *pixels.shape[:2]) for photo, pixels in photographs]

    def _people(self, photo: Photo, height: int, width: int) -> list[Person]:
        if photo.dumped is None:
            raise MissingUvMap(f"{self.config.uv} has no photograph {photo.image_id}")
        return self.dump.people(int(photo.dumped), height, width, self.config.densepose)


def network_window(config: ExtractConfig) -> int:
    """The photographs that a network is given at once."""
    batch = batch_size(config)
    return 1 if batch == 1 else BATCHES * batch
