"""`reposer runs show URL`: the state of a run or training, read from its files."""

from collections import Counter

from configs.run import ShowConfig
from pipelines.runs.outline import PLAN, ago, finished_shards, read_manifest, read_outline
from pipelines.runs.record import failures_of, read_progress
from pipelines.runs.trainings import Training, read_training
from workers.data.storage import Store
from workers.training.files import TRAINING

STATES = {  # of a training
    "complete": "complete",
    "running": "running",
    "stopped": "stopped; the same command goes on from the last checkpoint",
}


def run(config: ShowConfig) -> int:
    """Print progress, totals, failures by type and throughput; returns the exit code."""
    store = Store(config.url)
    times = {file.name: file.modified for file in store.listing(depth=1).files}
    if TRAINING in times:
        _show_training(store, read_training(store, times))
    else:
        _show_run(store, times)
    return 0


def _show_run(store: Store, times: dict[str, float]) -> None:
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
        rate = rows / max(max(finished.values()) - times[PLAN], 1e-3)
        print(f"throughput {rate:.1f} rows/s since the plan was made")
    timings = manifest["timings"] if manifest else told.model_dump() if told else {}
    if seconds := timings.get("worker_seconds"):
        print(f"a worker   {timings['worker_rows'] / seconds:.3g} rows/s")


def _show_training(store: Store, training: Training) -> None:
    step, steps = training.step, training.steps
    last = f"after step {training.checkpoint}, {ago(training.checkpointed)} ago"
    print(f"training   {training.command} at {store.url}")
    print(f"state      {STATES[training.state]}")
    print(f"begun      {ago(training.begun)} ago, last file {ago(training.changed)} ago")
    print(f"steps      {step} of {steps} ({step / steps:.1%})")
    print(f"checkpoint {last if training.checkpoint else 'none yet'}")
    if training.loss is not None:
        print(f"loss       {training.loss:.4f}")
        print(f"throughput {training.images_per_second:.1f} images/s")
