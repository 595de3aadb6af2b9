"""What bad input becomes: a failed row of its own type beside good ones, or one line and exit 2."""

import io
import re
import zlib
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from configs.render import RenderConfig
from configs.run import Execution
from models.lookup import SHAPE
from models.uv_maps import quantise
from pipelines import render
from pipelines.cli import main
from tests.helpers.catalogs import SIZE, StandIn, body_uv, rows_of, write_catalog, write_pairs
from tests.helpers.commands import wrong
from workers.data.storage import Store
from workers.data.tables import SCHEMAS, parquet_bytes

LOCAL = "execution.engine=local"


def picture(kind: str = "JPEG", size: int = SIZE, brightest: int = 255) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, brightest + 1, (size, size, 3), np.uint8)
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def bomb() -> bytes:
    """A PNG whose header promises 60,000 x 60,000 pixels."""
    data = bytearray(picture("PNG"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def array(uv: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, uv)
    return out.getvalue()


NAN = np.full((SIZE, SIZE, 2), np.nan, np.float32)
SPECK = np.full((4 * SIZE, 4 * SIZE, 2), np.nan, np.float32)
SPECK[0, 0] = 0
UV = body_uv(1)
# A header that promises 8 TB.
VAST = array(UV).replace(b"(32, 32, 2), }        ", b"(999999, 999999, 2), }")
PHOTOGRAPHS = {
    "zero": (b"", "BadImage", "the image file is empty"),
    "cut": (picture()[:-300], "BadImage", "the JPEG image is damaged"),
    "text": (b"no photograph", "BadImage", "not an image file of a known kind"),
    "bomb": (bomb(), "BadImage", "60000x60000 pixels, more than max_pixels=50000000"),
}

# --- extract: the photograph, its map's file name and bytes; error type and message
EXTRACTED = {
    "good": (picture(), ".npy", array(UV), None, None),
    **{name: (data, ".npy", array(UV), kind, said) for name, (data, kind, said) in
       PHOTOGRAPHS.items()},
    "nan": (picture(), ".npy", array(NAN), "EmptyUvMap", "nobody is on the UV map"),
    "nobody": (picture(), "_IUV.png", picture("PNG", brightest=0),
               "EmptyUvMap", "nobody is on the UV map"),
    "speck": (picture(size=4 * SIZE), ".npy", array(SPECK),
              "EmptyUvMap", "nobody is left on the UV map at size=32"),
    "inf": (picture(), ".npy", array(np.full_like(UV, np.inf)), "BadUvMap", "has inf"),
    "wide": (picture(), ".npy", array(body_uv(1, 48)[:40]),
             "SizeMismatch", "the photograph has 32x32 pixels, its UV map 48x40"),
    "first": (picture(), ".npy", array(np.moveaxis(UV, 2, 0)),
              "BadUvMap", r"floats of shape \(H, W, 2\), this one \(2, 32, 32\) float32"),
    "whole": (picture(), ".npy", array(np.zeros((SIZE, SIZE, 2), np.uint8)),
              "BadUvMap", "this one .* uint8"),
    "short": (picture(), ".npy", array(UV)[:-100], "BadUvMap", "no .npy file of numbers"),
    "vast": (picture(), ".npy", VAST, "BadUvMap", "no .npy file of numbers"),
    "none": (picture(), ".npy", b"", "BadUvMap", "no .npy file of numbers"),
    "words": (picture(), "_IUV.png", b"no map", "BadImage", "not an image file"),
    "caf\udce9": (picture(), ".npy", array(UV), "BadFileName", "not UTF-8: rename it"),
}  # fmt: skip


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict, dict]]:
    """The rows that `extract` makes of all of them at once."""
    folder = tmp_path_factory.mktemp("photos")
    for name, (photograph, suffix, uv, _, _) in EXTRACTED.items():
        (folder / f"{name}.jpg").write_bytes(photograph)
        (folder / f"{name}{suffix}").write_bytes(uv)
    (folder / "ignor\udce9.txt").touch()
    lookup, out = folder.parent / "lookup.npy", f"{folder}-out"
    np.save(lookup, np.zeros(SHAPE, np.float32))
    call = ["extract", f"input={folder}", f"lookup={lookup}", "size=32", f"out={out}", LOCAL]
    assert main(call) == 3  # most of the rows failed
    images, uv_maps = rows_of(out, "images"), rows_of(out, "uv_maps")
    return {u["image_id"]: (i, u) for i, u in zip(images, uv_maps, strict=True)}


@pytest.mark.parametrize("name", EXTRACTED)
def test_a_bad_photograph_fails_alone(extracted: dict[str, tuple[dict, dict]], name: str) -> None:
    *_, kind, said = EXTRACTED[name]
    image_id = name.replace("\udce9", r"\xe9")
    image, uv = extracted[image_id]
    assert len(extracted) == len(EXTRACTED)
    assert (uv["status"], uv["error_type"]) == ("failed" if kind else "ok", kind)
    assert (image["image"] is None) == (uv["uv"] is None) == (kind is not None)
    if kind:
        assert re.search(said, uv["error_message"])
        assert f"/{image_id}" in uv["error_message"]  # which file
        assert "\n" not in uv["error_message"]


# --- render: what is wrong with a row of images or uv_maps; error type and message

STORED = quantise(UV).tobytes()
SOURCES = {
    "good": ({}, None, None),
    **{
        name: ({"image": {"bytes": data, "path": None}}, kind, f"'{name}': .*{said}")
        for name, (data, kind, said) in PHOTOGRAPHS.items()
    },
    "null": ({"image": {"bytes": None, "path": None}}, "MissingRow", "'null' has no photograph"),
    "nil": ({"image": None}, "MissingRow", "'nil' has no photograph"),
    "large": (
        {"image": {"bytes": picture("PNG", 48), "path": None}},
        "SizeMismatch",
        "'large': the photograph has 48x48 pixels, its UV map 32x32",
    ),
}
POSES = {
    "fine": ({}, None, None),
    "small": ({"uv": quantise(body_uv(1, 24)).tobytes(), "width": 24, "height": 24}, None, None),
    "empty": ({"uv": quantise(NAN).tobytes()}, "EmptyUvMap", "'empty': nobody is on the UV map"),
    "half": ({"uv": STORED[:2048] + bytes(2048)}, "EmptyUvMap", "'half': nobody is on"),
    "smpl": (
        {"layout": "smpl"},
        "WrongLayout",
        "'smpl' has a UV map of layout smpl, the model needs anny",
    ),
    "cut": (
        {"uv": STORED[:-2]},
        "BadUvMap",
        "'cut': a UV map of 32x32 pixels has 32x32x4 bytes, this one 4094",
    ),
    "floats": ({"uv": UV.tobytes()}, "BadUvMap", "this one 8192"),
    "null": ({"uv": None}, "BadUvMap", "this one 0"),
    "sizeless": ({"width": None}, "BadUvMap", "of Nonex32 pixels"),
    "negative": ({"width": -32, "height": -32}, "BadUvMap", "of -32x-32 pixels"),
    "flat": ({"uv": b"", "height": 0}, "BadUvMap", "of 32x0 pixels"),
    "failed": (
        {"status": "failed", "error_message": "nobody there"},
        "MissingRow",
        "'failed' has no UV map: nobody there",
    ),
    "maybe": ({"status": "OK"}, "MissingRow", "its status is OK"),
}


def put(url: str, name: str, rows: list[dict], file: str = "a.parquet") -> None:
    table = pa.Table.from_pylist(rows, SCHEMAS[name])
    Store(url).put(f"{name}/{file}", parquet_bytes(table))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Renders of each source in a good pose, and of a good source in each pose."""
    folder = tmp_path_factory.mktemp("render")
    size = {"width": SIZE, "height": SIZE}
    image = {"image": {"bytes": picture("PNG"), "path": None}, **size}
    uv = {"layout": "anny", "uv": STORED, "status": "ok", **size}
    names = [*SOURCES, *(name for name in POSES if name not in SOURCES)]
    rows = [{"image_id": n, **image, **SOURCES.get(n, ({},))[0]} for n in names]
    put(str(folder / "c"), "images", rows)
    put(str(folder / "c"), "uv_maps", [{"image_id": n, **uv} for n in names])
    put(str(folder / "p"), "uv_maps", [{"image_id": n, **uv, **POSES[n][0]} for n in POSES])
    pairs = [(name, "fine") for name in SOURCES] + [("good", name) for name in list(POSES)[1:]]
    pairs += [("absent", "fine"), ("good", "absent")]
    config = RenderConfig(
        catalog=str(folder / "c"),
        poses=str(folder / "p"),
        out=str(folder / "out"),
        pairs=write_pairs(folder / "pairs.csv", pairs),
        max_failed_fraction=1,
        execution=Execution(engine="local"),
    )
    assert render.run(config, load_model=StandIn) == 0
    return {row["render_id"]: row for row in rows_of(config.out)}


@pytest.mark.parametrize(
    ("render_id", "kind", "said"),
    [
        *((f"{name}__fine", kind, said) for name, (_, kind, said) in SOURCES.items()),
        *((f"good__{name}", kind, said) for name, (_, kind, said) in POSES.items()),
        ("absent__fine", "MissingRow", "no row 'absent' in images"),
        ("good__absent", "MissingRow", "no row 'absent' in uv_maps"),
    ],
)
def test_a_bad_row_of_a_catalog_fails_alone(
    rendered: dict[str, dict], render_id: str, kind: str | None, said: str | None
) -> None:
    row = rendered[render_id]
    assert (row["status"], row["error_type"]) == ("failed" if kind else "ok", kind)
    assert (row["image"] is None) == (kind is not None)
    assert said is None or re.search(said, row["error_message"])


def test_a_damaged_row_group_fails_its_rows_alone(tmp_path: Path) -> None:
    ids = write_catalog(f"{tmp_path}/c", 150)
    file = tmp_path / "c/uv_maps/00000-of-00001.parquet"
    data = file.read_bytes()
    stored = pa.BufferReader(data)
    about = pq.read_metadata(stored).row_group(1).column(2)  # uv
    start = about.data_page_offset + about.total_compressed_size // 2
    file.write_bytes(data[:start] + bytes(200) + data[start + 200 :])
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], t) for t in ids[95:105]])
    call = ["render", f"catalog={tmp_path}/c", f"pairs={pairs}", f"out={tmp_path}/o", LOCAL]
    assert main(call) == 3
    kinds = [row["error_type"] for row in rows_of(f"{tmp_path}/o")]
    assert kinds == [None] * 5 + ["DamagedTable"] * 5
    assert f"{file}: " in rows_of(f"{tmp_path}/o")[-1]["error_message"]


# --- what makes a whole input ambiguous or unreadable


@pytest.mark.parametrize(
    ("images", "uv_maps", "said"),
    [
        ({}, {}, "c: no catalog there (no images/*.parquet)"),
        ({"a": "a"}, {"a": ""}, "c: no row of uv_maps is ok"),
        ({"a": "a"}, {"a": "x"}, "c: no row has both a photograph and a good UV map"),
        ({"a": ""}, {"a": "a"}, "c: no row has both a photograph and a good UV map"),
        (
            {"a": "ab"},
            {"a": "ab", "b": "b"},
            "c: image_id 'b' stands twice, in row 1 of uv_maps/b.parquet and row 2 of "
            "uv_maps/a.par",
        ),
        (
            {"a": "aba"},
            {"a": "ab"},
            "c: image_id 'a' stands twice, in row 1 of images/a.parquet and row 3 of images/a.parq",
        ),
    ],
    ids=["no files", "no rows", "no pair", "no images", "twice in two files", "twice in one"],
)
def test_an_empty_or_ambiguous_catalog_stops_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], images: dict, uv_maps: dict, said: str
) -> None:
    size = {"width": SIZE, "height": SIZE}
    for file, ids in images.items():
        rows = [{"image_id": i, "image": {"bytes": picture()}, **size} for i in ids]
        put(f"{tmp_path}/c", "images", rows, f"{file}.parquet")
    for file, ids in uv_maps.items():
        rows = [
            {"image_id": i, "layout": "anny", "uv": STORED, "status": "ok", **size} for i in ids
        ]
        put(f"{tmp_path}/c", "uv_maps", rows, f"{file}.parquet")
    call = ["render", f"catalog={tmp_path}/c", f"poses={tmp_path}/c", f"out={tmp_path}/o"]
    assert said in wrong(capsys, *call)
    assert not (tmp_path / "o").exists()


def test_two_pairs_of_one_render_id_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = {"width": SIZE, "height": SIZE}
    ids = ["a", "a__b", "b__c", "c"]
    put(
        f"{tmp_path}/c",
        "images",
        [{"image_id": i, "image": {"bytes": picture()}, **size} for i in ids],
    )
    put(
        f"{tmp_path}/c",
        "uv_maps",
        [{"image_id": i, "layout": "anny", "uv": STORED, "status": "ok", **size} for i in ids],
    )
    call = ["render", f"catalog={tmp_path}/c", f"poses={tmp_path}/c", f"out={tmp_path}/o"]
    assert (
        "two rows would have the id 'a__b__c', that of 'a' and 'b__c' and that of 'a__b' and 'c': "
        "rename one"
    ) in wrong(capsys, *call)


# --- ids

IDS = [
    "a/b/c", 'quote"\'', "a b", " leading", "trailing ", "new\nline", "tab\t", "<b>&amp;</b>",
    "café", "cafe\u0301", "👗🏽", "שלום/ثوب", "%2F?#*", "a,b;c", "NULL", "..", "'); DROP TABLE",
    "x" * 2000,
]  # fmt: skip


def test_any_text_is_an_id_from_extract_to_the_page(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(picture("PNG"))
    np.save(tmp_path / "p.npy", UV)
    pd.DataFrame({"image_id": IDS, "image": "p.png", "uv": "p.npy", "item_id": IDS}).to_parquet(
        tmp_path / "in.parquet"
    )
    catalog, out = f"{tmp_path}/catalog", tmp_path / "out"
    assert (
        main(["extract", f"input={tmp_path}/in.parquet", "size=32", f"out={catalog}", LOCAL]) == 0
    )
    pairs = [(a, b) for a in IDS for b in IDS[-2:] + IDS[:1]]
    pd.DataFrame(pairs, columns=["from", "to"]).to_parquet(tmp_path / "pairs.parquet")
    config = RenderConfig(
        catalog=catalog,
        pairs=f"{tmp_path}/pairs.parquet",
        out=str(out),
        execution=Execution(engine="local"),
    )

    class Smpl(StandIn):
        layout = "smpl"

    assert render.run(config, load_model=Smpl) == 0
    frame = pd.read_parquet(out / "renders")
    assert list(zip(frame.source_id, frame.pose_id, strict=True)) == pairs
    assert frame.status.eq("ok").all()
    query = f"SELECT DISTINCT source_id FROM '{out}/renders/*.parquet'"
    assert {i for (i,) in duckdb.connect().execute(query).fetchall()} == set(IDS)
    page = (out / "index.html").read_text()
    assert "<b>&amp;</b>" not in page
    assert max(map(len, re.findall(r"<small>(.*?)</small>", page, re.S))) < 400
