"""The pictures of the pairs that `evaluate` scores, from whatever holds them."""

from contextlib import suppress
from typing import NamedTuple, Protocol

import numpy as np

from eval.metrics.variants import Mask
from eval.naming import split_strip
from workers.data.catalog import MAX_PIXELS, Catalog
from workers.data.errors import MissingImage, MissingRow, RenderFailed
from workers.data.images import decode
from workers.data.indexed_table import CatalogError, Table
from workers.data.retrying import UNREACHABLE, UNREACHABLE_OR_REFUSED, BrokenLink
from workers.data.storage import Store
from workers.shards.rows import ScoreKey


class Pictures(NamedTuple):
    """What one pair is scored on."""

    generated: np.ndarray  # (H, W, 3) uint8
    reference: np.ndarray  # (h, w, 3) uint8
    masks: dict[str, np.ndarray]  # (h, w) bool, those that the album was made with


class Album(Protocol):
    """The pictures of an evaluation's input, for several threads at once; keys name them.

    An album can be pickled: workers get a copy each. `ends_run` are the exceptions that are no
    pair's fault (`workers.shards.attempt`).
    """

    ends_run: tuple[type[Exception], ...]

    def generated(self, key: ScoreKey) -> np.ndarray:
        """The generated image, (H, W, 3) uint8; errors as in `pair`."""
        ...

    def pair(self, key: ScoreKey) -> Pictures:
        """A pair's pictures; RowError where one is missing or bad."""
        ...

    def source(self, key: ScoreKey) -> np.ndarray | None:
        """The photograph that was rendered in a new pose, (H, W, 3) uint8, where it is known."""
        ...


class FolderAlbum:
    """Generated images in one folder, photographs in another (or the same); names are files."""

    ends_run = UNREACHABLE

    def __init__(self, generated: str, reference: str):
        self.images, self.reference = Store(generated), Store(reference)

    def generated(self, key: ScoreKey) -> np.ndarray:
        """A file."""
        return _picture(self.images, _generated(key))

    def pair(self, key: ScoreKey) -> Pictures:
        """Two files."""
        return Pictures(self.generated(key), _picture(self.reference, key.reference), {})

    def source(self, key: ScoreKey) -> np.ndarray | None:
        """A file beside the references."""
        return None if key.source is None else _picture(self.reference, key.source)


class StripAlbum:
    """Files that hold [condition | target | generated]; all names of a key are one file's."""

    ends_run = UNREACHABLE

    def __init__(self, url: str):
        self.store = Store(url)

    def generated(self, key: ScoreKey) -> np.ndarray:
        """A panel."""
        return split_strip(_picture(self.store, _generated(key)))["generated"]

    def pair(self, key: ScoreKey) -> Pictures:
        """Two panels."""
        panels = split_strip(_picture(self.store, _generated(key)))
        return Pictures(panels["generated"], panels["target"], {})

    def source(self, key: ScoreKey) -> np.ndarray | None:
        """The third."""
        return split_strip(_picture(self.store, _generated(key)))["condition"]


class RenderAlbum:
    """Renders of a run against the photographs of their poses; names are ids.

    Pairs come with the `masks` that are named, which are maps of the pose (`Catalog.view`).
    `sources` is the catalog that was rendered, where that is another one.
    """

    ends_run = UNREACHABLE_OR_REFUSED

    def __init__(
        self,
        renders: str,
        catalog: str,
        masks: frozenset[Mask] = frozenset(),
        sources: str | None = None,
    ):
        self.renders, self.catalog = Table(Store(renders), "renders"), Catalog(catalog)
        self.masks, self.sources = masks, Catalog(sources or catalog)

    def generated(self, key: ScoreKey) -> np.ndarray:
        """A row of the run."""
        row = self.renders.row(_generated(key))
        if row["status"] != "ok":
            raise RenderFailed(f"{row['error_type']}: {row['error_message']}")
        return decode(self.renders.image(row) or b"", MAX_PIXELS)

    def pair(self, key: ScoreKey) -> Pictures:
        """A row of the run, the photograph of its pose, and its masks."""
        generated = self.generated(key)
        view = self.catalog.view(key.reference, ("photograph", *self.masks))
        return Pictures(generated, view["photograph"], {mask: view[mask] for mask in self.masks})

    def source(self, key: ScoreKey) -> np.ndarray | None:
        """The photograph in one of the catalogs; None where it is not, or not any more."""
        for catalog in (self.catalog, self.sources):
            with suppress(MissingRow, CatalogError):
                return catalog.photograph(str(key.source))
        return None


def _picture(store: Store, name: str) -> np.ndarray:
    try:
        return decode(store.read(name), MAX_PIXELS)
    except BrokenLink:
        raise
    except FileNotFoundError:
        raise MissingImage(f"{store.url}/{name} is not there") from None


def _generated(key: ScoreKey) -> str:
    if key.generated is None:
        raise MissingImage(f"no image was generated of the pair {key.pair_id}")
    return key.generated
