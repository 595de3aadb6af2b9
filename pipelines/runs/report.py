"""The contact sheet and the HTML page that each run leaves."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from eval.page import Grid, run_page
from eval.pictures import contact_sheet, fit, label_picture, skeleton_picture, uv_picture
from models.skeleton import BONES
from workers.data.catalog import Catalog
from workers.data.errors import MissingRow
from workers.data.names import elided
from workers.data.storage import Store
from workers.data.views import square_about
from workers.shards.shard import read_file

SAMPLES = 24
TILE = 224  # pixels a side of the page's pictures
CATALOG_TITLES = ("photograph", "UV map")
PARSED_TITLES = (*CATALOG_TITLES, "parsing")
SKELETON_TITLES = ("skeleton", "UV map")
SHEET, PAGE = "contact_sheet.png", "index.html"

Sample = tuple[str, Sequence[np.ndarray]]  # a caption, and a picture a title


class Head(NamedTuple):
    """What begins a row or a column."""

    caption: str
    picture: np.ndarray | None


class Matrix(NamedTuple):
    """Pictures (H, W, 3) uint8 in rows and columns; None where there is none."""

    columns: Sequence[Head]
    rows: Sequence[tuple[Head, Sequence[np.ndarray | None]]]


class Question(NamedTuple):
    """What a page asks a person."""

    question: str
    advice: str
    titles: Sequence[str]
    samples: Iterable[Sample]
    lines: str  # to be copied


class Tally(NamedTuple):
    """The labels of a catalog's parsings."""

    title: str
    rows: list[dict[str, Any]]  # number, label, becomes, code, parsings, share
    doubts: list[str]


def write_report(
    store: Store,
    manifest: dict[str, Any],
    table: str,
    titles: Sequence[str],
    samples: Iterable[Sample],
    question: Question | None = None,
    tally: Tally | None = None,
    matrix: Matrix | None = None,
) -> dict[str, str]:
    """Write the contact sheet and the page beside a run's tables; returns their URLs by kind.

    The page shows matrix and samples, the sheet the samples or, without any, the matrix.
    """
    shown = [(caption, [np.asarray(fit(p, TILE)) for p in row]) for caption, row in samples]
    written = {"table": table}
    if shown:
        rows = [row for _, row in shown]
        sheet = contact_sheet(rows, titles, TILE, across=12 // len(titles))
    else:
        sheet = matrix and _matrix_sheet(matrix)
    if sheet is not None:
        store.put(SHEET, _encoded(Image.fromarray(sheet), "PNG"))
        written["contact sheet"] = SHEET
    asked = question and question._replace(samples=_thumbnails(question.samples))._asdict()
    failed = failures(store, manifest, table)
    counted, cells = tally and tally._asdict(), matrix and _matrix_thumbnails(matrix)
    small = _thumbnails(shown)
    page = run_page(store.url, manifest, failed, titles, small, asked, counted, cells)
    store.put(PAGE, page.encode())
    written["page"] = PAGE
    return {kind: f"{store.url}/{name}" for kind, name in written.items()}


def closer(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """A square of the upper part of a body on a picture (H, W, 3), shown pixel by pixel.

    `uv` is the body's UV map, (2, h, w), of the same shape.
    """
    rows, columns = np.nonzero(np.isfinite(uv[0]))
    x, y = np.median(columns) / uv.shape[2], np.quantile(rows, 0.3) / uv.shape[1]
    middle = np.array([[x * picture.shape[1], y * picture.shape[0]]])
    return picture[square_about(middle, picture.shape, TILE)]


def _thumbnails(samples: Iterable[Sample]) -> list[tuple[str, list[bytes]]]:
    return [(caption, [_encoded(fit(p, TILE), "JPEG") for p in row]) for caption, row in samples]


def _matrix_sheet(matrix: Matrix) -> np.ndarray:
    """A matrix as one picture, its heads above and at the left."""
    blank = np.full((TILE, TILE, 3), 255, np.uint8)
    lines = [(None, [head.picture for head in matrix.columns])]
    lines += [(head.picture, cells) for head, cells in matrix.rows]
    rows = [[blank if p is None else p for p in (first, *cells)] for first, cells in lines]
    return contact_sheet(rows, ["", *(head.caption for head in matrix.columns)], TILE, across=1)


def _matrix_thumbnails(matrix: Matrix) -> Grid:
    def small(picture: np.ndarray | None) -> bytes | None:
        return None if picture is None else _encoded(fit(picture, TILE), "JPEG")

    return Grid(
        [(head.caption, small(head.picture)) for head in matrix.columns],
        [
            ((head.caption, small(head.picture)), [small(cell) for cell in cells])
            for head, cells in matrix.rows
        ],
    )


def catalog_samples(url: str, parsed: bool = False) -> Iterator[Sample]:
    """Photographs of a catalog beside their UV maps, and their labels where it is `parsed`.

    A pose has its skeleton in the photograph's place, where the catalog knows it.
    """
    catalog = Catalog(url)
    for row in sample_rows(catalog.store, "uv_maps", ["image_id", "layout"]):
        uv = uv_picture(catalog.uv_map(row["image_id"], row["layout"]))
        labels = np.full_like(uv, 255)
        try:
            photograph = catalog.photograph(row["image_id"])
            if parsed:
                labels = label_picture(catalog.segmentation(row["image_id"]))
        except MissingRow:  # a pose
            photograph = _skeleton(catalog, row["image_id"], uv.shape)
        yield elided(row["image_id"]), [photograph, uv, *([labels] if parsed else [])]


def _skeleton(catalog: Catalog, image_id: str, shape: tuple[int, ...]) -> np.ndarray:
    """The skeleton of a pose; nothing where the catalog knows none."""
    try:
        points = catalog.keypoints(image_id)
    except MissingRow:
        return np.full(shape, 255, np.uint8)
    return skeleton_picture(points, BONES[:17], shape[0], shape[1])


def sample_rows(store: Store, table: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Up to SAMPLES rows that are ok, from many files of a table; reads one row group of each."""
    random = np.random.default_rng(0)  # the same rows on every call
    files = [f for f in store.list(table) if f.name.endswith(".parquet")]
    chosen = files if len(files) <= SAMPLES else files[:: len(files) // SAMPLES]
    rows: list[dict[str, Any]] = []
    for file in chosen:
        with store.open(file.name) as stream:
            group = pq.ParquetFile(stream).read_row_group(0, [*columns, "status"])
        good = group.filter(pc.field("status") == "ok")
        rows += good.take(_draw(random, len(good), -(-SAMPLES // len(chosen)))).to_pylist()
    return [rows[i] for i in _draw(random, len(rows), SAMPLES)]


def _draw(random: np.random.Generator, count: int, wanted: int) -> np.ndarray:
    """Up to `wanted` of `count` indices, drawn at random, in order."""
    return np.sort(random.choice(count, min(count, wanted), replace=False))


def failures(store: Store, manifest: dict[str, Any], table: str) -> list[dict[str, Any]]:
    """Kind, rows and first message of each type of failure, the most frequent first."""
    counts = manifest["totals"]["failures"]
    messages: dict[str, str] = {}
    for file in store.list(table):
        if set(messages) == set(counts):
            break
        columns = read_file(store, file.name, ["status", "error_type", "error_message"])
        for row in columns.filter(pc.field("status") != "ok").to_pylist():
            messages.setdefault(row["error_type"], row["error_message"])
    return [{"kind": k, "rows": n, "message": messages.get(k, "")} for k, n in counts.items()]


def _encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 85} if kind == "JPEG" else {}))
    return out.getvalue()
