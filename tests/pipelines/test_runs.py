"""The invariants of a run, with a stand-in model: see docs/design.md, "Runs"."""

import base64
import io
import itertools
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from configs.extract import ExtractConfig
from configs.run import Execution
from configs.synthesize import SynthesizeConfig
from pipelines import extract, render, synthesize
from pipelines.cli import main
from pipelines.runs.execute import execute
from pipelines.runs.plan import RunError, shard_rows
from pipelines.runs.report import TILE
from tests.conftest import ROOT
from tests.helpers.catalogs import StandIn, rows_of, write_catalog, write_pairs
from tests.helpers.commands import wrong
from tests.helpers.runs import config, run
from workers.data.catalog import Catalog
from workers.data.images import decode
from workers.data.storage import Store
from workers.data.tables import SCHEMAS, parquet_bytes
from workers.shards.keys import part_lengths


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=8),
    st.integers(1, 12),
)
def test_packing_keeps_order_size_and_groups(groups: list[tuple[int, int]], size: int) -> None:
    keys = [(f"{n}-{g}", str(i)) for n, (g, count) in enumerate(groups) for i in range(count)]
    lengths = list(part_lengths(keys, lambda key: key[0], size))
    starts = np.cumsum([0, *lengths])
    parts = [keys[a:b] for a, b in itertools.pairwise(starts)]
    assert [key for part in parts for key in part] == keys
    assert all(1 <= len(part) <= size for part in parts)
    for n, (g, count) in enumerate(groups):
        touching = sum(any(key[0] == f"{n}-{g}" for key in part) for part in parts)
        assert touching == 1 if count <= size else touching <= -(-count // size) + 1


def test_every_pair_becomes_one_row(engine: str, store_url: str) -> None:
    ids = write_catalog(f"{store_url}/catalog", 6, bad=[2])
    settings = config(store_url, execution={"engine": engine})
    manifest = run(settings)
    rows = rows_of(settings.out)
    assert [r["render_id"] for r in rows] == sorted(f"{s}__{t}" for s in ids for t in ids)
    failed = [r for r in rows if r["status"] == "failed"]
    assert {r["source_id"] for r in failed} == {"p002"}
    assert all(r["image"] is None and "not an image" in r["error_message"] for r in failed)
    assert manifest["totals"] == {
        "rows": 36,
        "ok": 30,
        "failed": 6,
        "failures": {"BadImage": 6},
        "shards": 12,
    }


def test_results_do_not_depend_on_engine_workers_shards_or_microbatches(
    ray_session: None, tmp_path: Path
) -> None:
    write_catalog(f"{tmp_path}/catalog", 5)
    tables = [
        rows_of(settings.out)
        for n, settings in enumerate(
            config(tmp_path, out=f"{tmp_path}/out{n}", shard_rows=rows, execution=execution)
            for n, (rows, execution) in enumerate(
                [
                    (5, {"engine": "local"}),
                    (25, {"engine": "local", "microbatch": 4}),
                    (7, {"engine": "ray", "workers": 1, "microbatch": 16}),
                    (3, {"engine": "ray", "workers": 2}),
                    (4, {"engine": "ray", "workers": 4, "gpus_per_worker": 0.25}),
                ]
            )
        )
        if run(settings)
    ]
    assert all(table == tables[0] for table in tables[1:])


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_what_is_no_body_can_be_transparent(tmp_path: Path, kind: str) -> None:
    write_catalog(f"{tmp_path}/catalog", 2)
    values = {"execution": {"engine": "local"}, "out": f"{tmp_path}/{kind}"}
    settings = config(tmp_path, image={"format": kind, "alpha": True}, **values)
    assert run(settings)["totals"]["ok"] == 4
    catalog = Catalog(f"{tmp_path}/catalog")
    for row in rows_of(settings.out):
        body = catalog.body(row["pose_id"])
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            assert (image.format, image.mode) == (kind.upper(), "RGBA")
            np.testing.assert_array_equal(np.asarray(image)[..., 3], np.where(body, 255, 0))
        seen = decode(row["image"]["bytes"], 10**6)
        assert (seen[~body] == 255).all()
        mean = catalog.photograph(row["source_id"]).mean(axis=(0, 1))
        assert np.abs(np.median(seen[body], axis=0) - mean).max() < 10
    with pytest.raises(RunError, match="alpha"):
        run(config(tmp_path, image={"format": kind}, **values))


def test_jpeg_has_no_transparency(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["render", f"catalog={tmp_path}", f"poses={tmp_path}", f"out={tmp_path}/out"]
    assert "JPEG has no transparency" in wrong(capsys, *call, "image.alpha=true")


@pytest.mark.parametrize("lost", [[0], [3], [0, 2, 4], [0, 1, 2, 3, 4]])
def test_lost_shards_are_made_again(tmp_path: Path, lost: list[int]) -> None:
    write_catalog(f"{tmp_path}/catalog", 5)
    settings = config(tmp_path, execution={"engine": "local"})
    first = run(settings)
    before = rows_of(settings.out)
    files = sorted(Path(settings.out, "renders").iterdir())
    for i in lost:
        files[i].unlink()
    second = run(settings)
    assert rows_of(settings.out) == before
    assert second["totals"] == first["totals"]
    assert sorted(Path(settings.out, "renders").iterdir()) == files


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 3)
    settings = config(tmp_path, execution={"engine": "local"})
    run(settings)
    times = [f.modified for f in Store(settings.out).list()]
    run(settings)
    assert [f.modified for f in Store(settings.out).list()] == times


class OtherWeights(StandIn):
    sha256 = "1" * 64


def test_another_run_in_the_same_folder_is_refused_by_name(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 3)
    run(config(tmp_path, execution={"engine": "local"}))
    with pytest.raises(RunError, match=r"config\.image\.format: jpeg there, png now"):
        run(config(tmp_path, image={"format": "png"}))
    plan, job = render.prepare(config(tmp_path), OtherWeights)
    with pytest.raises(RunError, match=r"model\.sha256: 0+ there, 1+ now"):
        execute(job, plan, config(tmp_path))
    write_catalog(f"{tmp_path}/catalog", 4)
    with pytest.raises(RunError, match=r"inputs\.catalog"):
        run(config(tmp_path))


def test_failed_rows_are_redone_on_request_and_only_they(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 4, bad=[1])
    settings = config(tmp_path, execution={"engine": "local"}, max_failed_fraction=1)
    run(settings)
    broken = [r["render_id"] for r in rows_of(settings.out) if r["status"] == "failed"]
    assert len(broken) == 4
    plan, _ = render.prepare(settings, StandIn)
    # The photograph is repaired, the plan stands: its fingerprint is that of the first run.
    write_catalog(f"{tmp_path}/catalog", 4)
    again = settings.model_copy(update={"retry_failed": True})
    _, job = render.prepare(again, StandIn)
    manifest = execute(job, plan, again)
    assert manifest["totals"]["ok"] == 16
    attempts = {r["render_id"]: r["attempts"] for r in rows_of(settings.out)}
    assert {i for i, n in attempts.items() if n == 2} == set(broken)


def test_pairs_that_name_no_image_fail_alone(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 2)
    pairs = write_pairs(tmp_path / "p.csv", [("p000", "p001"), ("p000", "gone"), ("gone", "p001")])
    settings = config(tmp_path, poses=None, pairs=pairs, execution={"engine": "local"})
    manifest = run(settings)
    assert manifest["totals"]["failures"] == {"MissingRow": 2}
    assert [r["error_message"] for r in rows_of(settings.out) if r["status"] == "failed"] == [
        f"{tmp_path}/catalog: no row 'gone' in images",
        f"{tmp_path}/catalog: no row 'gone' in uv_maps",
    ]


def test_show_tells_how_a_run_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_catalog(f"{tmp_path}/catalog", 3, bad=[0])
    settings = config(tmp_path, execution={"engine": "local"})
    run(settings)
    assert main(["runs", "show", settings.out]) == 0
    complete = capsys.readouterr().out
    assert "complete" in complete
    assert "9 of 9" in complete
    assert "3 BadImage" in complete
    Path(settings.out, "manifest.json").unlink()
    sorted(Path(settings.out, "renders").iterdir())[0].unlink()
    assert main(["runs", "show", settings.out]) == 0
    assert "not finished" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_catalog(f"{tmp_path}/catalog", 3)
    settings = config(tmp_path)
    assert render.run(settings, dry=True, load_model=StandIn) == 0
    assert "rows      9" in capsys.readouterr().out
    assert not Path(settings.out).exists()


def test_a_page_of_large_pictures_holds_thumbnails(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 2, size=1024)
    settings = config(tmp_path, execution={"engine": "local"})
    assert render.run(settings, load_model=StandIn) == 0
    page = (tmp_path / "out/index.html").read_text()
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    assert len(pictures) == 2 + 2 * 3
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert image.size == (TILE, TILE)
    assert (tmp_path / "out/contact_sheet.png").stat().st_size < 10**6


def test_a_run_leaves_pictures_and_a_page(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 3, bad=[2])
    settings = config(tmp_path, execution={"engine": "local"})
    assert render.run(settings, load_model=StandIn) == 3  # a third of the rows failed
    page = Path(settings.out, "index.html").read_text()
    assert page.count("<img") == 3 + 2 * 4  # the bad photograph, and its renders, are not there
    assert page.count("<small>failed</small>") == 3
    assert "http" not in page
    assert "not an image" in page
    assert Path(settings.out, "contact_sheet.png").stat().st_size > 1000
    assert json.loads(Path(settings.out, "manifest.json").read_text())["totals"]["ok"] == 6


SLOW_RUN = """
import sys, time
from pipelines.runs.execute import execute
from pipelines import render
from tests.conftest import ROOT
from tests.helpers.catalogs import StandIn
from tests.helpers.runs import config

class Slow(StandIn):
    def render(self, *arguments):
        time.sleep(0.1)
        return super().render(*arguments)

settings = config(sys.argv[1], execution={"engine": "local"})
plan, job = render.prepare(settings, Slow)
execute(job, plan, settings)
"""


def test_a_killed_driver_is_resumed(tmp_path: Path) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 6)
    settings = config(tmp_path, execution={"engine": "local"})
    driver = subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(tmp_path)], cwd=ROOT)
    renders = Path(settings.out, "renders")
    while not (renders.is_dir() and any(renders.iterdir())):
        assert driver.poll() is None
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    finished = {f.name: f.stat().st_mtime for f in renders.iterdir()}
    plan, _ = render.prepare(settings, StandIn)
    assert not Path(settings.out, "manifest.json").exists()
    manifest = run(settings)
    assert manifest["totals"]["ok"] == 36
    assert manifest["timings"]["rows"] < 36
    assert [r["render_id"] for r in rows_of(settings.out)] == [
        f"{s}__{t}" for s in ids for t in ids
    ]
    assert finished.items() <= {f.name: f.stat().st_mtime for f in renders.iterdir()}.items()
    files = {f.name for f in Store(settings.out).list() if not f.name.startswith("renders/")}
    assert files == {"plan.json", plan.keys_file, "manifest.json"}


@pytest.mark.parametrize(
    ("rows", "execution", "length"),
    [
        (1280, {"engine": "local"}, 128),
        (1280, {"workers": 1}, 128),
        (1280, {"workers": 2}, 80),  # eight shards a worker
        (1280, {"workers": 8}, 20),
        (1280, {"ray_address": "head:6379"}, 20),  # of as many workers as it may have
        (1280, {"workers": 50}, 16),
        (40, {"engine": "local"}, 16),
        (64_000, {"engine": "local"}, 1000),  # 64 shards
        (64_000, {"workers": 2}, 1000),
        (64_000, {"workers": 50}, 160),
    ],
    ids=str,
)
def test_shards_are_as_long_as_losses_and_workers_allow(
    rows: int, execution: dict, length: int
) -> None:
    assert shard_rows(rows, Execution.model_validate(execution)) == length


@pytest.mark.parametrize(
    ("size", "image", "rows"),
    [
        (256, "jpeg", 1560),
        (512, "jpeg", 632),
        (1024, "jpeg", 156),
        (1024, "png", 92),
    ],
)
def test_larger_pictures_make_shards_of_fewer_rows(size: int, image: str, rows: int) -> None:
    values = {
        "out": "unused",
        "items": 25_000,
        "views": 4,
        "size": size,
        "image": {"format": image},
        "execution": {"workers": 4},
    }
    plan, _ = synthesize.prepare(SynthesizeConfig.model_validate(values))
    assert plan.rows == 100_000
    assert max(plan.lengths) == rows


def test_the_size_of_native_photographs_decides_the_length_of_a_shard(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    for name, side in (("b", 3000), ("c", 3100), ("d", 100)):
        Image.new("RGB", (side, side)).save(tmp_path / f"{name}.jpg")
    rows = [f"{i},{'abcd'[i % 4]}.jpg,a.npy" for i in range(3000)]
    (tmp_path / "in.csv").write_text("\n".join(["image_id,image,uv", *rows]))
    values = {"input": f"{tmp_path}/in.csv", "out": "unused", "size": "native"}
    plan, _ = extract.prepare(ExtractConfig.model_validate(values))
    assert max(plan.lengths) == int(200e6 / (3000**2 * 1.2))


def test_row_groups_of_large_maps_are_short() -> None:
    rows = [{"image_id": str(i), "uv": bytes(2**22), "status": "ok"} for i in range(40)]
    table = pa.Table.from_pylist(rows, SCHEMAS["uv_maps"])
    file = pq.ParquetFile(io.BytesIO(parquet_bytes(table))).metadata
    sizes = [file.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [15, 15, 10]
