"""Carries out a plan: what every command that writes tables does once it knows its rows."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from configs.run import Execution, Run
from pipelines.runs.cluster import ClusterAwayError, start_ray
from pipelines.runs.cost import estimate, what_is_left
from pipelines.runs.engine import on_gpus, run_shards
from pipelines.runs.lifecycle import finish, open_run
from pipelines.runs.log import log
from pipelines.runs.outline import finished_shards, read_manifest
from pipelines.runs.plan import Plan, expected_workers
from pipelines.runs.progress import RunProgress
from pipelines.runs.record import Recorder, failures_of, read_progress
from pipelines.runs.report import Matrix, Question, Sample, Tally, write_report
from pipelines.runs.stopping import Stopped, stoppable
from workers.data.retrying import WAIT_SECONDS, retry_policy
from workers.data.storage import Store
from workers.data.tables import parquet_bytes
from workers.shards.shard import Job, made_tables

DRY_RUN_ROWS = 3
OK, TOO_MANY_FAILED = 0, 3  # exit codes


def carry_out(
    plan: Plan,
    job: Job,
    config: Run,
    dry: bool,
    titles: Sequence[str],
    samples: Callable[[], Iterable[Sample]],
    ask: Callable[[], Question | None] = lambda: None,
    count: Callable[[], Tally | None] = lambda: None,
    matrix: Callable[[], Matrix | None] = lambda: None,
) -> int:
    """Run a plan, print its outcome and write its contact sheet and page; returns the exit code.

    `samples` are the rows that both show, with one picture a title; `ask` is what the page asks a
    person, `count` the labels that it tells, and `matrix` the rows by source and pose, where the
    command has such. With `dry` only the estimate is printed.
    """
    if dry:
        dry_run(job, plan, config)
        return OK
    manifest = execute(job, plan, config)
    code = closing_lines(manifest, config)
    store, question = Store(config.out), ask()
    told = manifest, plan.tables[-1], titles, samples(), question, count(), matrix()
    report = write_report(store, *told)
    for kind, url in report.items():
        print(f"{kind:14} {url}")
    if question:
        print(f"{'to decide':14} {question.question}: see the page")
    return code


def execute(job: Job, plan: Plan, config: Run) -> dict[str, Any]:
    """Run what is left of a plan; returns the manifest.

    Resumes where the run's folder already holds shards. Raises RunError when the folder holds
    another run, Stopped when a SIGTERM ended the work early.
    """
    store = Store(config.out)
    fresh, plan = plan, open_run(store, plan)
    done = finished_shards(store, plan)
    left = [shard for shard in plan.shards if shard.name not in done]
    if fresh is not plan and left:
        # Another driver may work on the same run: begin elsewhere, and skip what it has done.
        start = random.randrange(len(left))
        left = left[start:] + left[:start]
    manifest = None if left else read_manifest(store)
    told = read_progress(store) if done else None
    failed = {} if manifest and not config.retry_failed else failures_of(store, plan, done, told)
    retried = [s for s in plan.shards if config.retry_failed and failed.get(s.name)]
    rows_left = sum(len(shard.keys) for shard in [*left, *retried])
    if done and rows_left:
        log(f"{plan.command}: resuming {store.url}, {rows_left} of {plan.rows} rows left")
    started, clock = datetime.now(UTC), time.monotonic()
    if manifest and not rows_left:
        log(f"{plan.command}: {store.url} was complete already")
        return manifest
    if config.execution.engine == "ray" and rows_left:
        start_ray(config.execution.ray_address)
    retry_policy.outlast_outages(WAIT_SECONDS, log)
    with (
        stoppable(config.execution.grace) as stop,
        RunProgress(plan.command, plan.rows, plan.rows - rows_left) as progress,
        Recorder(store, plan, failed, told) as record,
    ):
        for shards, retry in ((left, False), (retried, True)):
            work = (plan.command, job, shards, store, config.execution, retry, stop)
            for report in run_shards(*work, progress.ready):
                progress.add(report)
                record.add(report)
    if stop.asked and progress.done < plan.rows:
        raise Stopped(
            f"{plan.command}: stopped with {progress.done} of {plan.rows} rows done in "
            f"{store.url}; the same command resumes"
        )
    timings = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - clock, 3),
        "start_seconds": round((progress.began or clock) - clock, 3),
        "rows": rows_left,
        "rows_per_second": round(progress.rows_per_second, 3),
        **record.timings,
        "engine": config.execution.engine,
    }
    return finish(store, plan, timings)


def dry_run(job: Job, plan: Plan, config: Run) -> None:
    """Print an estimate of what is left of a run, measured on its first rows; writes nothing."""
    worker = job.make_worker()
    keys = list(plan.keys[:DRY_RUN_ROWS])
    list(worker(keys[:1]))  # the first row warms up
    start = time.monotonic()
    tables = made_tables(job.tables, worker(keys))
    seconds = (time.monotonic() - start) / len(keys)
    size = sum(len(parquet_bytes(t)) for t in tables.values()) / len(keys)
    workers, left = expected_workers(config.execution), what_is_left(Store(config.out), plan)
    begun = f", {left.rows} left" if left.rows < plan.rows else ""
    print(f"rows      {plan.rows}{begun}")
    print(f"shards    {left.shards} of at most {left.longest} rows{begun and ' left'}")
    print(f"workers   {workers}")
    print(f"bytes     {size * plan.rows:,.0f} ({size:,.0f} a row)")
    hours = seconds * left.rows / workers / 3600
    print(f"time      {hours:.2f} h with workers as fast as this process ({seconds:.3f} s a row)")
    if left.rows:
        for line in estimate(left, config.execution, workers, _paid(config.execution)):
            print(line)


def _paid(execution: Execution) -> str:
    """What is paid by the hour: GPU, or worker where there are none or no cluster answers."""
    try:
        return "GPU" if on_gpus(execution) else "worker"
    except ClusterAwayError:
        return "worker"


def closing_lines(manifest: dict[str, Any], config: Run) -> int:
    """Print how a run ended; returns the exit code."""
    totals, timings = manifest["totals"], manifest["timings"]
    failures = ", ".join(f"{n} {kind}" for kind, n in totals["failures"].items())
    print(
        f"{manifest['command']}: {totals['ok']} of {totals['rows']} rows ok"
        + (f", {totals['failed']} failed ({failures})" if totals["failed"] else "")
        + f", {timings['rows_per_second']:.1f} rows/s"
        + (f" after a start of {start:.1f} s" if (start := timings.get("start_seconds")) else "")
    )
    if totals["failed"] > config.max_failed_fraction * totals["rows"]:
        log(
            f"{totals['failed']} of {totals['rows']} rows failed, more than "
            f"max_failed_fraction={config.max_failed_fraction} allows; rerun with "
            "retry_failed=true if the cause was passing, or mend the input and use another out="
        )
        return TOO_MANY_FAILED
    return OK
