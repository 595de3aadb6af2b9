"""`extract parsing.folder= parsing.labels=`: catalogs whose labels come from human parsers."""

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assets import SAMPLE
from configs.extract import ExtractConfig
from configs.fields import ImageFormat
from models.lookup import SHAPE
from pipelines.cli import main
from tests.helpers.catalogs import rows_of
from tests.helpers.commands import wrong
from tests.helpers.densepose import RedBoxes, paint, write_lookup
from tests.helpers.parsings import FOUR_BITS, KINDS, file_of, parsed, saved
from workers.data.catalog import Catalog
from workers.data.images import encode, read_map
from workers.data.storage import Store
from workers.extraction.bodyfit import networks
from workers.extraction.catalog_rows import read_lookup
from workers.extraction.densepose.worker import DensePoseWorker
from workers.extraction.inputs import photographs
from workers.extraction.parsing.parsings import parsings_of, tables_with
from workers.extraction.parsing.tables import TABLES
from workers.extraction.precomputed import ORIGIN
from workers.shards.shard import made_tables
from world.labels import BACKGROUND, FACE, HAIR, HANDS, SHOES, SKIN, TOP, TROUSERS

LOCAL = "execution.engine=local"
HEIGHT, WIDTH, LEFT, RIGHT = 96, 64, 16, 48
# A person from head to feet: from and to which row, DensePose's chart, and the code.
BANDS = [
    (4, 10, 23, HAIR),
    (10, 18, 24, FACE),
    (18, 44, 2, TOP),
    (44, 50, 3, HANDS),
    (50, 70, 7, TROUSERS),
    (70, 80, 11, SKIN),
    (80, 90, 5, SHOES),
]
IUV = np.zeros((HEIGHT, WIDTH, 3), np.uint8)  # V, U, I
CODES = np.zeros((HEIGHT, WIDTH), np.uint8)
for top, bottom, chart, code in BANDS:
    IUV[top:bottom, LEFT:RIGHT] = 200, 100, chart
    CODES[top:bottom, LEFT:RIGHT] = code
WITHOUT_HANDS = np.where(CODES == HANDS, SKIN, CODES)  # as most parsers see it
LIP = parsed(CODES, "lip")
NOISE = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
PNG = ImageFormat(format="png")
ARRAY = "bytes", "npy"


@pytest.fixture(scope="module")
def lookup(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Each chart in its own square of the sheet, so that a texel tells its part of the body."""
    v, u = np.mgrid[0.1:0.9:256j, 0.1:0.9:256j]
    places = [np.stack([(u + n % 5) / 5, (v + n // 5) / 5], axis=-1) for n in range(SHAPE[0])]
    path = tmp_path_factory.mktemp("lookup") / "smpltexmap.npy"
    np.save(path, np.array(places, np.float32))
    return str(path)


Extract = Callable[..., Catalog]


@pytest.fixture
def extract(tmp_path: Path, lookup: str) -> Extract:
    """Writes photographs of the person with IUV images, their parsings, and runs the command.

    `parsings` are bytes by file name; the photograph has the name up to the dot.
    """

    def run(
        parsings: dict[str, bytes | None], *keys: str, labels: str = "lip", code: int = 0
    ) -> Catalog:
        photos, folder = tmp_path / "photos", tmp_path / "parsed"
        for name, data in parsings.items():
            for path in (photos / name, folder / name):
                path.parent.mkdir(parents=True, exist_ok=True)
            if data is not None:
                (folder / name).write_bytes(data)
            Image.fromarray(NOISE).save((photos / name).with_suffix(".png"))
            Image.fromarray(IUV).save(photos / f"{Path(name).stem}_IUV.png")
        call = ["extract", f"input={photos}", f"lookup={lookup}", f"out={tmp_path}/out"]
        parsing = [f"parsing.folder={folder}", f"parsing.labels={labels}", "size=native"]
        assert main([*call, *parsing, LOCAL, *keys]) == code
        return Catalog(f"{tmp_path}/out")

    return run


@pytest.mark.parametrize("table", TABLES)
def test_each_table_s_numbers_become_our_codes(
    extract: Extract, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = extract({"a.png": file_of(parsed(CODES, table))}, labels=table)
    hands = HANDS in [label.code for label in TABLES[table]]
    np.testing.assert_array_equal(catalog.segmentation("a"), CODES if hands else WITHOUT_HANDS)
    np.testing.assert_array_equal(catalog.person("a"), CODES != BACKGROUND)
    told = capsys.readouterr().out
    assert re.search(rf"^labels +1 parsings, by {table}: background 55\.2%, ", told, re.MULTILINE)
    assert "doubtful" not in told
    page = Store(catalog.store.url).read("index.html").decode()
    assert f"Labels of 1 parsings, by {table}" in page


def test_each_kind_of_file_is_read(extract: Extract) -> None:
    names = {f"{n}.{kind[1]}": kind for n, kind in enumerate(KINDS)}
    catalog = extract({name: file_of(LIP, kind) for name, kind in names.items()})
    for name in names:
        found = catalog.segmentation(name.partition(".")[0])
        np.testing.assert_array_equal(found, WITHOUT_HANDS)


@pytest.mark.s3
def test_parsings_are_read_from_s3(
    s3_url: str, lookup: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(f"{s3_url}/{uuid.uuid4().hex}")
    for name in ("a", "deep/b", "lost"):
        store.put(f"photos/{name}.png", encode(NOISE, PNG))
        store.put(f"photos/{name}_IUV.png", encode(IUV, PNG))
    store.put("parsed/a.png", file_of(LIP))
    store.put("parsed/deep/b.png", file_of(LIP))
    store.put("parsed/nobody.png", file_of(LIP))
    call = ["extract", f"input={store.url}/photos/**", f"lookup={lookup}", f"out={store.url}/out"]
    call += [f"parsing.folder={store.url}/parsed/**", "parsing.labels=lip", "size=native", LOCAL]
    assert main([*call, "max_failed_fraction=0.5"]) == 0
    assert f"{store.url}/parsed" in capsys.readouterr().err  # nobody.png is not read
    catalog = Catalog(f"{store.url}/out")
    for name in ("a", "deep/b"):
        np.testing.assert_array_equal(catalog.segmentation(name), WITHOUT_HANDS)
    failed = [row for row in rows_of(catalog.store.url, "uv_maps") if row["status"] != "ok"]
    assert [(row["image_id"], row["error_type"]) for row in failed] == [("lost", "MissingParsing")]
    assert f"{store.url}/parsed/" in failed[0]["error_message"]


def test_four_bits_are_read_as_they_are(extract: Extract) -> None:
    catalog = extract({"a.png": file_of(parsed(CODES, "atr"), FOUR_BITS)}, labels="atr")
    np.testing.assert_array_equal(catalog.segmentation("a"), WITHOUT_HANDS)


def changed(numbers: np.ndarray, *to: int) -> np.ndarray:
    """Labels with other numbers in the first row, integers of 64 bits."""
    numbers = numbers.astype(np.int64)
    numbers[0, : len(to)] = to
    return numbers


FAULTS: dict[str, tuple[bytes | None, str | None, str]] = {
    "good.png": (file_of(LIP), None, ""),
    "missing.png": (None, "MissingParsing", "no parsing of its name in /"),
    "empty.png": (b"", "BadImage", "the image file is empty"),
    "cut.png": (file_of(LIP)[:-40], "BadImage", "the PNG image is damaged"),
    "words.png": (b"no image", "BadImage", "not an image file of a known kind"),
    "jpeg.jpg": (encode(NOISE, ImageFormat()), "BadParsing", "saved as JPEG has changed labels"),
    "unknown.png": (
        file_of(changed(LIP, 25, 21).astype(np.uint8)),
        "UnknownLabel",
        "lip has numbers up to 19, not 21, 25: see parsing.labels",
    ),
    "negative.npy": (file_of(changed(LIP, -1), ARRAY), "UnknownLabel", "not -1"),
    "large.npy": (file_of(changed(LIP, 2**40), ARRAY), "UnknownLabel", "not 1099511627776"),
    "small.png": (
        file_of(LIP[::2, ::2]),
        "SizeMismatch",
        "it has 32x48 pixels, the photograph 64x96: parse the photograph as it is",
    ),
    "turned.png": (file_of(np.ascontiguousarray(LIP.T)), "SizeMismatch", "it has 96x64 pixels"),
    "colours.png": (
        encode(NOISE, PNG),
        "BadParsing",
        r"colours of no one palette of labels, such as \(\d+, \d+, \d+\): save the label numbers",
    ),
    "softened.png": (
        saved(Image.fromarray(NOISE // 128 * 128).resize((48, 72)).resize((WIDTH, HEIGHT))),
        "BadParsing",
        "colours of no one palette",
    ),
    "deep.png": (
        saved(Image.fromarray(LIP.astype(np.float32)), "TIFF"),
        "BadParsing",
        "no whole numbers",
    ),
    "mask.png": (saved(Image.fromarray(CODES > 0)), "BadParsing", "of 1 bit is a mask"),
    "bool.npy": (file_of(CODES > 0, ARRAY), "BadParsing", "Sapiens has them in NAME_seg.npy"),
    "floats.npy": (file_of(LIP.astype(np.float32), ARRAY), "BadParsing", r"\(96, 64\) float32"),
    "stack.npy": (file_of(np.stack([LIP] * 2), ARRAY), "BadParsing", r"\(2, 96, 64\) uint8"),
    "header.npy": (b"\x93NUMPY", "BadParsing", "no .npy file of numbers"),
    "pickle.npy": (file_of(np.array([{}]), ARRAY), "BadParsing", "no .npy file of numbers"),
}


def test_a_bad_parsing_fails_its_photograph_alone(
    extract: Extract, capsys: pytest.CaptureFixture[str]
) -> None:
    parsings = {name: data for name, (data, _, _) in FAULTS.items()}
    url = extract(parsings, code=3).store.url
    folder = url.removesuffix("out") + "parsed"
    rows = {row["image_id"]: row for row in rows_of(url, "uv_maps")}
    assert len(rows) == len(FAULTS) == len(rows_of(url, "annotations"))
    for name, (_, kind, said) in FAULTS.items():
        row = rows[name.partition(".")[0]]
        assert (row["status"], row["error_type"]) == ("failed" if kind else "ok", kind), row
        assert re.search(said, row["error_message"] or "")
        assert "\n" not in (row["error_message"] or "")
        assert kind in (None, "MissingParsing") or f"{folder}/{name}" in row["error_message"]
    np.testing.assert_array_equal(Catalog(url).segmentation("good"), WITHOUT_HANDS)
    told = capsys.readouterr().out
    assert "lip has numbers up to 19, some parsings have 21, 25\n" in told


def test_two_files_that_may_be_meant_fail_the_photograph(tmp_path: Path, extract: Extract) -> None:
    (tmp_path / "parsed").mkdir()
    np.save(tmp_path / "parsed/a.npy", LIP)
    url = extract({"a.png": file_of(LIP), "b.png": file_of(LIP)}, code=3).store.url
    row, _ = rows_of(url, "uv_maps")
    assert row["error_type"] == "BadParsing"
    assert re.search(r"a\.npy and .*a\.png may both be its parsing: keep one", row["error_message"])


def test_what_belongs_to_nobody_is_named(
    tmp_path: Path, extract: Extract, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parsed").mkdir()
    (tmp_path / "parsed/a_vis.png").touch()
    extract({"a.png": file_of(LIP)})
    assert f"ignored in {tmp_path}/parsed (1): a_vis.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["parsing=lip"], "parsing=lip: its keys are parsing.folder, parsing.labels"),
        (["parsing.folder=f"], "parsing.labels= is missing"),
        (["parsing.labels=atr"], "parsing.folder= is missing"),
        (["parsing.folder=f", "parsing.labels=ATR"], "expected lip, cihp, viton-hd, atr, "),
        (["parsing.folder=/no/where", "parsing.labels=atr"], "/no/where: no such folder"),
    ],
)
def test_wrong_keys_end_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: list[str], said: str
) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.full((HEIGHT, WIDTH, 2), 0.5, np.float32))
    assert said in wrong(capsys, "extract", f"input={tmp_path}", f"out={tmp_path}/out", *keys)


def test_a_folder_without_a_parsing_of_these_photographs_ends_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parsed").mkdir()
    (tmp_path / "parsed/b.png").touch()
    test_wrong_keys_end_in_a_line(
        tmp_path,
        capsys,
        [f"parsing.folder={tmp_path}/parsed", "parsing.labels=lip"],
        "none of its 1 files belongs to a photograph (a.png wanted)",
    )


def test_labels_are_framed_as_the_photograph_is(extract: Extract) -> None:
    catalog = extract({"a.png": file_of(LIP)}, "size=64", "crop=person", "margin=0.2")
    labels, body = catalog.segmentation("a"), catalog.body("a")
    assert labels.shape == body.shape == (64, 64)
    np.testing.assert_array_equal(labels > 0, body)
    heads = np.flatnonzero((labels == HAIR).any(axis=1))
    assert heads.min() == np.flatnonzero(body.any(axis=1)).min()


def test_a_pose_alone_has_no_parsing(tmp_path: Path, extract: Extract) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(IUV).save(tmp_path / "photos/pose_IUV.png")
    catalog = extract({"a.png": file_of(LIP)})
    parsed, pose = rows_of(catalog.store.url, "annotations")
    assert parsed["segmentation"] is not None
    assert (pose["image_id"], pose["segmentation"]) == ("pose", None)


def test_the_table_parsings_counts_each_label_by_part_of_the_body(extract: Extract) -> None:
    rows = rows_of(extract({"a.png": file_of(LIP)}).store.url, "parsings")
    counted = {(row["part"], row["label"]): row["pixels"] for row in rows}
    width = RIGHT - LEFT
    assert counted == {
        ("off", "background"): HEIGHT * WIDTH - 86 * width,
        ("head", "hair"): 6 * width,
        ("head", "face"): 8 * width,
        ("body", "upper_clothes"): 26 * width,
        ("hands", "left_arm"): 6 * width,
        ("thighs", "pants"): 20 * width,
        ("below_knees", "left_arm"): 10 * width,
        ("below_knees", "left_shoe"): 10 * width,
    }


def test_the_same_command_resumes_and_another_table_is_another_run(
    extract: Extract, capsys: pytest.CaptureFixture[str]
) -> None:
    parsings = {"a.png": file_of(LIP)}
    catalog = extract(parsings)
    plan = json.loads(Store(catalog.store.url).read("plan.json"))
    assert plan["identity"]["parsing"]["labels"] == "lip"
    assert "parsing" not in plan["identity"]["config"]
    capsys.readouterr()
    extract(parsings)
    assert "1 parsings, by lip" in capsys.readouterr().out
    extract(parsings, labels="cihp", code=2)
    assert "parsing.labels: lip there, cihp now" in capsys.readouterr().err
    extract({"a.png": file_of(np.zeros_like(LIP))}, code=2)
    assert "parsing.files: " in capsys.readouterr().err


def test_of_several_people_each_has_the_whole_picture_s_labels(tmp_path: Path) -> None:
    paint(tmp_path / "photos/a.png", (100, 80), (10, 20, 30, 50, 90), (60, 10, 20, 40, 99))
    labels = np.arange(8000).reshape(80, 100).astype(np.uint8) % 20
    (tmp_path / "parsed").mkdir()
    (tmp_path / "parsed/a.png").write_bytes(file_of(labels))
    config = ExtractConfig.model_validate(
        {
            "input": f"{tmp_path}/photos",
            "out": "unused",
            "lookup": write_lookup(tmp_path / "lookup.npy"),
            "extractor": "densepose",
            "densepose": {"person": "all"},
            "parsing": {"folder": f"{tmp_path}/parsed", "labels": "lip"},
            "size": "native",
        }
    )
    found, parsings = parsings_of(config, photographs(config), "smpl", lambda: read_lookup(config))
    worker = DensePoseWorker(config, ORIGIN, RedBoxes, parsings)
    tables = made_tables(tables_with(parsings), worker(found.photos))
    rows = tables["annotations"].to_pylist()
    assert [row["image_id"] for row in rows] == ["a", "a@2"]
    codes = np.array([label.code for label in TABLES["lip"]])
    for row in rows:
        np.testing.assert_array_equal(read_map(row["segmentation"]["bytes"], 10**6), codes[labels])


@pytest.fixture(scope="module")
def world() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Names, photographs and codes of three people of the sample world, seen from the front."""
    catalog = Catalog(str(SAMPLE))
    names = [f"item-{item:06d}_view-00" for item in (0, 4, 10)]
    return [(name, catalog.photograph(name), catalog.segmentation(name)) for name in names]


@pytest.mark.parametrize("shoes", [True, False])
def test_lip_read_as_atr_is_told_on_bodies_that_were_fitted(
    tmp_path: Path,
    world: list[tuple[str, np.ndarray, np.ndarray]],
    capsys: pytest.CaptureFixture[str],
    shoes: bool,
) -> None:
    """With shoes, whose numbers ATR does not have, the rows fail; without, nothing else tells."""
    try:
        networks.check()
    except ValueError as error:
        pytest.skip(str(error))
    for folder in ("photos", "lip"):
        (tmp_path / folder).mkdir()
    for name, photograph, codes in world:
        Image.fromarray(photograph).save(tmp_path / f"photos/{name}.png")
        worn = codes if shoes else np.where(codes == SHOES, TROUSERS, codes)
        (tmp_path / f"lip/{name}.png").write_bytes(file_of(parsed(worn, "lip")))
    call = ["extract", f"input={tmp_path}/photos", "extractor=bodyfit", "size=128", LOCAL]
    call += [f"parsing.folder={tmp_path}/lip"]
    assert main([*call, "parsing.labels=atr", f"out={tmp_path}/atr"]) == (3 if shoes else 0)
    told = capsys.readouterr().out
    assert re.search("doubtful +these look like labels of lip, cihp, viton-hd: ", told)
    assert "no parsing has a face" in told
    assert ("3 UnknownLabel" in told) == shoes
    if shoes:
        assert main([*call, "parsing.labels=lip", f"out={tmp_path}/lip-out"]) == 0
        assert "these look like" not in capsys.readouterr().out
        catalog = Catalog(f"{tmp_path}/lip-out")
        for name, _, codes in world:
            there = catalog.segmentation(name)
            assert set(np.unique(there)) == set(np.unique(np.where(codes == HANDS, SKIN, codes)))
            assert catalog.keypoints(name).shape == (18, 3)
