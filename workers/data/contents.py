"""Photographs known again by what they show, whatever they are called."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from workers.data.catalog import Catalog
from workers.data.errors import RowError

PIXELS = "pixels:"  # begins the key of a content, among names of images
THREADS = 4  # that decode


def content_key(pixels: np.ndarray) -> str:
    """Identifies a picture (H, W, 3) uint8: PIXELS, and half of a SHA-256 of size and pixels."""
    said = f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()
    return PIXELS + hashlib.sha256(said).hexdigest()[:32]


def content_keys(catalog: Catalog, ids: Iterable[str]) -> dict[str, str]:
    """The keys of photographs by id; those that are missing or cannot be read have none."""
    wanted = set(ids)
    in_order = [i for i in catalog.images.ids.to_pylist() if i in wanted]  # rows are read in groups
    return dict(_keys(catalog, in_order))


def _keys(catalog: Catalog, ids: list[str]) -> Iterator[tuple[str, str]]:
    def key(image_id: str) -> str | None:
        try:
            return content_key(catalog.photograph(image_id))
        except RowError:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        yield from ((i, found) for i, found in zip(ids, pool.map(key, ids), strict=True) if found)
