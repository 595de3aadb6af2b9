"""A run seen from outside: metrics, the dashboard that shows them, and the log."""

import json
import re
import time
import urllib.request
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from prometheus_client.parser import text_string_to_metric_families

from pipelines import render
from pipelines.cli import main
from pipelines.runs.execute import execute
from pipelines.runs.metrics import (
    METRICS,
    ROWS,
    SHARD_SECONDS,
    STAGE_SECONDS,
    STORAGE_RETRIES,
    WORKERS_LOST,
    added,
)
from tests.conftest import ROOT
from tests.helpers.catalogs import StandIn, write_catalog
from tests.helpers.runs import config, run
from workers.data import retrying as retrying_module
from workers.data.retrying import retrying
from workers.data.tally import REPEATED, tally
from workers.shards.shard import ShardReport

STAGES = {"read", "render", "encode", "write"}


def test_what_a_shard_adds() -> None:
    report = ShardReport("0", 10, Counter({"BadImage": 2}), 10, 4.0, {"read": 1.5})
    ours = {"command": "render"}
    assert list(added("render", report)) == [
        (ROWS, ours | {"status": "ok", "error_type": ""}, 8),
        (ROWS, ours | {"status": "failed", "error_type": "BadImage"}, 2),
        (SHARD_SECONDS, ours, 4.0),
        (STAGE_SECONDS, ours | {"stage": "read"}, 1.5),
    ]
    assert not list(added("render", ShardReport("0", 10)))  # of another driver


def test_the_manifest_says_where_the_time_went(engine: str, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 3)
    execution = {"engine": engine, "workers": 1}
    timings = run(config(tmp_path, execution=execution))["timings"]
    assert timings["worker_rows"] == 9
    assert set(timings["stage_seconds"]) == STAGES
    assert all(seconds > 0 for seconds in timings["stage_seconds"].values())
    assert timings["stage_seconds"]["write"] < timings["worker_seconds"] < timings["seconds"]
    assert timings["storage_retries"] == 0


Samples = dict[str, list[tuple[dict[str, str], float]]]


def scraped(command: str) -> Samples:
    """The samples of our metrics that Ray's agent exports for a command, by name."""
    node = ray.nodes()[0]
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("command") == command:
                samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


@pytest.mark.ray
def test_metrics_are_scraped_from_ray(ray_session: None, tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/catalog", 4, bad=[1])
    settings = config(tmp_path, execution={"workers": 1})
    plan, job = render.prepare(settings, StandIn)
    execute(job, replace(plan, command="scraped"), settings)  # no other test's metrics
    deadline = time.monotonic() + 60
    samples = scraped("scraped")
    while sum(n for _, n in samples.get(ROWS.exported, ())) < 16 and time.monotonic() < deadline:
        time.sleep(0.5)  # the agent is told every second
        samples = scraped("scraped")
    assert samples.keys() == always()
    rows = {(s["status"], s["error_type"]): n for s, n in samples[ROWS.exported]}
    assert rows == {("ok", ""): 12, ("failed", "BadImage"): 4}
    assert {labels["stage"] for labels, _ in samples[STAGE_SECONDS.exported]} == STAGES
    for metric in METRICS:
        for labels, _ in samples.get(metric.exported, ()):
            assert set(metric.labels) <= set(labels)


def always() -> set[str]:
    """What every run exports: not what counts mishaps."""
    return {metric.exported for metric in METRICS} - {
        STORAGE_RETRIES.exported,
        WORKERS_LOST.exported,
    }


def test_the_dashboard_names_what_is_exported_and_all_of_it() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    known = {metric.exported: set(metric.labels) for metric in METRICS}
    named = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names = set(re.findall(r"\b(?:ray|reposer)_\w+", target["expr"]))
            assert names
            assert names <= known.keys(), target
            labels = set(re.findall(r"(\w+)=~?\"", target["expr"]))
            labels |= set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            for grouped in re.findall(r"\b(?:by|ignoring) \(([^)]*)\)", target["expr"]):
                labels |= set(re.split(r",\s*", grouped))
            assert labels <= set.union(*(known[name] for name in names)), target
            named |= names
    assert named == known.keys()


def test_the_dashboard_is_grafanas_and_its_queries_prometheus() -> None:
    promql = pytest.importorskip("promql_parser")
    models = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    plugins = pytest.importorskip("grafana_foundation_sdk.cog.plugins")
    plugins.register_default_plugins()
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert promql.parse(target["expr"])
    read = models.Dashboard.from_json(dashboard)
    written = json.loads(json.dumps(read, default=lambda part: part.to_json()))
    assert within(dashboard, written)


def within(part: Any, whole: Any) -> bool:
    """Whether all that a JSON value says is said by another, too."""
    match part:
        case dict():
            return part.keys() <= whole.keys() and all(within(part[k], whole[k]) for k in part)
        case list():
            return len(part) == len(whole) and all(map(within, part, whole))
    return part == whole


def test_events_are_json_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REPOSER_LOG", "json")
    write_catalog(f"{tmp_path}/catalog", 2)
    settings = config(tmp_path, execution={"engine": "local"})
    run(settings)
    assert main(["runs", "show", f"{tmp_path}/nowhere"]) == 2
    progress, error = map(json.loads, capsys.readouterr().err.splitlines())
    assert (progress["command"], progress["done"], progress["rows"]) == ("render", 4, 4)
    assert progress["level"] == "info"
    assert (error["level"], error["exit_code"]) == ("error", 2)
    assert "holds no run" in error["message"]


def test_requests_that_are_sent_again_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying_module, "PAUSE_SECONDS", 0.0)
    answers = iter([ConnectionError("reset"), TimeoutError("slow"), b"data"])

    def request() -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    tally.take()
    assert retrying("s3://b/file", request) == b"data"
    assert tally.take() == {REPEATED: 2}
