"""Fitting bodies to photographs: each step by what is known of it, then the whole chain."""

import csv
import html
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from assets import SAMPLE
from configs.bodyfit import BodyFit
from configs.extract import ExtractConfig
from configs.fields import ImageFormat
from models.skinned_body import SkinnedBody, rotation
from models.uv_maps import dequantise
from pipelines.cli import main
from pipelines.extract import prepare
from tests.helpers.catalogs import rows_of
from workers.data.catalog import Catalog
from workers.data.images import encode
from workers.data.storage import Store
from workers.extraction.bodyfit import SIDE, networks
from workers.extraction.bodyfit.body import TRAITS, fit_body, shape_weights
from workers.extraction.bodyfit.fit import fit
from workers.extraction.bodyfit.landmarks import SWAPPED, Landmarks
from workers.extraction.bodyfit.people import BodyFitter
from workers.extraction.bodyfit.readings import FACINGS, sighting, yaw
from workers.extraction.bodyfit.surface import Surface
from workers.extraction.bodyfit.warp import membrane, smooth
from workers.extraction.extractors import extraction_of
from workers.extraction.regions import Region, cut
from workers.map_errors import errors
from workers.shards.shard import made_tables
from world import bodies, labels

FRONT, BACK = "item-000000_view-00", "item-000000_view-03"
EITHER = "item-000001_view-03"  # whose outline could be of a front or a back
LOCALLY = ("extractor=bodyfit", "execution.engine=local")


@pytest.fixture(scope="module")
def world() -> Catalog:
    return Catalog(str(SAMPLE))


@pytest.fixture(scope="module")
def installed() -> None:
    try:
        networks.check()
    except ValueError as error:
        pytest.skip(str(error))


# --- networks


@pytest.mark.usefixtures("installed")
def test_another_file_than_the_known_one_is_refused() -> None:
    with pytest.raises(ValueError, match="is not the file"):
        networks.read(networks.DETECTOR._replace(sha256="0" * 64))


def test_missing_networks_end_the_command_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str) -> Any:
        raise networks.PackageNotFoundError(name)

    monkeypatch.setattr(networks.Distribution, "from_name", absent)
    words = [f"input={tmp_path}", f"out={tmp_path}/out", "extractor=bodyfit"]
    assert main(["extract", *words]) == 2
    error = capsys.readouterr().err
    assert "make setup" in error
    assert error.count("\n") == 1


# --- regions


def test_a_region_and_its_inverse_agree() -> None:
    region = Region((30.0, 50.0), 80.0, 0.7)
    points = np.random.default_rng(0).uniform(0, 1, (10, 2))
    np.testing.assert_allclose(region.within(region.on_photograph(points)), points)
    mirrored = region.mirrored(100).on_photograph(points * [-1, 1] + [1, 0])
    np.testing.assert_allclose(mirrored, region.on_photograph(points) * [-1, 1] + [100, 0])


@pytest.mark.parametrize("scale", [1, 6])
def test_a_turned_region_is_cut_where_it_lies(scale: int) -> None:
    row, column = np.mgrid[: 100 * scale, : 120 * scale] / scale
    photograph = np.stack([2 * column, 2 * row, 0 * row], axis=-1).astype(np.uint8)
    region = Region((60.0 * scale, 50.0 * scale), 40.0 * scale, 0.5)
    pixels = cut(photograph, region, 32, repeat_border=True)
    grid = (np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1) + 0.5) / 32
    expected = 2 * (region.on_photograph(grid) / scale - 0.5 / scale)
    np.testing.assert_allclose(pixels[..., :2], expected, atol=2)


def test_beyond_the_photograph_its_border_goes_on_or_all_is_black() -> None:
    photograph = np.full((20, 20, 3), 200, np.uint8)
    region = Region((0.0, 10.0), 40.0)
    assert (cut(photograph, region, 40, repeat_border=True) == 200).all()
    black = cut(photograph, region, 40, repeat_border=False)
    assert (black[:, :19] == 0).all()
    assert (black[12:28, 22:38] == 200).all()


# --- the body


@pytest.mark.slow
def test_the_body_is_the_world_s() -> None:
    body, template = fit_body(), bodies.template()
    logits = torch.logit(torch.tensor([[0.9, 0.2, 0.7, 0.3, 0.4]]))
    upright = torch.eye(3).expand(1, len(body.base), 3, 3)
    vertices, _ = body.whole(shape_weights(logits), upright)
    traits = dict(zip(TRAITS, (0.9, 0.2, 0.7, 0.3, 0.4), strict=True))
    rest = bodies.rest(bodies.Traits(**traits))
    expected = rest.vertices[template.kept] - rest.joints[0]
    np.testing.assert_allclose(vertices[0].numpy(), expected, atol=1e-5)


def test_a_chain_of_joints_carries_what_hangs_on_it() -> None:
    points = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 2]])
    none = torch.zeros(1, 3, 3)
    body = SkinnedBody(points, points, none, none, torch.eye(3), (-1, 0, 1))
    quarter = rotation(torch.tensor([torch.pi / 2, 0, 0]))
    turns = torch.stack([torch.eye(3), quarter, torch.eye(3)])[None]
    vertices, joints = body(torch.zeros(1, 1), turns)
    expected = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, -1, 1]])
    torch.testing.assert_close(vertices[0], expected)
    torch.testing.assert_close(joints[0], expected)


def test_joints_out_of_order_are_refused() -> None:
    points, none = torch.zeros(3, 3), torch.zeros(1, 3, 3)
    with pytest.raises(ValueError, match="level by level"):
        SkinnedBody(points, points, none, none, torch.eye(3), (-1, 0, 1, 0))


# --- readings


def person(degrees: float) -> Landmarks:
    """Somebody who faces a way, as the networks would have her."""
    points, space = np.full((33, 2), 50.0), np.zeros((33, 3))
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    for left, height in ((11, 0.5), (23, 0.0)):
        for landmark, sign in ((left, 1), (left + 1, -1)):
            space[landmark] = 0.2 * sign * c, 0.2 * sign * s, height
            points[landmark] = 50 + 20 * sign * c, 50 - 60 * height
    mask = np.ones((256, 256), np.float32)
    return Landmarks(points, space, np.ones(33), mask, Region((50.0, 50.0), 100.0))


@pytest.mark.parametrize("facing", FACINGS)
@pytest.mark.parametrize("degrees", [0, 100, -75, 170])
def test_facing_overrules_what_is_seen(facing: str, degrees: float) -> None:
    for reading in sighting([person(degrees)] * 2, 100, 100, facing).readings:
        assert np.cos(reading.yaw - FACINGS[facing]) > 0


def test_copies_that_quarrel_give_a_reading_each_way() -> None:
    seen = sighting([person(0), person(0), person(180)], 100, 100)
    assert [round(np.cos(r.yaw)) for r in seen.readings] == [1, -1]
    assert len(sighting([person(0)] * 3, 100, 100).readings) == 1


def test_turned_round_sides_change_and_the_picture_stays() -> None:
    assert (SWAPPED[SWAPPED] == np.arange(33)).all()
    seen = sighting([person(20)], 100, 100, "back").readings[0]
    assert yaw(person(20).space) == pytest.approx(np.radians(20))
    assert abs(seen.yaw) > np.pi / 2
    assert seen.points[12, 0] > seen.points[11, 0]


# --- the warp


def test_a_membrane_meets_its_ties_and_is_smooth_between() -> None:
    domain = np.zeros((20, 30), bool)
    domain[5:15, 3:27] = True
    points = np.array([[3.0, 10.0], [26.0, 10.0]])
    moved = membrane(domain, points, np.array([[0.0, 1.0], [2.0, 1.0]]), np.full(2, 1e6))
    np.testing.assert_allclose(moved[10, [3, 26]], [[0, 1], [2, 1]], atol=1e-3)
    np.testing.assert_allclose(moved[10, 15, 1], 1, atol=5e-2)
    assert (np.diff(moved[10, 3:27, 0]) > 0).all()
    assert (moved[~domain] == 0).all()


@pytest.mark.slow
def test_an_outline_runs_between_the_pixels() -> None:
    """Seen at four times the size, a slanted edge has no stairs."""

    def distance(points: np.ndarray) -> np.ndarray:
        return points @ [0.9578, 0.2873] - 150.3  # pixels from the edge

    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).astype(float)
    fine = np.stack(np.meshgrid(np.arange(50, 200, 0.25), np.arange(50, 200, 0.25)), axis=-1)
    soft = (0.5 + distance(pixels) / 3).clip(0, 1)
    off = [
        np.abs(distance(fine))[smooth(level, fine) != (distance(fine) > 0)].max(initial=0)
        for level in (soft, np.where(soft > 0.5, 1.0, 0.0))
    ]
    assert off[0] < 0.05 < 0.3 < off[1]


def test_the_surface_s_map_is_the_world_s(world: Catalog) -> None:
    template = bodies.template()
    vertices = bodies.rest(bodies.Traits()).vertices[template.kept].astype(np.float64)
    screen = np.stack([vertices[:, 0], -vertices[:, 2]], axis=1) * 110 + [128, 128]
    surface = Surface(np.column_stack([screen, vertices[:, 1] + 4.6]))
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    points = np.stack([x, y], axis=-1).astype(float)
    uv = surface.uv(points[surface.mask])
    assert np.abs(uv).max() <= 1
    beside = surface.uv(np.array([[1.0, 1.0]]))
    assert not np.isnan(beside).any()
    # The breastbone lies on the axis of the sheet.
    column = surface.uv(np.array([[128.0, 95.0]]))[0]
    assert abs(column[0]) < 0.02


# --- photographs and their rows


@pytest.fixture
def extract(installed: None, tmp_path: Path) -> Callable[..., dict[str, dict[str, dict]]]:
    """Rows by table and image id, of a folder or table below `tmp_path`."""

    def run(source: str = "photos", **keys: Any) -> dict[str, dict[str, dict]]:
        config = ExtractConfig.model_validate(
            {"input": f"{tmp_path}/{source}", "out": f"{tmp_path}/out", "extractor": "bodyfit"}
            | keys
        )
        extraction = extraction_of(config)
        made = extraction.job.make_worker()(extraction.input.photos)
        tables = made_tables(extraction.job.tables, made)
        return {
            name: {row["image_id"]: row for row in table.to_pylist()}
            for name, table in tables.items()
        }

    return run


def save(folder: Path, **pictures: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")


def png(pixels: np.ndarray) -> bytes:
    return encode(pixels, ImageFormat(format="png"))


def stored(row: dict) -> np.ndarray:
    uv = np.frombuffer(row["uv"], "<u2").reshape(2, row["height"], row["width"])
    return np.moveaxis(dequantise(uv), 0, -1)


def annotations(url: str) -> dict[str, dict]:
    return {row["image_id"]: row for row in rows_of(url, "annotations")}


def beside(*pictures: np.ndarray) -> np.ndarray:
    return np.concatenate(pictures, axis=1)


def test_a_map_names_the_right_places(
    world: Catalog, extract: Callable[..., dict], tmp_path: Path
) -> None:
    pixels = world.photograph(FRONT)
    save(tmp_path / "photos", one=pixels, none=np.full_like(pixels, 255))
    (tmp_path / "photos/bad.jpg").write_text("no picture")
    rows = extract()
    row = rows["uv_maps"]["one"]
    assert (row["layout"], row["status"]) == ("anny", "ok")
    assert all(word in row["extractor"] for word in ("bodyfit-3", "anny-", "9ba9dd3d", "e9a5c5cb"))
    assert 0.9 < row["score"] <= 1
    found = errors(stored(row), np.moveaxis(world.uv_map(FRONT, "anny"), 0, -1))
    assert found.median < 4
    assert found.overlap > 0.85
    assert found.right_side

    annotation = rows["annotations"]["one"]
    mask = np.asarray(Image.open(io.BytesIO(annotation["segmentation"]["bytes"])))
    assert set(np.unique(mask)) == {labels.BACKGROUND, labels.PERSON}
    points = np.array(annotation["keypoints"]).reshape(18, 3)
    true = np.array(annotations(str(SAMPLE))[FRONT]["keypoints"]).reshape(18, 3)
    off = np.linalg.norm(points - true, axis=1)[(points * true)[:, 2] > 0]
    assert len(off) >= 10
    assert np.median(off) < 5

    kinds = {name: rows["uv_maps"][name]["error_type"] for name in ("none", "bad")}
    assert kinds == {"none": "NobodyFound", "bad": "BadImage"}
    assert rows["uv_maps"]["none"]["layout"] == "anny"
    assert rows["annotations"]["none"]["keypoints"] is None


@pytest.mark.slow
def test_sizes_and_crops_are_of_one_map(
    world: Catalog, extract: Callable[..., dict], tmp_path: Path
) -> None:
    """A large photograph with a small person, turned by EXIF: the map is the same person's."""
    white = np.full((512, 768, 3), 255, np.uint8)
    white[200:456, 300:556] = world.photograph(FRONT)
    large = Image.fromarray(white).resize((3072, 2048), Image.Resampling.BICUBIC)
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    large.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photos/one.jpg", exif=exif)
    true = np.moveaxis(world.uv_map(FRONT, "anny"), 0, -1)
    cropped = extract(crop="person", size=256)["uv_maps"]["one"]
    assert (cropped["width"], cropped["height"]) == (256, 256)
    native = extract(size="native")["uv_maps"]["one"]
    assert (native["width"], native["height"]) == (3072, 2048)
    uv = stored(native)[800:1824:4, 1200:2224:4]
    found = errors(uv, true)
    assert found.median < 5
    assert found.right_side
    assert np.isfinite(stored(cropped)).mean() > np.isfinite(stored(native)).mean()


@pytest.mark.slow
def test_of_several_people_those_asked_for_become_rows(
    world: Catalog, extract: Callable[..., dict], tmp_path: Path
) -> None:
    small = np.full((256, 256, 3), 255, np.uint8)
    half = Image.fromarray(world.photograph(BACK)).resize((160, 160))
    small[80:240, 40:200] = np.asarray(half)
    save(tmp_path / "photos", two=beside(world.photograph(FRONT), small))
    everybody = extract(bodyfit={"person": "all"})["uv_maps"]
    assert sorted(everybody) == ["two", "two@2"]
    middles = sorted(
        np.nonzero(np.isfinite(stored(r)[..., 0]))[1].mean() for r in everybody.values()
    )
    assert middles[0] < 110 < 140 < middles[1]
    largest = extract(bodyfit={"person": "largest"})["uv_maps"]["two"]
    assert np.nonzero(np.isfinite(stored(largest)[..., 0]))[1].mean() < 128
    nobody = extract(bodyfit={"min_side": 2000})["uv_maps"]["two"]
    assert nobody["error_type"] == "NobodyFound"


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_who_lies_or_stands_on_the_head_is_fitted(
    quarters: int, world: Catalog, extract: Callable[..., dict], tmp_path: Path
) -> None:
    save(tmp_path / "photos", one=np.rot90(world.photograph(FRONT), quarters))
    row = extract()["uv_maps"]["one"]
    true = np.moveaxis(world.uv_map(FRONT, "anny"), 0, -1)
    found = errors(np.rot90(stored(row), -quarters), true)
    assert found.median < 4
    assert found.overlap > 0.85
    assert row["score"] > 0.9


@pytest.mark.parametrize(
    "part",
    [np.s_[:150], np.s_[60:200], np.s_[:, :128]],
    ids=["without legs", "without head and feet", "one half"],
)
def test_who_is_cut_off_is_fitted(
    part: Any, world: Catalog, extract: Callable[..., dict], tmp_path: Path
) -> None:
    save(tmp_path / "photos", one=world.photograph(FRONT)[part])
    row = extract(size="native")["uv_maps"]["one"]
    found = errors(stored(row), np.moveaxis(world.uv_map(FRONT, "anny"), 0, -1)[part])
    assert found.median < 5
    assert found.right_side


@pytest.mark.usefixtures("one_thread")
def test_who_fills_the_photograph_is_fitted(world: Catalog) -> None:
    """The mask has no outline then, and the fit no number that is none."""
    fitter = BodyFitter(BodyFit())
    ((_, seen),) = fitter._sightings(world.photograph(FRONT), None)
    (found,) = fit([replace(seen, mask=np.ones_like(seen.mask))])
    assert np.isfinite(found.screen).all()
    assert np.isfinite(found.cost)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "left", "top", "kind"),
    [(1200, 6500, 4000, None), (6000, 1000, 0, None), (400, 6500, 4000, "BadFit")],
)
def test_a_large_photograph_takes_bounded_memory(
    side: int, left: int, top: int, kind: str | None, world: Catalog, tmp_path: Path
) -> None:
    """8,000 pixels wide; the person is large, small, or too small to be told apart."""
    pixels = np.full((6000, 8000, 3), 240, np.uint8)
    person = Image.fromarray(world.photograph(FRONT)).resize((side, side))
    pixels[top : top + side, left : left + side] = np.asarray(person)
    save(tmp_path / "photos", one=pixels)
    out = tmp_path / "out"
    words = ("extract", f"input={tmp_path}/photos", f"out={out}", *LOCALLY)
    command = str(Path(sys.executable).parent / "reposer")
    _, status, usage = os.wait4(os.posix_spawn(command, [command, *words], os.environ), 0)
    row = rows_of(str(out), "uv_maps")[0]
    assert row["error_type"] == kind
    assert os.waitstatus_to_exitcode(status) == (3 if kind else 0)
    assert usage.ru_maxrss < 3_000_000  # kilobytes
    if not kind:
        near = np.nonzero(np.isfinite(stored(row)[..., 0]))[1].mean() * 8000 / 256
        assert abs(near - left - side / 2) < side / 8


@pytest.mark.parametrize(
    ("keys", "quarters"), [({}, 0), ({"crop": "person", "margin": 0.03}, 0), ({}, 1)]
)
def test_a_saved_fit_is_the_body_on_the_picture(
    keys: dict[str, Any],
    quarters: int,
    world: Catalog,
    extract: Callable[..., dict],
    tmp_path: Path,
) -> None:
    wide = np.full((256, 384, 3), 255, np.uint8)
    wide[:, 90:346] = world.photograph(FRONT)
    wide = np.rot90(wide, quarters)
    save(tmp_path / "photos", one=wide, none=np.full_like(wide, 255))
    tables = extract(bodyfit={"save": True}, size=SIDE, **keys)
    assert tables["fits"].keys() == {"one"}
    surface = Surface(on_screen(tables["fits"]["one"]))
    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).astype(float)
    uv = np.full((SIDE, SIDE, 2), np.nan)
    uv[surface.mask] = surface.uv(pixels[surface.mask])
    found = errors(uv, stored(tables["uv_maps"]["one"]))
    assert found.median < 1.5
    assert found.overlap > 0.75


def on_screen(fit: dict) -> np.ndarray:
    """Pixels and depth (V, 3) of the vertices of a row of `fits`, as docs/extract.md has it."""
    phenotype, camera = fit["phenotype"], fit["camera"]
    traits = bodies.Traits(**phenotype | {"age": 3 * phenotype["age"] - 2})
    body = bodies.rest(traits)
    matrices = Rotation.from_rotvec(np.reshape(fit["rotations"], (-1, 3))).as_matrix()
    turns = dict(zip(fit["bones"], matrices, strict=True))
    vertices, joints, _ = bodies.pose(body.vertices, body.joints, turns)
    across, away, up = (vertices - joints[0])[bodies.template().kept].T
    depth = camera["distance"] + away
    x = camera["centre_x"] + camera["focal_x"] * across / depth
    y = camera["centre_y"] - camera["focal_y"] * up / depth
    return np.stack([x, y, depth], axis=1)


def test_a_table_s_facing_turns_a_body_round(
    world: Catalog, extract: Callable[..., dict], tmp_path: Path
) -> None:
    save(tmp_path / "photos", one=world.photograph(FRONT))
    table = "image_id,image,facing\nseen,photos/one.png,\ntold,photos/one.png,back\n"
    (tmp_path / "rows.csv").write_text(table)
    rows = extract("rows.csv")["uv_maps"]
    true = np.moveaxis(world.uv_map(FRONT, "anny"), 0, -1)
    assert [errors(stored(rows[name]), true).right_side for name in ("seen", "told")] == [
        True,
        False,
    ]
    assert rows["told"]["score"] is None


# --- the command


def run(*words: str) -> int:
    return main(["extract", *words])


@pytest.mark.usefixtures("installed", "one_thread")
def test_a_person_decides_where_copies_disagree(
    world: Catalog, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    silhouette = np.where(np.isnan(world.uv_map(EITHER, "anny")[0]), 255, 60).astype(np.uint8)
    store = Store(store_url)
    for name, pixels in {"seen": world.photograph(BACK), "either,way": silhouette}.items():
        store.put(f"photos/{name}.png", png(pixels))
    out = f"{store_url}/out"
    assert run(f"input={store_url}/photos", f"out={out}", *LOCALLY) == 0
    assert "1 of 2 bodies may face the wrong way: see the page" in capsys.readouterr().out
    assert Catalog(out).layout() == "anny"
    assert {row["status"] for row in rows_of(out, "uv_maps")} == {"ok"}
    assert annotations(out)["seen"]["facing"] == "back"

    page = html.unescape(Store(out).read("index.html").decode())
    table = page.partition("<pre>")[2].partition("</pre>")[0]
    (asked,) = csv.DictReader(io.StringIO(table))
    assert asked["image_id"] == "either,way"
    assert asked["facing"] == annotations(out)["either,way"]["facing"]
    assert f"either,way: {asked['facing']}?" in page

    wanted = "front" if asked["facing"] == "back" else "back"
    store.put("facing.csv", table.replace(f",{asked['facing']}", f",{wanted}").encode())
    out = f"{store_url}/decided"
    assert run(f"input={store_url}/facing.csv", f"out={out}", *LOCALLY) == 0
    assert "to decide" not in capsys.readouterr().out
    assert annotations(out)["either,way"]["facing"] == wanted


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("extractor=precomputed",), "extractor=bodyfit makes them"),
        (
            ("input={}/photos/*.png",),
            "*.png: photographs, but no UV maps (NAME_IUV.png or NAME.npy",
        ),
        (("extractor=bodyfit", "bodyfit.person=all"), "rename the photograph"),
        (("extractor=bodyfit", "input={}/rows.csv"), "which is none of front, back, left, right"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    words: Sequence[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "photos", **{"a@2": np.zeros((8, 8, 3), np.uint8)})
    (tmp_path / "rows.csv").write_text("image_id,image,facing\na,a.png,up\n")
    words = [word.format(tmp_path) for word in words]
    assert run(f"input={tmp_path}/photos", f"out={tmp_path}/out", *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("installed")
def test_the_plan_knows_models_and_licence(tmp_path: Path) -> None:
    save(tmp_path / "photos", a=np.zeros((8, 8, 3), np.uint8))
    config = ExtractConfig(input=f"{tmp_path}/photos", out=f"{tmp_path}/out", extractor="bodyfit")
    _, extraction = prepare(config)
    assert "Apache-2.0" in extraction.job.about["bodyfit"]
    assert networks.DETECTOR.sha256 in extraction.job.about["bodyfit"]


@pytest.mark.usefixtures("installed")
@pytest.mark.slow
def test_batches_do_not_change_a_fit(world: Catalog) -> None:
    fitter = BodyFitter(BodyFit())
    one, other = (world.photograph(name) for name in (FRONT, BACK))
    alone = fitter([one], [None])[0][0].fit
    together = fitter([other, one], [None, None])[1][0].fit
    np.testing.assert_allclose(together.screen[:, :2], alone.screen[:, :2], atol=0.5)
