"""`reposer evaluate` of folders and of runs: see docs/design.md, "Tables" and "Runs"."""

import io
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.evaluate import EvaluateConfig
from eval.metrics.score import PairScorer
from eval.metrics.variants import MetricVariant
from eval.metrics.weights import Weights
from pipelines.evaluation import evaluate as command
from pipelines.evaluation.inputs import Folders, Renders, SideBySide, Strips, input_of
from tests.helpers.catalogs import SIZE, rows_of, write_annotations, write_catalog
from tests.helpers.commands import wrong
from tests.helpers.evaluations import (
    CHEAP,
    evaluate,
    metrics_of,
    names,
    page_of,
    shards,
    summary_of,
    write_folders,
    write_renders,
)
from tests.helpers.pictures import on_white
from workers.data.catalog import Catalog
from workers.data.images import decode
from workers.data.storage import Store
from world.labels import BACKGROUND, TOP


def test_folders_on_every_engine_and_store(engine: str, store_url: str) -> None:
    generated, reference = write_folders(store_url)
    out = f"{store_url}/out"
    call = [f"generated={generated}", f"reference={reference}", CHEAP, f"out={out}"]
    assert evaluate(*call, "shard_rows=3", engine=engine) == 0
    scorer = PairScorer(
        {MetricVariant("l1"): None, MetricVariant("psnr"): None, MetricVariant("ssim_dsc"): None}
    )
    found, expected = metrics_of(out), {}
    for (source, target), row in zip(names(8), sorted_scores(out), strict=True):
        assert row["generated"] == f"{source}_{target}.png"
        x = decode(Store(generated).read(row["generated"]), 10**6)[None]
        y = decode(Store(reference).read(row["reference"]), 10**6)[None]
        for variant, (value,) in scorer(x, y).items():
            expected["generated", row["pair_id"], str(variant)] = value
    assert found == expected
    summary = summary_of(out)["generated", "l1"]
    assert (summary["n"], summary["items"], summary["failed"], summary["missing"]) == (8, 3, 0, 0)
    values = [value for (_, _, metric), value in expected.items() if metric == "l1"]
    assert summary["mean"] == pytest.approx(np.mean(values), abs=1e-9)
    assert summary["low"] <= summary["mean"] <= summary["high"]
    assert (summary["resolution"], summary["crop"], summary["better"]) == ("48x48", "full", "lower")
    assert b"Coordinate-based" in Store(out).read("tables/table_1.tex")


def sorted_scores(out: str) -> list[dict]:
    return sorted(rows_of(out, "scores"), key=lambda r: int(r["reference"].split("_")[1][:-8]))


def test_a_summary_does_not_depend_on_shards_or_on_who_was_lost(tmp_path: Path) -> None:
    generated, reference = write_folders(str(tmp_path))
    call = [f"generated={generated}", f"reference={reference}", CHEAP]
    summaries = []
    for rows in (1, 3, 100):
        out = f"{tmp_path}/out{rows}"
        assert evaluate(*call, f"out={out}", f"shard_rows={rows}") == 0
        summaries.append(Path(out, "summary.parquet").read_bytes())
    assert summaries[0] == summaries[1] == summaries[2]
    out = f"{tmp_path}/out3"
    before = metrics_of(out)
    shards(out)[1].unlink()
    Path(out, "summary.parquet").unlink()
    assert evaluate(*call, f"out={out}", "shard_rows=7", "execution.microbatch=4") == 0
    assert metrics_of(out) == before
    assert Path(out, "summary.parquet").read_bytes() == summaries[0]


def test_renders_against_photographs_of_their_poses(tmp_path: Path) -> None:
    renders, catalog = write_renders(str(tmp_path))
    out = f"{tmp_path}/out"
    metrics = "metrics=[l1,l1.body,psnr]"
    assert evaluate(f"renders={renders}", f"catalog={catalog}", metrics, f"out={out}") == 0
    scores = rows_of(out, "scores")
    assert len(scores) == 12  # no photograph against a render of itself
    assert all(r["source"] != r["reference"] for r in scores)
    summary = summary_of(out)
    assert {row["n"] for row in summary.values()} == {12}
    assert summary["stand-in", "l1"]["mean"] != summary["stand-in", "l1.body"]["mean"]
    page = page_of(out)
    assert "Measured; no gates were set" in page
    assert page.count("<img") == 2 * 12 * 3
    assert "4 pairs" in page  # left out
    assert not {"http://", "https://", "<script"} & set(page.split('"'))


def write_people(catalog: str, **people: np.ndarray) -> None:
    """Segmentations of images, by id, where people (H, W) bool are."""
    rows = []
    for image_id, person in people.items():
        png = io.BytesIO()
        Image.fromarray(np.where(person, TOP, BACKGROUND).astype(np.uint8)).save(png, "PNG")
        rows.append({"image_id": image_id, "segmentation": {"bytes": png.getvalue()}})
    write_annotations(catalog, rows)


def test_people_are_measured_on_white(tmp_path: Path) -> None:
    renders, catalog = write_renders(str(tmp_path))
    ids = [row["image_id"] for row in rows_of(catalog, "images")]
    shown = {image_id: np.zeros((SIZE, SIZE), bool) for image_id in ids}
    for n, person in enumerate(shown.values()):
        person[4 + n : 20, 6 : 18 + n] = True
    del shown[ids[3]]
    write_people(catalog, **shown)
    out = f"{tmp_path}/out"
    call = [f"renders={renders}", f"catalog={catalog}", "metrics=[l1,l1.person]", f"out={out}"]
    assert evaluate(*call, "max_failed_fraction=0.3", "execution.microbatch=3") == 0
    photographs = {row["image_id"]: row["image"]["bytes"] for row in rows_of(catalog, "images")}
    images = {row["render_id"]: row["image"]["bytes"] for row in rows_of(renders)}
    found = metrics_of(out)
    good = [row for row in rows_of(out, "scores") if row["status"] == "ok"]
    assert len(good) == 9
    for row in good:
        pictures = images[row["generated"]], photographs[row["reference"]]
        x, y = (np.asarray(Image.open(io.BytesIO(data))) for data in pictures)
        x, y = (on_white(side, shown[row["reference"]]).astype(float) for side in (x, y))
        value = found["stand-in", row["pair_id"], "l1.person"]
        assert value == pytest.approx(np.abs(x - y).mean() / 255)
        assert value != found["stand-in", row["pair_id"], "l1"]
    failed = [row for row in rows_of(out, "scores") if row["status"] == "failed"]
    assert {row["reference"] for row in failed} == {ids[3]}
    assert {row["error_type"] for row in failed} == {"MissingRow"}
    said = f"'{ids[3]}' has no segmentation: {catalog}: no row '{ids[3]}' in annotations"
    assert {row["error_message"] for row in failed} == {said}
    summary = summary_of(out)["stand-in", "l1.person"]
    assert (summary["n"], summary["failed"]) == (9, 3)
    assert "white outside the person" in summary["definition"]
    assert {"annotations", "catalog", "renders"} == json.loads(summary["inputs"]).keys()
    assert "l1.person" in page_of(out)


def test_images_of_another_size_fail_or_are_scaled(tmp_path: Path) -> None:
    renders, _ = write_renders(str(tmp_path))
    side = 2 * SIZE
    write_catalog(f"{tmp_path}/large", 4, size=side)
    call = [f"renders={renders}", f"catalog={tmp_path}/large", "metrics=[l1]"]
    assert evaluate(*call, f"out={tmp_path}/failed") == 3
    errors = {row["error_type"] for row in rows_of(f"{tmp_path}/failed", "scores")}
    assert errors == {"SizeMismatch"}
    out = f"{tmp_path}/out"
    assert evaluate(*call, "resize=true", f"out={out}") == 0
    images = {row["render_id"]: row["image"]["bytes"] for row in rows_of(renders)}
    truth = Catalog(f"{tmp_path}/large")
    found = metrics_of(out)
    for row in rows_of(out, "scores"):
        render = Image.open(io.BytesIO(images[row["generated"]]))
        scaled = np.asarray(render.resize((side, side), Image.Resampling.BICUBIC))
        apart = np.abs(scaled.astype(float) - truth.photograph(row["reference"]))
        value = found["stand-in", row["pair_id"], "l1"]
        assert value == pytest.approx(apart.mean() / 255)


def test_a_catalog_that_shows_no_people_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renders, catalog = write_renders(str(tmp_path))
    capsys.readouterr()  # of render
    call = [f"renders={renders}", f"catalog={catalog}", "metrics=[l1,l1.person]"]
    said = wrong(capsys, "evaluate", *call, f"out={tmp_path}/out")
    assert f".person: {catalog} does not say where the person is (no annotations/)" in said
    assert not (tmp_path / "out").exists()


def test_without_items_it_says_what_it_takes_for_ground_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = ["shirt-12/front", "shirt-12/back", "coat-7/front", "alone"]
    for ids, pairs, said in (
        (["a", "b", "c", "d"], 12, "no items are known: the photograph of each pose is taken for"),
        (some, 8, "of 1 of 4 photographs the item is not known: there the photograph of each pose"),
        (["x/1", "x/2", "y/1", "y/2"], 4, None),
    ):
        folder = tmp_path / ids[0].replace("/", "-")
        renders, catalog = write_renders(str(folder), ids=ids)
        out = f"{folder}/out"
        assert evaluate(f"renders={renders}", f"catalog={catalog}", CHEAP, f"out={out}") == 0
        assert len(rows_of(out, "scores")) == pairs
        console = " ".join(capsys.readouterr().err.split())
        page = " ".join(page_of(out).split())
        if said:
            assert f"evaluate: {said}" in console
            assert said[1:] in page
        else:
            assert "ground truth of every" not in console + page


def test_a_bad_pair_fails_alone_and_is_counted(tmp_path: Path) -> None:
    generated, reference = write_folders(str(tmp_path))
    victim = next(Path(generated).iterdir())
    victim.write_bytes(b"no image")
    out = f"{tmp_path}/out"
    call = [f"generated={generated}", f"reference={reference}", CHEAP, f"out={out}"]
    assert evaluate(*call, "max_failed_fraction=0.2") == 0
    row = summary_of(out)["generated", "ssim_dsc"]
    assert (row["n"], row["failed"]) == (7, 1)
    (failed,) = [r for r in rows_of(out, "scores") if r["status"] == "failed"]
    assert (failed["error_type"], failed["generated"]) == ("BadImage", victim.name)
    assert "BadImage" in page_of(out)
    assert evaluate(*call) == 3


def test_every_format_is_scored_and_what_is_ignored_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generated, reference = tmp_path / "generated", tmp_path / "reference"
    for folder, shift in ((generated, 1), (reference, 0)):
        folder.mkdir()
        for number, extension in enumerate(
            ["jpg", "JPEG", "jfif", "png", "WebP", "bmp", "gif", "tif", "TIFF"]
        ):
            ending = "png" if folder == reference else extension
            pixels = np.full((48, 48, 3), 20 * number + shift, np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.{ending}")
    (generated / "notes.txt").touch()
    (generated / "._0.png").touch()
    (reference / "__MACOSX").mkdir()
    (reference / "__MACOSX/._0.png").touch()
    (reference / "up").symlink_to("..")
    (generated / "9.png").symlink_to("nowhere.png")
    Image.new("RGB", (48, 48)).save(reference / "9.png")
    out = f"{tmp_path}/out"
    call = [f"generated={generated}", f"reference={reference}", "metrics=[l1]", f"out={out}"]
    assert evaluate(*call, "max_failed_fraction=0.2") == 0
    said = capsys.readouterr().err
    assert f"ignored in {generated} (1): notes.txt\n" in said
    assert f"skipped in {generated}, as other programs' leftovers (1): ._0.png\n" in said
    assert f"skipped in {reference}, as other programs' leftovers (1): __MACOSX/\n" in said
    assert f"not followed in {reference}, as links to a folder that holds them (1): up\n" in said
    row = summary_of(out)["generated", "l1"]
    assert (row["n"], row["failed"]) == (9, 1)
    (failed,) = [r for r in rows_of(out, "scores") if r["status"] == "failed"]
    assert (failed["error_type"], failed["generated"]) == ("BrokenLink", "9.png")


def test_failed_renders_are_failed_pairs(tmp_path: Path) -> None:
    renders, catalog = write_renders(str(tmp_path), bad=[1])
    out = f"{tmp_path}/out"
    call = [f"renders={renders}", f"catalog={catalog}", CHEAP, f"out={out}"]
    assert evaluate(*call, "max_failed_fraction=1") == 0
    failed = [r for r in rows_of(out, "scores") if r["status"] == "failed"]
    kinds = [r["error_type"] for r in failed]
    assert sorted(set(kinds)) == ["BadImage", "RenderFailed"]
    assert (kinds.count("RenderFailed"), len(failed)) == (3, 6)
    assert summary_of(out)["stand-in", "l1"]["failed"] == 6


def test_sets_of_images(
    tmp_path: Path, inception_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On seeded weights, which `available` would never take for Inception's."""
    weights = Weights(inception_file, "0" * 64)
    monkeypatch.setattr(
        command, "available", lambda variants, _: (dict.fromkeys(variants, weights), {})
    )
    monkeypatch.setattr("workers.scoring.PairScorer", lambda *_: lambda *images: {})
    generated, reference = write_folders(str(tmp_path), count=10)
    call = [f"generated={generated}", f"reference={reference}", "metrics=[kid,is_10]"]
    tables = []
    for rows in (3, 10):
        out = f"{tmp_path}/out{rows}"
        assert evaluate(*call, f"out={out}", f"shard_rows={rows}") == 0
        tables.append(summary_of(out))
        assert len(rows_of(out, "features")) == 20
    assert str(tables[0]) == str(tables[1])
    assert {row["n"] for row in tables[0].values()} == {10}
    assert tables[0]["generated", "is_10"]["mean"] >= 1
    assert math.isnan(tables[0]["generated", "is_10"]["low"])
    assert tables[0]["generated", "kid"]["weights_sha256"] == "0" * 64


def test_missing_weights_are_named_and_the_rest_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generated, reference = write_folders(str(tmp_path))
    call = [f"generated={generated}", f"reference={reference}", f"metric_weights={tmp_path}"]
    out = f"{tmp_path}/out"
    assert evaluate(*call, "metrics=[l1,lpips_alex,fid]", f"out={out}") == 0
    said = capsys.readouterr().err
    assert "lpips_alex is absent: alexnet-owt-7be5be79.pth is not in" in said
    assert {metric for _, metric in summary_of(out)} == {"l1"}
    assert "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth" in page_of(out)
    assert evaluate(*call, "metrics=[fid]", f"out={tmp_path}/none") == 2
    assert "none of metrics can be computed" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generated, reference = write_folders(str(tmp_path))
    out = tmp_path / "out"
    assert (
        evaluate(
            f"generated={generated}", f"reference={reference}", CHEAP, f"out={out}", "--dry-run"
        )
        == 0
    )
    assert "rows      8" in capsys.readouterr().out
    assert not out.exists()


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"renders": "r", "catalog": "c"}, Renders),
        ({"generated": "g", "reference": "r"}, Folders),
        ({"strips": "s"}, Strips),
        ({"side_by_side": "s"}, SideBySide),
    ],
)
def test_a_config_means_one_input_whose_album_travels_to_workers(
    keys: dict[str, str], kind: type
) -> None:
    images = input_of(EvaluateConfig.model_validate({**keys, "out": "o"}))
    assert isinstance(images, kind)
    assert b"pipelines" not in pickle.dumps(images.album)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "wants exactly one input: renders + catalog, renders + truth, generated"),
        (["renders=r"], "wants exactly one input"),
        (["strips=a", "side_by_side=b"], "wants exactly one input"),
        (["strips=nowhere"], "nowhere: no images there"),
        (["renders=nowhere", "catalog=c"], "nowhere holds no run"),
        (["strips=a", "metrics=[ssim]"], "no metric is called ssim; did you mean"),
        (["strips=a", "metrics=[l1.body]"], ".body: only a catalog says where the body is"),
        (["strips=a", "metrics=[l1.person]"], ".person: only a catalog says where the person is"),
        (["strips=a", "metrics=[fid.person]"], "fid cannot be taken over the person alone"),
        (["strips=a", "gates=[{metric: l1}]"], "wants one of worst, no_regression"),
        (["strips=a", "gates=[{metric: fid, worst: 9}]"], "wants fid among metrics"),
        (["strips=a", "gates=[{metric: l1, no_regression: true}]"], "give date="),
        (["strips=a", "date=tomorrow"], "date=tomorrow"),
        (["side_by_side=a", "split=b.csv"], "b.csv"),
        (["compare=[nowhere,nowhere]"], "nowhere holds no run"),
        (["compare=[nowhere,nowhere]", "--dry-run"], "has no dry run"),
    ],
)
def test_mistakes_get_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(*arguments, f"out={tmp_path}/out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()
