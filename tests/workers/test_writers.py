"""Catalogs, pairs and tables that other software wrote render as our own do, or are refused."""

import itertools
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from configs.extract import ExtractConfig
from configs.render import RenderConfig
from pipelines import render
from tests.helpers.catalogs import StandIn, rows_of, write_catalog
from tests.helpers.commands import wrong
from workers.data import indexed_table
from workers.data.catalog import Catalog
from workers.data.errors import BadImage
from workers.extraction.inputs import photographs_with_maps

COUNT = 5
Tables = dict[str, pa.Table]
Write = Callable[[pa.Table, Path], object]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A catalog with one bad photograph, one failed UV map and one pose, and its pairs."""
    url = str(tmp_path_factory.mktemp("ours"))
    ids = write_catalog(url, COUNT, bad=[1], prefix="1")
    tables = {name: pq.read_table(f"{url}/{name}") for name in ("images", "uv_maps")}
    failed = tables["uv_maps"].to_pylist()
    failed[2] |= {"uv": None, "width": None, "height": None, "status": "failed"}
    tables["uv_maps"] = pa.Table.from_pylist(failed, tables["uv_maps"].schema)
    pose = tables["images"].to_pylist()
    pose[3] |= {"image": None, "width": None, "height": None}
    tables["images"] = pa.Table.from_pylist(pose, tables["images"].schema)
    pairs = list(itertools.product([*ids, "1999"], ids))
    tables["pairs"] = pa.table({"from": [s for s, _ in pairs], "to": [t for _, t in pairs]})
    return tables


def written(tables: Tables, folder: Path, write: Write) -> Path:
    for name, table in tables.items():
        (folder / name).mkdir(parents=True)
        write(table, folder / name)
    return folder


def by_pyarrow(table: pa.Table, folder: Path) -> None:
    pq.write_table(table, folder / "a.parquet")


def rendered(catalog: Path, pairs: bool) -> list[dict]:
    """The renders of a catalog's pairs, or of every source in every pose."""
    how = {"pairs": f"{catalog}/pairs"} if pairs else {"poses": str(catalog)}
    out = f"{catalog}-{'pairs' if pairs else 'all'}"
    config = RenderConfig.model_validate(
        {"catalog": str(catalog), "out": out, "max_failed_fraction": 1, **how}
        | {"execution": {"engine": "local"}}
    )
    assert render.run(config, load_model=StandIn) == 0
    rows = rows_of(out)
    for row in rows:  # a message names the catalog
        row["error_message"] = (row["error_message"] or "").replace(str(catalog), "")
    return rows


@pytest.fixture(scope="module")
def expected(ours: Tables, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, list[dict]]:
    folder = written(ours, tmp_path_factory.mktemp("expected") / "c", by_pyarrow)
    rows = {pairs: rendered(folder, pairs) for pairs in (False, True)}
    assert len(rows[True]) == (COUNT + 1) * COUNT
    assert len(rows[False]) == 3 * 4  # of the sources only those with photograph and UV map
    assert {row["error_type"] for row in rows[True]} == {None, "BadImage", "MissingRow"}
    return rows


# --- writers


def by_duckdb(table_: pa.Table, folder: Path) -> None:
    duckdb.sql(f"COPY (FROM table_) TO '{folder}/data.parquet'")


def by_pandas(table: pa.Table, folder: Path) -> None:
    table.to_pandas().to_parquet(folder / "data.parquet")


def by_pandas_with_an_index(table: pa.Table, folder: Path) -> None:
    frame = table.to_pandas().sort_index(ascending=False)
    for name in ("layout", "status", "from"):
        if name in frame:
            frame[name] = frame[name].astype("category")
    frame.iloc[::-1].to_parquet(folder / "data.parquet", index=True)


def by_ray(table: pa.Table, folder: Path) -> None:
    ray.data.from_arrow(table).write_parquet(str(folder))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray Data's own
@pytest.mark.parametrize("pairs", [False, True], ids=["all", "pairs"])
@pytest.mark.parametrize(
    "write",
    [by_duckdb, by_pandas, by_pandas_with_an_index, pytest.param(by_ray, marks=pytest.mark.ray)],
)
def test_what_others_write_renders_the_same(
    ours: Tables,
    expected: dict[bool, list[dict]],
    write: Write,
    pairs: bool,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if write is by_ray:
        request.getfixturevalue("ray_session")
    catalog = written(ours, tmp_path / "c", write)
    for name in ours:  # what writers leave beside their tables
        by_pyarrow(ours[name].slice(0, 0), catalog / name)  # an empty part
        (catalog / name / "_temporary").mkdir()
        for stranger in (
            "_SUCCESS",
            "_metadata",
            ".a.parquet.crc",
            "._a.parquet",
            "_t.parquet",
            "_temporary/part.parquet",
            "readme.txt",
        ):
            (catalog / name / stranger).write_bytes(b"stranger")
    assert rendered(catalog, pairs) == expected[pairs]


# --- types


def cast(**types: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    """Casts those columns that a table has."""

    def apply(table: pa.Table) -> pa.Table:
        for name in types.keys() & set(table.column_names):
            at = table.column_names.index(name)
            table = table.set_column(at, name, table[name].cast(types[name]))
        return table

    return apply


def bare(table: pa.Table) -> pa.Table:
    """Images as bytes without a struct."""
    if "image" not in table.column_names:
        return table
    images = [image and image["bytes"] for image in table["image"].to_pylist()]
    return table.set_column(3, "image", pa.array(images, pa.binary()))


def dictionaries(table: pa.Table) -> pa.Table:
    for name in {"image_id", "layout", "status", "from", "to"} & set(table.column_names):
        at = table.column_names.index(name)
        table = table.set_column(at, name, table[name].dictionary_encode())
    return table


TEXTS = ("image_id", "layout", "status", "error_message", "from", "to")


@pytest.mark.parametrize("pairs", [False, True], ids=["all", "pairs"])
@pytest.mark.parametrize(
    "change",
    [
        cast(**dict.fromkeys(TEXTS, pa.large_string()), uv=pa.large_binary()),
        cast(**dict.fromkeys(TEXTS, pa.string_view()), uv=pa.binary_view()),
        cast(image=pa.struct({"bytes": pa.large_binary(), "path": pa.large_string()})),
        cast(**dict.fromkeys(("image_id", "from", "to"), pa.int64())),
        cast(width=pa.int64(), height=pa.uint16()),
        cast(width=pa.float64(), height=pa.float32()),
        bare,
        dictionaries,
    ],
    ids=[
        "large",
        "views",
        "large struct",
        "integer ids",
        "integers",
        "floats",
        "bare images",
        "dictionaries",
    ],
)
def test_types_that_mean_the_same_are_read(
    ours: Tables,
    expected: dict[bool, list[dict]],
    change: Callable[[pa.Table], pa.Table],
    pairs: bool,
    tmp_path: Path,
) -> None:
    changed = {name: change(table) for name, table in ours.items()}
    catalog = written(changed, tmp_path / "c", by_pyarrow)
    assert rendered(catalog, pairs) == expected[pairs]


ID, SIZES = "text or integers", "integers"


def test_images_that_are_paths_are_read(
    ours: Tables, expected: dict[bool, list[dict]], tmp_path: Path
) -> None:
    """As `datasets` writes them where they are not embedded: a path, and null for bytes."""
    files = tmp_path / "c" / "files"
    files.mkdir(parents=True)
    images = ours["images"]["image"].to_pylist()
    for number, image in enumerate(images):
        if image:
            (files / f"{number}.png").write_bytes(image["bytes"])
            relative = number % 2  # to the catalog
            path = f"files/{number}.png" if relative else f"{files}/{number}.png"
            image |= {"bytes": None, "path": path}
    column = pa.array(images, ours["images"].schema.field("image").type)
    tables = ours | {"images": ours["images"].set_column(3, "image", column)}
    catalog = written(tables, tmp_path / "c", by_pyarrow)
    assert rendered(catalog, pairs=True) == expected[True]
    (files / "0.png").unlink()
    with pytest.raises(BadImage, match=f"path {files}/0.png, not to be read: .*No such file"):
        Catalog(str(catalog)).photograph("1000")


IMAGES = "binary or struct<bytes: binary, path: string>"


@pytest.mark.parametrize(
    ("table", "column", "values", "said"),
    [
        ("images", "image_id", pa.array([1.0] * COUNT), f"double found, {ID} wanted"),
        ("images", "image_id", pa.array([b"a"] * COUNT), f"binary found, {ID} wanted"),
        ("images", "image", pa.array(["a.jpg"] * COUNT), f"string found, {IMAGES} wanted"),
        (
            "images",
            "image",
            pa.array([{"data": b""}] * COUNT),
            f"struct<data: binary> found, {IMAGES} wanted",
        ),
        ("images", "image", pa.array([{"bytes": "a"}] * COUNT), f"string> found, {IMAGES} wanted"),
        ("images", "width", pa.array(["32"] * COUNT), f"string found, {SIZES} wanted"),
        ("uv_maps", "uv", pa.array([[1, 2]] * COUNT), "int64> found, binary wanted"),
        ("uv_maps", "layout", pa.array([1] * COUNT), "int64 found, text wanted"),
        ("uv_maps", "status", pa.array([True] * COUNT), "bool found, text wanted"),
        ("uv_maps", "error_message", pa.array([1] * COUNT), "int64 found, text wanted"),
        ("pairs", "from", pa.array([1.5] * COUNT), f"double found, {ID} wanted"),
        ("pairs", "to", pa.array([b"a"] * COUNT), f"binary found, {ID} wanted"),
    ],
)
def test_other_types_are_refused_by_name(
    ours: Tables,
    table: str,
    column: str,
    values: pa.Array,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed = ours[table].slice(0, COUNT)
    changed = changed.set_column(changed.column_names.index(column), column, values)
    tables = {**ours, table: changed}
    catalog = written(tables, tmp_path / "c", by_pyarrow)
    call = ["render", f"catalog={catalog}", f"pairs={catalog}/pairs", f"out={tmp_path}/o"]
    line = wrong(capsys, *call, "execution.engine=local")
    assert line.startswith(f"reposer: {catalog}/{table}/a.parquet: column {column}: ")
    assert line.endswith(said)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (pa.array(["a", None]), "uv_maps/a.parquet: row 2 has no image_id"),
        (pa.nulls(1), "uv_maps/a.parquet: row 1 has no image_id"),
        (
            pa.array([b"\xff"]).view(pa.string()),
            "uv_maps/a.parquet: not a readable Parquet file: "
            "In chunk 0: Invalid: Invalid UTF8 sequence at string index 0",
        ),
    ],
    ids=["one null", "all null", "not UTF-8"],
)
def test_rows_without_a_name_are_refused(
    ours: Tables, ids: pa.Array, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unnamed = ours["uv_maps"].slice(0, len(ids)).set_column(0, "image_id", ids)
    tables = {**ours, "uv_maps": unnamed}
    catalog = written(tables, tmp_path / "c", by_pyarrow)
    call = ["render", f"catalog={catalog}", f"poses={catalog}", f"out={tmp_path}/o"]
    assert f"{catalog}/{said}" in wrong(capsys, *call)


# --- tables that extract reads


def test_an_input_table_may_hold_what_pandas_makes_of_it(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "image_id": [7, 8],
            "image": ["a.jpg", ""],
            "uv": ["a.npy", "b.npy"],
            "item_id": pd.Categorical(["x", None]),
            "price": [1.5, np.nan],
        }
    )
    (tmp_path / "in.parquet").mkdir()  # a folder of that name, as Ray and Dask write
    frame.to_parquet(tmp_path / "in.parquet" / "part.0.parquet")
    config = ExtractConfig(input=f"{tmp_path}/in.parquet", out="unused")
    a, b = photographs_with_maps(config).photos
    assert (a.image_id, a.image, a.item_id) == ("7", f"{tmp_path}/a.jpg", "x")
    assert (b.image_id, b.image, b.uv, b.item_id) == ("8", None, f"{tmp_path}/b.npy", None)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"image_id": [1.5]}, "column image_id: double found, text or integers wanted"),
        ({"image": [{"bytes": b"", "path": "a"}]}, "column image: struct<"),
        ({"uv": [[0.5]]}, "column uv: list<"),
        ({"image_id": ["x" * 2000, "x" * 2000]}, "rows 1 and 2 are both 'xxx"),
    ],
)
def test_an_input_table_of_other_types_is_refused(
    columns: dict[str, list], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = max(map(len, columns.values()))
    good = {"image_id": ["a"] * rows, "image": ["a.jpg"] * rows, "uv": ["a.npy"] * rows}
    pq.write_table(pa.table({**good, **columns}), tmp_path / "in.parquet")
    line = wrong(capsys, "extract", f"input={tmp_path}/in.parquet", f"out={tmp_path}/o")
    assert line.startswith(f"reposer: {tmp_path}/in.parquet: {said}")
    assert len(line) < 300


# --- memory


def test_row_groups_are_kept_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = write_catalog(f"{tmp_path}/c", 450)
    one = 100 * len(Catalog(f"{tmp_path}/c").uv_maps.row(ids[0])["uv"])
    for bound, most in ((2.5 * one, 2), (one // 2, 1)):
        monkeypatch.setattr(indexed_table, "CACHE_BYTES", bound)
        table = Catalog(f"{tmp_path}/c").uv_maps
        for image_id in [*ids[::50], *ids[::-50]]:
            assert table.row(image_id)["image_id"] == image_id
            assert len(table._groups) <= most


def test_a_row_group_that_no_worker_can_hold_is_refused(
    ours: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    catalog = written(ours, tmp_path / "c", by_duckdb)
    monkeypatch.setattr(indexed_table, "ROW_GROUP_BYTES", 1000)
    call = ["render", f"catalog={catalog}", f"poses={catalog}", f"out={tmp_path}/o"]
    said = wrong(capsys, *call)
    assert f"{catalog}/images/data.parquet: row group 0 holds 5 rows, 0.0 GB: write about" in said
