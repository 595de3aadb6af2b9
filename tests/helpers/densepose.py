"""Photographs of painted people, and a stand-in network that finds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from configs.extract import ExtractConfig
from models.lookup import SHAPE
from workers.extraction.densepose.detection import Person
from workers.extraction.densepose.finders import network_window
from workers.extraction.extraction import Photo
from workers.extraction.people import chosen

Painted = tuple[int, int, int, int, int]  # left, top, width, height, score in percent
RED = 255


def paint(path: Path, size: tuple[int, int], *people: Painted, **options: Any) -> None:
    """A PNG of (width, height) on which each person is a red box; its green is its score."""
    pixels = np.full((size[1], size[0], 3), 128, np.uint8)
    for left, top, width, height, score in people:
        pixels[top : top + height, left : left + width] = (RED, score, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


class RedBoxes:
    """Finds painted people: part 2 over the whole box, U from left to right, V downwards."""

    def __init__(self, config: ExtractConfig):
        self.settings, self.window = config.densepose, network_window(config)
        self.calls: list[list[tuple[int, int]]] = []

    def __call__(self, photographs: Sequence[tuple[Photo, np.ndarray]]) -> list[list[Person]]:
        self.calls.append([pixels.shape[:2] for _, pixels in photographs])
        return [self.people(pixels) for _, pixels in photographs]

    def people(self, pixels: np.ndarray) -> list[Person]:
        """The people on (H, W, 3) pixels."""
        found = []
        for score in np.unique(pixels[pixels[..., 0] == RED][:, 1]):
            rows, columns = np.nonzero((pixels == (RED, score, 0)).all(axis=-1))
            top, left = rows.min(), columns.min()
            h, w = rows.max() + 1 - top, columns.max() + 1 - left
            v, u = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j]
            box = np.array([left, top, left + w, top + h], np.float32) + np.float32(0.25)
            uv = np.stack([u, v]).astype(np.float32)
            found.append(Person(box, score / 100, np.full((h, w), 2, np.uint8), uv))
        boxes = np.array([p.box for p in found], np.float32).reshape(-1, 4)
        scores = np.array([p.score for p in found])
        height, width = pixels.shape[:2]
        return [found[i] for i in chosen(boxes, scores, height, width, self.settings)]


def write_lookup(path: Path) -> str:
    """A lookup in which the coordinate tells the entry: u = U / 255, v = V / 255."""
    v, u = np.mgrid[0:1:256j, 0:1:256j]
    np.save(path, np.broadcast_to(np.stack([u, v], axis=-1), SHAPE).astype(np.float32))
    return str(path)
