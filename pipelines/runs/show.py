"""`reposer runs show URL`: the state of a run, read from its files."""

from collections import Counter

from configs.run import ShowConfig
from pipelines.runs.lifecycle import count_rows, finished_shards, read_manifest
from pipelines.runs.plan import PLAN, read_plan
from workers.data.storage import Store


def run(config: ShowConfig) -> int:
    """Print progress, totals, failures by type and throughput; returns the exit code."""
    store = Store(config.url)
    plan, manifest = read_plan(store), read_manifest(store)
    done = finished_shards(store, plan)
    finished = [shard for shard in plan.shards if shard.name in done]
    if len(finished) < len(plan.shards):  # files were removed since
        manifest = None
    if manifest:
        rows, failed = manifest["totals"]["rows"], Counter(manifest["totals"]["failures"])
    else:
        reports = list(count_rows(store, plan, finished))
        rows = sum(report.rows for report in reports)
        failed = sum((report.failed for report in reports), Counter[str]())
    print(f"run        {plan.command} at {store.url}")
    print(f"state      {'complete' if manifest else 'not finished; the same command resumes it'}")
    print(f"rows       {rows} of {plan.rows} ({rows / plan.rows:.1%})")
    print(f"shards     {len(finished)} of {len(plan.shards)}")
    print(f"ok         {rows - failed.total()}")
    print(f"failed     {failed.total()}")
    for kind, count in failed.most_common():
        print(f"           {count} {kind}")
    if manifest:
        print(f"throughput {manifest['timings']['rows_per_second']:.1f} rows/s")
    elif rows:
        rate = rows / _seconds(store, plan.tables[-1])
        print(f"throughput {rate:.1f} rows/s since the plan was made")
    return 0


def _seconds(store: Store, table: str) -> float:
    """Seconds from the plan to the newest shard."""
    planned = next(file.modified for file in store.list() if file.name == PLAN)
    return max(max(file.modified for file in store.list(table)) - planned, 1e-3)
