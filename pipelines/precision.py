"""Says which UV maps of an extraction are less precise than their pictures, and what that costs."""

import pyarrow as pa
import pyarrow.parquet as pq

from workers.data.columns import pc
from workers.data.storage import Store
from workers.data.tables import SCHEMAS
from workers.extraction.extraction import Extraction

COARSE = 1.5  # pixels of the picture a pixel of the map, from which it shows
LARGE = 512  # pixels a side of pictures on which the steps of 8 bits show
COLUMNS = ["image_id", "width", "height", "coarseness", "status"]


def imprecise(extraction: Extraction) -> str | None:
    """One line on the maps of a finished extraction that are less precise than their pictures."""
    stepped = {photo.image_id for photo in extraction.input.photos if photo.iuv}
    if not stepped and not any(photo.uv for photo in extraction.input.photos):
        return None  # made here, at their pictures' size
    store = Store(extraction.config.out)
    rows = _good_rows(store)
    coarseness = rows["coarseness"].fill_null(1).to_numpy()
    large = pc.max_element_wise(rows["width"], rows["height"]).to_numpy() > LARGE
    coarse = coarseness[coarseness >= COARSE]
    stepped &= set(rows["image_id"].filter(large & (coarseness < COARSE)).to_pylist())
    said = []
    if len(coarse):
        most = coarse.max()
        said.append(
            f"{len(coarse)} of {len(rows)} UV maps are coarser than their pictures, up to "
            f"{most:.1f} times: clothes look softer, and the body's edges are up to "
            f"{most / 2:.0f} pixels off"
        )
    if stepped:
        said.append(
            f"{len(stepped)} of {len(rows)} UV maps are of IUV images, 8 bits a chart: smoothed, "
            "they are off by a fraction of a pixel; a dump of apply_net has more bits"
        )
    return "; ".join(said) or None


def _good_rows(store: Store) -> pa.Table:
    """The rows of `uv_maps` that are ok; coarseness is null in runs of before it was known."""
    parts = [SCHEMAS["uv_maps"].empty_table().select(COLUMNS)]
    for file in store.list("uv_maps"):
        with store.open(file.name) as stream:
            parts.append(pq.ParquetFile(stream).read(COLUMNS))
    rows = pa.concat_tables(parts, promote_options="default")
    return rows.filter(pc.field("status") == "ok")
