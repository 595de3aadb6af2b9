"""Says which labels the parsings of an extraction hold, and which of them are implausible."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eval.pictures import label_colour
from pipelines.runs.report import Tally
from workers.data.columns import pc
from workers.data.storage import Store
from workers.data.tables import SCHEMAS
from workers.extraction.extraction import Extraction
from workers.extraction.parsing.plausible import doubts
from workers.extraction.parsing.tables import TABLES
from world.labels import NAMES

COLUMNS = ["image_id", "part", "number", "pixels"]


def tally(extraction: Extraction) -> Tally | None:
    """The labels of a finished extraction; None where it reads no parsings, or all failed."""
    parsing = extraction.config.parsing
    if parsing is None or not (counts := _counts(Store(extraction.config.out))):
        return None
    pixels, images = Counter[int](), Counter[int]()
    for row in counts.group_by(["image_id", "number"]).aggregate([("pixels", "sum")]).to_pylist():
        pixels[row["number"]] += row["pixels_sum"]
        images[row["number"]] += 1
    rows = [
        _about(parsing.labels, number) | {"parsings": images[number], "share": n / pixels.total()}
        for number, n in pixels.most_common()
    ]
    parts = counts.group_by(["number", "part"]).aggregate([("pixels", "sum")]).to_pylist()
    of_parts = {(row["number"], row["part"]): row["pixels_sum"] for row in parts}
    title = f"Labels of {pc.count_distinct(counts['image_id'])} parsings, by {parsing.labels}"
    return Tally(title, rows, doubts(parsing.labels, of_parts))


def said(tally: Tally) -> str:
    """The labels of parsings in a line, and a line each for what is implausible about them."""
    shares = ", ".join(f"{row['label']} {row['share']:.1%}" for row in tally.rows)
    lines = [f"{'labels':14} {tally.title.removeprefix('Labels of ')}: {shares}"]
    return "\n".join([*lines, *(f"{'doubtful':14} {doubt}" for doubt in tally.doubts)])


def _about(table: str, number: int) -> dict[str, Any]:
    known = TABLES[table]
    if number >= len(known):
        return {"number": number, "label": "unknown", "becomes": "", "colour": label_colour(0)}
    name, code = known[number]
    colour = label_colour(code)
    return {"number": number, "label": name, "becomes": NAMES[code], "colour": colour}


def _counts(store: Store) -> pa.Table:
    parts = [SCHEMAS["parsings"].empty_table().select(COLUMNS)]
    for file in store.list("parsings"):
        with store.open(file.name) as stream:
            parts.append(pq.ParquetFile(stream).read(COLUMNS))
    return pa.concat_tables(parts)
