"""What becomes of the people that a network finds: their choice, their maps and their rows."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from configs.densepose import DensePose
from configs.extract import ExtractConfig
from models.iuv import iuv_from_image
from models.uv_maps import dequantise
from pipelines.cli import main
from pipelines.extract import prepare
from pipelines.runs.execute import execute
from tests.conftest import ROOT
from tests.helpers.catalogs import rows_of
from tests.helpers.densepose import RedBoxes, paint, write_lookup
from tests.helpers.densepose_seeded import seeded_file
from workers.data.catalog import Catalog
from workers.data.errors import SizeMismatch
from workers.data.tables import SCHEMAS
from workers.extraction.densepose.batches import batches
from workers.extraction.densepose.detection import Person
from workers.extraction.densepose.people import iuv_image, uv_map
from workers.extraction.densepose.worker import DensePoseWorker
from workers.extraction.extraction import Photo
from workers.extraction.extractors import extraction_of
from workers.extraction.inputs import photographs
from workers.extraction.people import chosen
from workers.extraction.precomputed import ORIGIN
from workers.extraction.windows import WINDOW_PIXELS
from workers.shards.rows import Origin
from workers.shards.shard import Rows, made_tables

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
STAND_IN = Origin("stand-in", "smpl")
TWO = [(10, 20, 30, 60, 90), (60, 10, 20, 40, 99)]  # the larger one, and the surer one


@pytest.fixture(scope="module")
def lookup(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_lookup(tmp_path_factory.mktemp("lookup") / "smpltexmap.npy")


@pytest.fixture
def config(tmp_path: Path, lookup: str) -> Any:
    """Makes configs of a folder of photographs; keys with a dot are DensePose's."""
    (tmp_path / "weights.pkl").write_bytes(b"")

    def make(**keys: Any) -> ExtractConfig:
        densepose = {"weights": f"{tmp_path}/weights.pkl", "backend": "torchvision"}
        densepose |= keys.pop("densepose", {})
        values = {"input": f"{tmp_path}/photos", "out": f"{tmp_path}/out", "lookup": lookup}
        values |= {"extractor": "densepose", "densepose": densepose, "size": "native"}
        return ExtractConfig.model_validate(values | keys)

    return make


def extract(config: ExtractConfig) -> dict[str, tuple[dict, dict]]:
    """Rows of both tables by image id."""
    worker = DensePoseWorker(config, STAND_IN, RedBoxes)
    tables = made_tables(("images", "uv_maps"), worker(photographs(config).photos))
    for name, table in tables.items():
        assert table.schema.equals(SCHEMAS[name])
    rows = zip(tables["images"].to_pylist(), tables["uv_maps"].to_pylist(), strict=True)
    return {uv["image_id"]: (image, uv) for image, uv in rows}


def precomputed(config: ExtractConfig) -> Iterator[Rows]:
    """Rows of photographs with maps."""
    extraction = extraction_of(config)
    return extraction.job.make_worker()(extraction.input.photos)


def stored(row: dict) -> np.ndarray:
    """A row's UV map, (2, H, W)."""
    return dequantise(np.frombuffer(row["uv"], "<u2").reshape(2, row["height"], row["width"]))


def extent(row: dict) -> tuple[int, ...]:
    """Left, top, width and height of the body on a row's UV map."""
    rows, columns = np.nonzero(~np.isnan(stored(row)[0]))
    left, top = columns.min(), rows.min()
    return left, top, columns.max() + 1 - left, rows.max() + 1 - top


# --- choice


BOXES = np.array([[0, 0, 40, 40], [45, 40, 60, 60], [70, 0, 90, 30]], np.float32)
SCORES = np.array([0.85, 0.9, 0.95], np.float32)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"person": "largest"}, [0]),
        ({"person": "score"}, [2]),
        ({"person": "centre"}, [1]),
        ({"person": "all"}, [2, 1, 0]),
        ({"person": "largest", "min_score": 0.88}, [2]),
        ({"person": "all", "min_side": 25}, [2, 0]),
        ({"person": "all", "min_score": 0.99}, []),
        ({"person": "largest", "min_score": 0.99}, []),
    ],
)
def test_people_are_chosen(settings: dict, expected: list[int]) -> None:
    assert chosen(BOXES, SCORES, 100, 100, DensePose(**settings)) == expected


@pytest.mark.parametrize("person", ["largest", "score", "centre"])
def test_equal_claims_go_to_the_first(person: Any) -> None:
    boxes, scores = np.repeat(BOXES[:1], 3, axis=0), np.full(3, 0.9)
    assert chosen(boxes, scores, 100, 100, DensePose(person=person)) == [0]


def test_people_are_pasted_as_densepose_quantises_them() -> None:
    labels = np.array([[0, 1, 24]], np.uint8)
    uv = np.array([[[0.5, 0.999, 1.0]], [[0.5, 0.0, 100 / 255]]], np.float32)
    person = Person(np.array([2.9, 1.2, 5.9, 2.3], np.float32), 0.9, labels, uv)
    iuv = iuv_image(person, 4, 6)
    assert iuv[1, 2:5].tolist() == [[0, 0, 0], [1, 254, 0], [24, 255, 100]]
    assert np.count_nonzero(iuv.any(axis=-1)) == 2
    with pytest.raises(SizeMismatch, match=r"3x1 pixels at \(2, 1\), reaches beyond .* of 4x4"):
        iuv_image(person, 4, 4)


def test_a_person_s_map_has_no_steps_of_8_bits(lookup: str) -> None:
    labels = np.array([[0, 1, 24]], np.uint8)
    uv = np.array([[[0.5, 0.9991, 0.1234]], [[0.5, 0.0, 0.4567]]], np.float32)
    person = Person(np.array([2.9, 1.2, 5.9, 2.3], np.float32), 0.9, labels, uv)
    found = uv_map(person, np.load(lookup), 4, 6)
    assert np.count_nonzero(~np.isnan(found).any(axis=-1)) == 2
    expected = [[2 * 0.9991 - 1, 1], [2 * 0.1234 - 1, 1 - 2 * 0.4567]]
    np.testing.assert_allclose(found[1, 3:5], expected, atol=1e-5)
    with pytest.raises(SizeMismatch, match=r"3x1 pixels at \(2, 1\), reaches beyond .* of 4x4"):
        uv_map(person, np.load(lookup), 4, 4)


def test_only_photographs_of_one_padded_size_share_a_batch() -> None:
    assert list(batches(["a", "b", "a", "a", "b"], 2)) == [[0, 2], [3], [1, 4]]


# --- rows


def test_each_kind_of_photograph_has_its_row(config: Any, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    paint(photos / "border.png", (64, 64), (40, 0, 24, 64, 90))
    paint(photos / "nobody.png", (64, 64))
    paint(photos / "several.png", (100, 100), *TWO)
    paint(photos / "small.png", (40, 40), (10, 5, 20, 30, 90))
    paint(photos / "tiny.png", (64, 64), (10, 10, 4, 6, 90))
    paint(photos / "unsure.png", (64, 64), (10, 10, 40, 40, 70))
    paint(photos / "wide.png", (8000, 1000), (7000, 100, 500, 900, 90))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    paint(photos / "turned.png", (64, 64), (0, 0, 20, 30, 90), exif=exif)
    (photos / "broken.jpg").write_bytes(b"no image")
    made = extract(config())
    ok = {name: extent(uv) for name, (_, uv) in made.items() if uv["status"] == "ok"}
    assert ok == {
        "border": (40, 0, 24, 64),
        "several": (10, 20, 30, 60),
        "small": (10, 5, 20, 30),
        "turned": (44, 34, 20, 30),
        "wide": (7000, 100, 500, 900),
    }
    faults = {name: uv["error_type"] for name, (_, uv) in made.items() if uv["status"] != "ok"}
    nobody = dict.fromkeys(("nobody", "tiny", "unsure"), "NobodyFound")
    assert faults == {"broken": "BadImage", **nobody}
    image, uv = made["several"]
    assert (image["width"], image["height"]) == (uv["width"], uv["height"]) == (100, 100)
    assert uv["score"] == pytest.approx(0.9)
    assert {uv["extractor"] for _, uv in made.values()} == {"stand-in"}
    assert image["image"]["bytes"] == (photos / "several.png").read_bytes()


def test_a_person_is_cut_out_with_a_margin(config: Any, tmp_path: Path) -> None:
    paint(tmp_path / "photos/a.png", (100, 100), *TWO)
    (_, uv), *_ = extract(config(crop="person", margin=0.1, size=72)).values()
    assert (uv["width"], uv["height"]) == (72, 72)
    assert extent(uv) == (21, 6, 30, 60)


def test_nobody_is_left_of_a_person_far_away(config: Any, tmp_path: Path) -> None:
    paint(tmp_path / "photos/far.png", (8000, 200), (100, 10, 20, 12, 90))
    (_, uv), *_ = extract(config(size=32)).values()
    assert uv["error_type"] == "EmptyUvMap"
    assert "crop=person may help" in uv["error_message"]


def test_all_people_become_rows_by_score(config: Any, tmp_path: Path) -> None:
    paint(tmp_path / "photos/a.png", (100, 100), *TWO)
    paint(tmp_path / "photos/b.png", (100, 100), TWO[0])
    made = extract(config(densepose={"person": "all"}, crop="person"))
    assert list(made) == ["a", "a@2", "b"]
    assert [uv["score"] for _, uv in made.values()] == pytest.approx([0.99, 0.9, 0.9])
    assert [uv["width"] for _, uv in made.values()] == [28, 42, 42]


def test_memory_holds_a_window_of_photographs(config: Any, tmp_path: Path) -> None:
    for i in range(10):
        paint(tmp_path / f"photos/{i}.png", (64, 64), (0, 0, 20, 30, 90))
    settings = config(execution={"microbatch": 2}, max_pixels=10**9)
    finder = RedBoxes(settings)
    keys = photographs(settings).photos
    rows = list(DensePoseWorker(settings, STAND_IN, lambda _: finder)(keys))
    assert [len(call) for call in finder.calls] == [8, 2]
    assert [row["uv_maps"][0]["image_id"] for row in rows] == [str(i) for i in range(10)]
    side = int((0.4 * WINDOW_PIXELS) ** 0.5)
    for i in range(3):
        paint(tmp_path / f"photos/{i}.png", (side, side), (0, 0, 20, 30, 90))
    finder.calls.clear()
    list(DensePoseWorker(settings, STAND_IN, lambda _: finder)(keys))
    assert [len(call) for call in finder.calls] == [2, 8]


def test_an_error_of_the_network_is_the_photographs_alone(config: Any, tmp_path: Path) -> None:
    for i in range(4):
        paint(tmp_path / f"photos/{i}.png", (64, 64 + i), (0, 0, 20, 30, 90))

    class Fragile(RedBoxes):
        def people(self, pixels: np.ndarray) -> list[Person]:
            if len(pixels) == 66:
                raise RuntimeError("cannot see this one")
            return super().people(pixels)

    settings = config(execution={"microbatch": 4})
    keys = photographs(settings).photos
    worker = DensePoseWorker(settings, STAND_IN, Fragile)
    status = [row["uv_maps"][0].get("error_type") for row in worker(keys)]
    assert status == [None, None, "RuntimeError", None]


# --- runs


def run(config: ExtractConfig) -> dict[str, Any]:
    plan, extraction = prepare(config)
    make_worker = partial(DensePoseWorker, config, STAND_IN, RedBoxes)
    return execute(replace(extraction.job, make_worker=make_worker), plan, config)


@pytest.mark.ray
def test_engines_make_the_same_rows_of_all_people(
    ray_session: None, config: Any, tmp_path: Path
) -> None:
    for i in range(9):
        paint(tmp_path / f"photos/{i}.png", (100, 100), *TWO[: i % 3])
    tables = []
    for engine in ("local", "ray"):
        settings = config(
            out=f"{tmp_path}/{engine}",
            densepose={"person": "all"},
            shard_rows=4,
            execution={"engine": engine, "workers": 2},
        )
        manifest = run(settings)
        assert manifest["totals"] == {
            "rows": 9,
            "ok": 6,
            "failed": 3,
            "failures": {"NobodyFound": 3},
            "shards": 3,
        }
        assert manifest["identity"]["model"]["sha256"] == EMPTY_SHA256
        tables.append([rows_of(settings.out, table) for table in ("images", "uv_maps")])
        about = pq.read_schema(f"{settings.out}/uv_maps/00000-of-00003.parquet").metadata
        about = json.loads((about or {})[b"reposer.densepose"])
        assert about["sha256"] == EMPTY_SHA256
        assert (about["person"], about["backend"]) == ("all", "torchvision")
    assert tables[0] == tables[1]
    assert [row["image_id"] for row in tables[0][1]][:5] == ["0", "1", "2", "2@2", "3"]
    assert [row["status"] for row in tables[0][1]].count("ok") == 9


def test_failed_photographs_are_tried_again_among_all_people(config: Any, tmp_path: Path) -> None:
    for name in "abc":
        paint(tmp_path / f"photos/{name}.png", (100, 100), *TWO)
    whole = (tmp_path / "photos/b.png").read_bytes()
    (tmp_path / "photos/b.png").write_bytes(bytes(len(whole)))
    settings = {"densepose": {"person": "all"}, "execution": {"engine": "local"}}
    assert run(config(**settings))["totals"]["failures"] == {"BadImage": 1}
    (tmp_path / "photos/b.png").write_bytes(whole)
    again = config(**settings, retry_failed=True)
    assert run(again)["totals"]["ok"] == 3
    ids = [row["image_id"] for row in rows_of(again.out, "uv_maps")]
    assert ids == ["a", "a@2", "b", "b@2", "c", "c@2"]
    assert ids == [row["image_id"] for row in rows_of(again.out, "images")]


@pytest.mark.parametrize("order", ["vui", "iuv"])
def test_written_iuv_images_make_the_same_catalog(
    config: Any, tmp_path: Path, order: str, store_url: str
) -> None:
    paint(tmp_path / "photos/a.png", (100, 100), *TWO)
    paint(tmp_path / "photos/nobody.png", (100, 100))
    settings = config(densepose={"iuv": order}, out=store_url, execution={"engine": "local"})
    run(settings)
    other = config(extractor="precomputed", uv=f"{store_url}/iuv", out=f"{tmp_path}/other")
    tables = made_tables(("images", "uv_maps"), precomputed(other))
    assert tables["images"].to_pylist() == rows_of(store_url, "images")
    ours, theirs = rows_of(store_url, "uv_maps")[0], tables["uv_maps"].to_pylist()[0]
    step = np.abs(stored(ours) - stored(theirs))[~np.isnan(stored(ours))].max()
    assert 0 < step < 2 / 255 + 1e-4  # 8 bits a chart
    assert {**ours, "score": None, "extractor": "precomputed", "uv": theirs["uv"]} == theirs


class Finds:
    """Finds one person on every photograph."""

    window = 1

    def __init__(self, person: Person):
        self.person = person

    def __call__(self, photographs: Sequence[tuple[Photo, np.ndarray]]) -> list[list[Person]]:
        return [[self.person] for _ in photographs]


def test_the_demo_s_map_gives_the_rows_of_precomputed(real: Path, tmp_path: Path) -> None:
    """Everything after the network, on the DensePose project's own demo photograph."""
    demo = real / "densepose_demo"
    iuv = iuv_from_image(np.asarray(Image.open(demo / "demo_im_IUV.png")))
    whose = np.asarray(Image.open(demo / "demo_im_INDS.png"))
    people = []
    for one in np.unique(whose[iuv[..., 0] > 0]):
        rows, columns = np.nonzero((whose == one) & (iuv[..., 0] > 0))
        top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        cut = iuv[top:bottom, left:right] * (whose[top:bottom, left:right] == one)[..., None]
        uv = np.moveaxis(cut[..., 1:] / np.float32(255), -1, 0)
        box = np.array([left, top, right, bottom], np.float32)
        people.append((len(rows), Person(box, 0.9, cut[..., 0], uv)))
    most = max(people, key=lambda person: person[0])[1]
    (tmp_path / "weights.pkl").touch()
    for keys in ({}, {"crop": "person"}, {"size": "native", "crop": "person", "margin": 0.3}):
        values = {"input": f"{demo}/demo_im.jpg*", "out": "unused", **keys}
        theirs = ExtractConfig.model_validate({**values, "input": f"{demo}/demo_im*"})
        try:
            (expected,) = precomputed(theirs)
        except ValueError as error:  # no lookup
            pytest.skip(str(error))
        ours = ExtractConfig.model_validate(
            values | {"extractor": "densepose", "densepose": {"weights": f"{tmp_path}/weights.pkl"}}
        )
        worker = DensePoseWorker(ours, ORIGIN, lambda _: Finds(most))
        (rows,) = worker(photographs(ours).photos)
        found, known = rows["uv_maps"][0], expected["uv_maps"][0]
        assert found.pop("score") == 0.9
        # Of an IUV image, other than of a network, the steps of 8 bits are smoothed out.
        off = np.abs(stored(found) - stored(known)).max(axis=0)
        assert np.nanquantile(off, 0.98) < 0.01
        del found["uv"], known["uv"]
        assert rows == expected
        assert expected["uv_maps"][0]["status"] == "ok"


def test_the_command_runs_the_network(tmp_path: Path, lookup: str) -> None:
    """On torchvision, with seeded weights, which find somebody nearly everywhere."""
    weights = seeded_file("densepose_rcnn_R_50_FPN_s1x")
    (tmp_path / "model.pkl").write_bytes(weights)
    sample = Catalog(str(ROOT / "assets/sample"))
    (tmp_path / "photos").mkdir()
    for i, image_id in enumerate(sample.images.ids.to_pylist()[:4]):
        (tmp_path / f"photos/{i}.jpg").write_bytes(sample.photograph_file(image_id))
    call = ["extract", f"input={tmp_path}/photos", f"out={tmp_path}/out", f"lookup={lookup}"]
    call += ["extractor=densepose", f"densepose.weights={tmp_path}/model.pkl"]
    call += ["densepose.backend=torchvision", "densepose.min_score=0.05"]
    call += ["densepose.short_side=160", "densepose.long_side=266", "size=native"]
    call += ["execution.engine=local", "execution.microbatch=3", "max_failed_fraction=1"]
    assert main(call) == 0
    rows = rows_of(f"{tmp_path}/out", "uv_maps")
    assert {row["extractor"] for row in rows} == {"torchvision/densepose_rcnn_R_50_FPN_s1x"}
    found = [row for row in rows if row["status"] == "ok"]
    assert found
    assert all(0.05 < row["score"] <= 1 for row in found)
    assert {row["error_type"] for row in rows} <= {None, "NobodyFound", "EmptyUvMap"}
    model = json.loads((tmp_path / "out/manifest.json").read_text())["identity"]["model"]
    assert model["sha256"] == hashlib.sha256(weights).hexdigest()
