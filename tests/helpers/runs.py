"""Small runs of `render`, with a stand-in for the model."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from configs.render import RenderConfig
from pipelines import render
from pipelines.runs.execute import execute
from pipelines.runs.outline import Outline, read_outline
from pipelines.runs.plan import Plan
from tests.helpers.catalogs import StandIn
from workers.data.storage import Store
from workers.shards.keys import Keys
from workers.shards.names import file_name
from workers.shards.rows import Failure, Picture, failed_render, render_id, renders
from workers.shards.shard import Job, Shard, Worker, commit


def config(folder: Path | str, **values: object) -> RenderConfig:
    """A render config with its catalog in `folder`."""
    defaults = {
        "catalog": f"{folder}/catalog",
        "poses": f"{folder}/catalog",
        "out": f"{folder}/out",
    }
    return RenderConfig.model_validate(defaults | {"shard_rows": 5, **values})


def run(config: RenderConfig) -> dict:
    """Run with the stand-in; returns the manifest."""
    plan, job = render.prepare(config, StandIn)
    return execute(job, plan, config)


def _no_worker() -> Worker:
    raise AssertionError("no row is made")


def write_begun(url: str, lengths: Sequence[int]) -> Outline:
    """The files of a begun run of `render`: its plan, and shards whose first row has failed.

    The keys are left out, and each file but the first is a copy of one of its length.
    """
    keys = Keys.of(["source_id", "pose_id"], [(f"s{i}", "p") for i in range(max(lengths))])
    plan = Plan("render", {"config": {}, "rows": "0" * 64}, ("renders",), keys, tuple(lengths))
    job, store, files = Job(plan.tables, _no_worker, render_id, failed_render), Store(url), {}
    for name, length in zip(plan.names, lengths, strict=True):
        if length not in files:
            some = keys[:length]
            good = [Picture(b"", 1, 1, "stand-in")] * (length - 1)
            made = renders(list(some), [Failure("BadImage", "not an image"), *good])
            commit(job, store, Shard(name, some), {"renders": made}, length, time.monotonic())
            files[length] = store.read(file_name("renders", name))
        store.put(file_name("renders", name), files[length])
    value = json.loads(plan.to_json()) | {"rows": sum(lengths)}
    store.put("plan.json", json.dumps(value).encode())
    return read_outline(store)
