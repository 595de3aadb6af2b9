"""Carries out a plan: what every pipeline command does once it knows its rows."""

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import torch

from configs.schema import Execution, Run
from pipelines.engine import run_shards
from pipelines.progress import RunProgress, console
from pipelines.report import Sample, write_report
from pipelines.runs import MANIFEST, Plan, count_rows, finish, finished_shards, open_run
from workers.shard import Job
from workers.storage import Store
from workers.tables import parquet_bytes

DRY_RUN_ROWS = 3
OK, TOO_MANY_FAILED = 0, 3  # exit codes


def carry_out(
    plan: Plan, job: Job, config: Run, dry: bool, titles: Sequence[str],
    samples: Callable[[], Iterable[Sample]],
) -> int:  # fmt: skip
    """Run a plan, say how it ended and leave its pictures; returns the exit code.

    `samples` are the rows that contact sheet and page show, a picture a title. With `dry` only
    the estimate is printed.
    """
    if dry:
        dry_run(job, plan, config)
        return OK
    manifest = execute(job, plan, config)
    code = closing_lines(manifest, config)
    report = write_report(Store(config.out), manifest, plan.tables[-1], titles, samples())
    for kind, url in report.items():
        print(f"{kind:14} {url}")
    return code


def execute(job: Job, plan: Plan, config: Run) -> dict[str, Any]:
    """Run what is left of a plan; returns the manifest.

    Resumes where the run's folder already holds shards. Raises RunError when the folder holds
    another run.
    """
    store = Store(config.out)
    plan = open_run(store, plan)
    done = finished_shards(store, plan)
    left = [shard for shard in plan.shards if shard.name not in done]
    if config.retry_failed:
        again = [s for s in plan.shards if s.name in done]
        failed = {r.name for r in count_rows(store, plan, again) if r.failed}
        retried = [shard for shard in again if shard.name in failed]
    else:
        retried = []
    rows_left = sum(len(shard.keys) for shard in [*left, *retried])
    if done and rows_left:
        console.print(f"{plan.command}: resuming {store.url}, {rows_left} of {plan.rows} rows left")
    started, clock = datetime.now(UTC), time.monotonic()
    if not rows_left and store.exists(MANIFEST):
        console.print(f"{plan.command}: {store.url} was complete already")
        return json.loads(store.read(MANIFEST))
    with RunProgress(plan.command, plan.rows, plan.rows - rows_left) as progress:
        for shards, retry in ((left, False), (retried, True)):
            for report in run_shards(job, shards, store, config.execution, retry):
                progress.add(report)
    timings = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - clock, 3),
        "rows": rows_left,
        "rows_per_second": round(progress.rows_per_second, 3),
        "engine": config.execution.engine,
    }
    return finish(store, plan, timings)


def dry_run(job: Job, plan: Plan, config: Run) -> None:
    """Print what a run would take, measured on its first rows; writes nothing."""
    worker = job.make_worker()
    keys = plan.shards[0].keys[:DRY_RUN_ROWS]
    worker(keys[:1])  # the first row pays for warming up
    start = time.monotonic()
    tables = worker(keys)
    seconds = (time.monotonic() - start) / len(keys)
    size = sum(len(parquet_bytes(t)) for t in tables.values()) / len(keys)
    workers = config.execution.workers or default_workers(config.execution)
    print(f"rows      {plan.rows}")
    print(f"shards    {len(plan.shards)} of at most {max(len(s.keys) for s in plan.shards)} rows")
    print(f"workers   {workers}")
    print(f"bytes     {size * plan.rows:,.0f} ({size:,.0f} a row)")
    hours = seconds * plan.rows / workers / 3600
    print(f"time      {hours:.2f} h with workers as fast as this process ({seconds:.3f} s a row)")


def default_workers(execution: Execution) -> int:
    """The workers of a run that names no number, on this machine."""
    if execution.engine == "local":
        return 1
    return int(torch.cuda.device_count() / execution.gpus_per_worker) or os.cpu_count() or 1


def closing_lines(manifest: dict[str, Any], config: Run) -> int:
    """Say how a run ended; returns the exit code."""
    totals, timings = manifest["totals"], manifest["timings"]
    failures = ", ".join(f"{n} {kind}" for kind, n in totals["failures"].items())
    print(
        f"{manifest['command']}: {totals['ok']} of {totals['rows']} rows ok"
        + (f", {totals['failed']} failed ({failures})" if totals["failed"] else "")
        + f", {timings['rows_per_second']:.1f} rows/s"
    )
    if totals["failed"] > config.max_failed_fraction * totals["rows"]:
        console.print(
            f"{totals['failed']} of {totals['rows']} rows failed, more than "
            f"max_failed_fraction={config.max_failed_fraction} allows; rerun with "
            "retry_failed=true if the cause was passing, or mend the input and use another out="
        )
        return TOO_MANY_FAILED
    return OK
