"""`runs compact`: the same rows in few files, by a copy that is a run itself."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import render
from pipelines.cli import main
from pipelines.runs import compact
from pipelines.runs.execute import execute
from pipelines.runs.lifecycle import read_manifest
from tests.helpers.catalogs import StandIn, rows_of, write_catalog
from tests.helpers.commands import wrong
from tests.helpers.runs import config, run
from workers.data.storage import Store


def test_a_copy_has_every_row_once_in_fewer_files(
    store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{store_url}/catalog", 6, bad=[2])
    settings = config(store_url, execution={"engine": "local"}, max_failed_fraction=1)
    render.run(settings, load_model=StandIn)
    before = [(f.name, f.size, f.modified) for f in Store(settings.out).list()]
    copy = f"{store_url}/copy"
    assert main(["runs", "compact", settings.out, f"out={copy}"]) == 0
    assert "36 rows, 12 shards into 1" in capsys.readouterr().out
    assert rows_of(copy) == rows_of(settings.out)
    assert [(f.name, f.size, f.modified) for f in Store(settings.out).list()] == before
    ours, theirs = read_manifest(Store(settings.out)), read_manifest(Store(copy))
    assert ours
    assert theirs
    assert theirs["totals"] == ours["totals"] | {"shards": 1}
    assert theirs["timings"] == ours["timings"]
    names = {f.name for f in Store(copy).list()}
    assert names == {
        "README.md",
        "contact_sheet.png",
        "index.html",
        "manifest.json",
        "plan.json",
        *(n for n, *_ in before if n.startswith("plan-")),
        "renders/00000-of-00001.parquet",
    }
    assert main(["runs", "show", copy]) == 0
    assert "6 BadImage" in capsys.readouterr().out


def test_the_copy_is_the_run_of_its_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/catalog", 4, bad=[1])
    settings = config(tmp_path, execution={"engine": "local"}, max_failed_fraction=1)
    run(settings)
    copy = settings.model_copy(update={"out": f"{tmp_path}/copy", "retry_failed": True})
    assert main(["runs", "compact", settings.out, f"out={copy.out}"]) == 0
    capsys.readouterr()
    plan, job = render.prepare(settings, StandIn)
    write_catalog(f"{tmp_path}/catalog", 4)  # the photograph is mended; the plan stands
    assert execute(job, plan, copy)["totals"] == {
        "rows": 16, "ok": 16, "failed": 0, "failures": {}, "shards": 1
    }  # fmt: skip
    Path(copy.out, "renders/00000-of-00001.parquet").unlink()
    assert execute(job, plan, copy)["totals"]["ok"] == 16


def test_a_copy_that_was_cut_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/catalog", 4)
    settings = config(tmp_path, execution={"engine": "local"})
    run(settings)
    # Each file alone is below this, two together are not always.
    biggest = max(f.stat().st_size for f in Path(settings.out, "renders").iterdir())
    monkeypatch.setattr(compact, "MEGABYTE", biggest * 2)
    call = ["runs", "compact", settings.out, f"out={tmp_path}/copy", "file_mb=1"]
    assert main(call) == 0
    files = sorted(Path(tmp_path, "copy/renders").iterdir())
    assert len(files) == 2
    kept = files[0].stat().st_mtime_ns
    files[1].unlink()
    Path(tmp_path, "copy/manifest.json").unlink()
    assert len(rows_of(f"{tmp_path}/copy")) == pq.read_metadata(files[0]).num_rows  # each once
    assert main(call) == 0
    assert files[0].stat().st_mtime_ns == kept
    assert rows_of(f"{tmp_path}/copy") == rows_of(settings.out)
    capsys.readouterr()
    assert "other shards" in wrong(capsys, *call[:-1], "file_mb=2")


def test_an_unfinished_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_catalog(f"{tmp_path}/catalog", 4)
    settings = config(tmp_path, execution={"engine": "local"})
    run(settings)
    call = ["runs", "compact", settings.out, f"out={tmp_path}/copy"]
    sorted(Path(settings.out, "renders").iterdir())[0].unlink()
    capsys.readouterr()
    assert "is not finished" in wrong(capsys, *call)
    assert not Path(tmp_path, "copy").exists()


def test_a_run_that_changes_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `retry_failed=true` changes it."""
    write_catalog(f"{tmp_path}/catalog", 4)
    settings = config(tmp_path, execution={"engine": "local"})
    run(settings)
    first = sorted(Path(settings.out, "renders").iterdir())[0]
    put = Store.put

    def touched(store: Store, name: str, data: bytes) -> None:
        os.utime(first, (0, 0))
        put(store, name, data)

    monkeypatch.setattr(Store, "put", touched)
    capsys.readouterr()
    assert main(["runs", "compact", settings.out, f"out={tmp_path}/copy"]) == 2
    assert "was changed meanwhile" in capsys.readouterr().err
    assert not Path(tmp_path, "copy/manifest.json").exists()
