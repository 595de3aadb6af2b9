"""How runs stand, seen from outside: `runs list` and `runs show`."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.runs.outline import finished_shards
from pipelines.runs.record import DOUBTFUL, PROGRESS, Progress, Recorder, failures_of, read_progress
from pipelines.runs.trainings import TrainingRecord
from tests.conftest import ROOT
from tests.helpers.catalogs import write_catalog
from tests.helpers.commands import wrong
from tests.helpers.runs import config, run, write_begun
from workers.data.storage import Store
from workers.shards.names import file_name
from workers.shards.shard import ShardReport
from workers.training.files import TRAINING, checkpoint_file


def listed(capsys: pytest.CaptureFixture[str], url: str) -> dict[str, dict[str, str]]:
    """The lines of `runs list`, by URL below the listed one."""
    capsys.readouterr()
    assert main(["runs", "list", url]) == 0
    head, *lines = [re.split(r" {2,}", line) for line in capsys.readouterr().out.splitlines()]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    return {row.pop("url").removeprefix(url).lstrip("/"): row for row in rows}


def write_training(url: str) -> None:
    """What `runs list` reads of a training whose driver has told of step 450."""
    decided = {"command": "train inpainter", "identity": {"config": {"steps": 1000}}}
    store = Store(url)
    store.put(TRAINING, json.dumps(decided).encode())
    for step in (200, 400):
        store.put(checkpoint_file(step), b"")
    with suppress(KeyboardInterrupt), TrainingRecord(store) as record:
        record.tell({"step": 450, "total": 0.5, "images_per_second": 20.0})
        raise KeyboardInterrupt


def test_all_runs_below_a_url_are_listed(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalog(f"{tmp_path}/catalog", 3, bad=[0])
    local = {"execution": {"engine": "local"}}
    run(config(tmp_path, out=f"{store_url}/renders", **local))
    write_catalog(f"{store_url}/catalog", 2)  # holds tables, and is no run
    write_begun(f"{store_url}/nested/deep/begun", [4, 4, 2])
    Store(f"{store_url}/nested/deep/begun").remove("renders/00001-of-00003.parquet")
    Store(store_url).put("torn/plan.json", b"{")
    write_training(f"{store_url}/f")
    Store(store_url).put("damaged/training.json", b"{}")
    runs = listed(capsys, store_url)
    assert {
        name: (line["state"], line["command"], line["done"], line["of"], line["failed"])
        for name, line in runs.items()
    } == {
        "renders": ("complete", "render", "100%", "9 rows", "3"),
        "nested/deep/begun": ("running", "render", "60%", "10 rows", "?"),
        "torn": ("damaged", "?", "?", "?", "?"),
        "f": ("running", "train inpainter", "45%", "1000 steps", "-"),
        "damaged": ("damaged", "?", "?", "?", "?"),
    }
    assert runs["f"]["checkpoint"] == "400"
    assert all(re.fullmatch(r"\d+ s", line["age"]) for line in runs.values())
    assert listed(capsys, f"{store_url}/renders").keys() == {""}


def test_a_run_that_nobody_works_on_has_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_begun(f"{tmp_path}/run", [2, 2])
    for path in (tmp_path / "run").rglob("*"):
        os.utime(path, (0, time.time() - 7300))
    line = listed(capsys, str(tmp_path))["run"]
    assert (line["state"], line["age"], line["idle"]) == ("stopped", "2 h", "2 h")


def test_where_no_run_lies_the_list_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no run lies there or below" in wrong(capsys, "runs", "list", str(tmp_path))


def test_thousands_of_runs_are_listed_in_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_begun(f"{tmp_path}/first", [2, 2])
    plan = Path(tmp_path, "first", "plan.json").read_bytes()
    for number in range(2000):
        folder = tmp_path / f"group-{number % 7}" / str(number)
        folder.mkdir(parents=True)
        (folder / "plan.json").write_bytes(plan)
    start = time.process_time()
    assert len(listed(capsys, str(tmp_path))) == 2001
    assert time.process_time() - start < 10


@pytest.mark.parametrize("verb", ["list", "show"])
def test_whoever_asks_for_a_finished_run_waits_for_no_large_import(
    verb: str, tmp_path: Path
) -> None:
    write_catalog(f"{tmp_path}/catalog", 2)
    run(config(tmp_path, execution={"engine": "local"}))
    code = (
        "import sys; from pipelines.cli import main; main(sys.argv[1:]); "
        "print({'numpy', 'pyarrow', 'botocore.parsers', 'ray', 'torch'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, "runs", verb, f"{tmp_path}/out"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "complete" in said
    assert said.endswith("set()\n")


def test_a_million_rows_are_shown_in_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_begun(f"{tmp_path}/run", [4096] * 245)
    start = time.process_time()
    assert main(["runs", "show", f"{tmp_path}/run"]) == 0
    assert time.process_time() - start < 1
    said = capsys.readouterr().out
    assert "1003520 of 1003520" in said
    assert "245 BadImage" in said


def test_a_driver_that_stops_leaves_what_it_counted(tmp_path: Path) -> None:
    plan = write_begun(f"{tmp_path}/run", [2, 2, 2])
    store = Store(f"{tmp_path}/run")
    before = {plan.names[0]: Counter({"BadImage": 1})}
    with Recorder(store, plan, before, None) as record:
        record.add(ShardReport(plan.names[1], 2, Counter({"BadImage": 2}), made=2, seconds=4.0))
    told = read_progress(store)
    assert told
    assert (told.counted, told.failed) == ([0, 1], {0: {"BadImage": 1}, 1: {"BadImage": 2}})
    assert (told.worker_rows, told.worker_seconds) == (2, 4.0)


def test_what_a_driver_counted_spares_the_footers_but_of_shards_in_doubt(tmp_path: Path) -> None:
    plan = write_begun(f"{tmp_path}/run", [2, 2, 2])
    store = Store(f"{tmp_path}/run")
    now = time.time()
    for name, age in zip(plan.names, (3600, 3600, 0), strict=True):
        os.utime(tmp_path / "run" / file_name("renders", name), (0, now - age))
    (tmp_path / "run" / file_name("renders", plan.names[0])).write_bytes(b"no footer")
    os.utime(tmp_path / "run" / file_name("renders", plan.names[0]), (0, now - 3600))
    told = Progress(
        written=datetime.now(UTC),
        host="h",
        pid=1,
        counted=[0, 2],
        failed={0: {"Told": 1}, 2: {"Told": 1}},
    )
    failures = failures_of(store, plan, finished_shards(store, plan), told)
    assert [failures[name] for name in plan.names] == [
        {"Told": 1},
        {"BadImage": 1},  # was not counted
        {"BadImage": 1},  # was put after it was counted, or nearly so
    ]
    older = told.model_copy(update={"written": told.written - timedelta(hours=2) - DOUBTFUL})
    with pytest.raises(ValueError, match="damaged"):
        failures_of(store, plan, finished_shards(store, plan), older)


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert read_progress(store) is None
    store.put(PROGRESS, json.dumps({"written": 1}).encode())
    assert read_progress(store) is None
