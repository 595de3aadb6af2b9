"""`reposer runs show URL`: how a run stands, read from what it has written."""

import json
from collections import Counter

from configs.schema import ShowConfig
from pipelines.runs import MANIFEST, PLAN, Plan, RunError, count_rows, finished_shards
from workers.storage import Store


def run(config: ShowConfig) -> int:
    """Print progress, totals, failures by type and throughput; returns the exit code."""
    store = Store(config.url)
    if not store.exists(PLAN):
        raise RunError(f"{store.url} holds no run (no {PLAN})")
    plan = Plan.from_json(store.read(PLAN))
    done = finished_shards(store, plan)
    finished = [shard for shard in plan.shards if shard.name in done]
    reports = list(count_rows(store, plan, finished))
    rows = sum(report.rows for report in reports)
    failed = sum((report.failed for report in reports), Counter[str]())
    complete = store.exists(MANIFEST)
    print(f"run        {plan.command} at {store.url}")
    print(f"state      {'complete' if complete else 'not finished; the same command resumes it'}")
    print(f"rows       {rows} of {plan.rows} ({rows / plan.rows:.1%})")
    print(f"shards     {len(finished)} of {len(plan.shards)}")
    print(f"ok         {rows - failed.total()}")
    print(f"failed     {failed.total()}")
    for kind, count in failed.most_common():
        print(f"           {count} {kind}")
    if complete:
        rate = json.loads(store.read(MANIFEST))["timings"]["rows_per_second"]
        print(f"throughput {rate:.1f} rows/s")
    elif rows:
        rate = rows / _seconds(store, plan.tables[-1])
        print(f"throughput {rate:.1f} rows/s since the plan was made")
    return 0


def _seconds(store: Store, table: str) -> float:
    """From the plan to the newest shard."""
    planned = next(file.modified for file in store.list() if file.name == PLAN)
    return max(max(file.modified for file in store.list(table)) - planned, 1e-3)
