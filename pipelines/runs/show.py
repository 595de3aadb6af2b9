"""`reposer runs show URL`: the state of a run, read from its files."""

from collections import Counter

from configs.run import ShowConfig
from pipelines.runs.outline import PLAN, finished_shards, read_manifest, read_outline
from pipelines.runs.record import failures_of, read_progress
from workers.data.storage import Store


def run(config: ShowConfig) -> int:
    """Print progress, totals, failures by type and throughput; returns the exit code."""
    store = Store(config.url)
    plan, manifest = read_outline(store), read_manifest(store)
    finished = finished_shards(store, plan)
    if len(finished) < len(plan.lengths):  # files were removed since
        manifest = None
    told = None if manifest else read_progress(store)
    if manifest:
        rows, failed = manifest["totals"]["rows"], Counter(manifest["totals"]["failures"])
    else:
        lengths = dict(zip(plan.names, plan.lengths, strict=True))
        rows = sum(lengths[name] for name in finished)
        failed = sum(failures_of(store, plan, finished, told).values(), Counter[str]())
    print(f"run        {plan.command} at {store.url}")
    print(f"state      {'complete' if manifest else 'not finished; the same command resumes it'}")
    print(f"rows       {rows} of {plan.rows} ({rows / plan.rows:.1%})")
    print(f"shards     {len(finished)} of {len(plan.lengths)}")
    print(f"ok         {rows - failed.total()}")
    print(f"failed     {failed.total()}")
    for kind, count in failed.most_common():
        print(f"           {count} {kind}")
    if manifest:
        print(f"throughput {manifest['timings']['rows_per_second']:.1f} rows/s")
    elif rows:
        rate = rows / _seconds(store, max(finished.values()))
        print(f"throughput {rate:.1f} rows/s since the plan was made")
    timings = manifest["timings"] if manifest else told.model_dump() if told else {}
    if seconds := timings.get("worker_seconds"):
        print(f"a worker   {timings['worker_rows'] / seconds:.3g} rows/s")
    return 0


def _seconds(store: Store, newest: float) -> float:
    """Seconds from the plan to the newest shard."""
    files = store.listing(depth=1).files
    planned = next(file.modified for file in files if file.name == PLAN)
    return max(newest - planned, 1e-3)
