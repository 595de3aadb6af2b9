"""Reading a catalog: rows by image id, out of Parquet tables that may hold millions."""

from collections import OrderedDict
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.uv_maps import dequantise
from workers.images import decode
from workers.storage import Store

ROW_GROUPS_KEPT = 8  # of about 100 rows: 20 MB each with UV maps of 256x256
MAX_PIXELS = 50_000_000
REQUIRED = {
    "images": {"image_id", "image", "width", "height"},
    "uv_maps": {"image_id", "layout", "uv", "width", "height", "status"},
    "renders": {"render_id", "image", "status", "error_type", "error_message"},
}


class CatalogError(ValueError):
    """The URL holds no such table; the message is one line."""


class MissingRow(LookupError):  # noqa: N818 - its name is an error_type in the tables
    """The catalog has no such row, or the row failed when it was made."""


class _Place(NamedTuple):
    file: str
    row_group: int
    row: int


class Table:
    """One table of a catalog, indexed by image_id, or the renders of a run, by render_id."""

    def __init__(self, store: Store, name: str):
        self.store, self.name = store, name
        self.id = "render_id" if name == "renders" else "image_id"
        self._groups: OrderedDict[tuple[str, int], pa.Table] = OrderedDict()

    @cached_property
    def places(self) -> dict[str, _Place]:
        """Where each id lies, in the order of the files; refuses an id that stands twice."""
        files = [f.name for f in self.store.list(self.name) if f.name.endswith(".parquet")]
        if not files:
            kind = "run of render" if self.name == "renders" else "catalog"
            raise CatalogError(f"{self.store.url}: no {kind} there (no {self.name}/*.parquet)")
        places: dict[str, _Place] = {}
        for file in files:
            with self.store.open(file) as stream:
                parquet = _open_parquet(f"{self.store.url}/{file}", stream)
                columns = parquet.schema_arrow.names
                if missing := REQUIRED[self.name] - set(columns):
                    lacks = ", ".join(sorted(missing))
                    raise CatalogError(f"{self.store.url}/{file}: lacks the columns {lacks}")
                for group in range(parquet.num_row_groups):
                    ids = parquet.read_row_group(group, columns=[self.id]).column(0).to_pylist()
                    for row, row_id in enumerate(ids):
                        if row_id in places:
                            raise CatalogError(f"{self.store.url}: {self.id} {row_id!r} twice")
                        places[row_id] = _Place(file, group, row)
        return places

    def column(self, name: str) -> list[Any]:
        """One column in the order of `places`; None where a file has no such column."""
        values: list[Any] = []
        for file in dict.fromkeys(place.file for place in self.places.values()):
            with self.store.open(file) as stream:
                parquet = _open_parquet(f"{self.store.url}/{file}", stream)
                if name in parquet.schema_arrow.names:
                    values += parquet.read(columns=[name]).column(0).to_pylist()
                else:
                    values += [None] * parquet.metadata.num_rows
        return values

    def row(self, row_id: str) -> dict[str, Any]:
        """One row; MissingRow when there is none."""
        place = self.places.get(row_id)
        if place is None:
            raise MissingRow(f"{self.store.url}: no row {row_id!r} in {self.name}")
        key = (place.file, place.row_group)
        if key not in self._groups:
            with self.store.open(place.file) as stream:
                self._groups[key] = pq.ParquetFile(stream).read_row_group(place.row_group)
            while len(self._groups) > ROW_GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key].slice(place.row, 1).to_pylist()[0]


def _open_parquet(url: str, stream: Any) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream)
    except pa.ArrowInvalid as error:
        raise CatalogError(f"{url}: not a Parquet file: {error}") from error


class Catalog:
    """Photographs and UV maps by image id. Not for several threads at once."""

    def __init__(self, url: str):
        self.store = Store(url)
        self.images, self.uv_maps = Table(self.store, "images"), Table(self.store, "uv_maps")

    def photograph(self, image_id: str) -> np.ndarray:
        """A photograph, uint8 (H, W, 3) RGB; MissingRow or ValueError when there is none."""
        return decode(self.photograph_file(image_id), MAX_PIXELS)

    def photograph_file(self, image_id: str) -> bytes:
        """A photograph as it is stored: the bytes of an image file; MissingRow without one."""
        image = self.images.row(image_id)["image"]
        if image is None or image["bytes"] is None:
            raise MissingRow(f"{self.store.url}: {image_id!r} has no photograph")
        return image["bytes"]

    def uv_map(self, image_id: str, layout: str) -> np.ndarray:
        """A UV map, float32 (2, H, W) in [-1, 1], NaN off the body.

        Raises MissingRow when there is none, ValueError when it is in another layout or damaged.
        """
        row = self._uv_row(image_id)
        if row["layout"] != layout:
            raise ValueError(
                f"{image_id!r} has a UV map of layout {row['layout']}, the model needs {layout}"
            )
        return dequantise(_stored_uv(row))

    def body(self, image_id: str) -> np.ndarray:
        """Where the UV map is defined, bool (H, W); MissingRow when there is none."""
        return np.all(_stored_uv(self._uv_row(image_id)) > 0, axis=0)

    def _uv_row(self, image_id: str) -> dict[str, Any]:
        row = self.uv_maps.row(image_id)
        if row["status"] != "ok":
            raise MissingRow(
                f"{self.store.url}: {image_id!r} has no UV map: {row['error_message']}"
            )
        return row

    def layout(self) -> str:
        """The layout of the catalog's first good UV map; refuses a catalog without one."""
        rows = zip(self.uv_maps.column("layout"), self.uv_maps.column("status"), strict=True)
        for layout, status in rows:
            if status == "ok":
                return layout
        raise CatalogError(f"{self.store.url}: no row of uv_maps is ok")

    def usable(self, photographs: bool) -> list[str]:
        """The ids with a UV map (and, if asked, a photograph), in the catalog's order."""
        ids = list(self.uv_maps.places)
        ok = [status == "ok" for status in self.uv_maps.column("status")]
        if photographs:
            widths = dict(zip(self.images.places, self.images.column("width"), strict=True))
            ok = [good and widths.get(i) is not None for i, good in zip(ids, ok, strict=True)]
        return [image_id for image_id, good in zip(ids, ok, strict=True) if good]


def _stored_uv(row: dict[str, Any]) -> np.ndarray:
    """(2, H, W) uint16."""
    return np.frombuffer(row["uv"], "<u2").reshape(2, row["height"], row["width"])
