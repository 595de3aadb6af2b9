"""What is left of a run, and what that will cost: hours of its workers, and money."""

from collections.abc import Iterator
from typing import NamedTuple

from configs.run import Execution
from pipelines.runs.outline import RunError, finished_shards, read_outline
from pipelines.runs.plan import Plan
from pipelines.runs.record import read_progress
from workers.data.storage import Store


class Left(NamedTuple):
    """What is left of a run, and how fast it went so far."""

    rows: int
    shards: int
    longest: int  # rows of the longest of these shards
    made: int  # rows whose making was timed,
    rate: float | None  # and how many of them a worker made a second


def what_is_left(store: Store, plan: Plan) -> Left:
    """What is left of the run of a plan; all of it where it has not begun."""
    try:
        written = read_outline(store)
    except RunError:
        written = None
    if written is None or (written.command, written.identity) != (plan.command, plan.identity):
        return Left(plan.rows, len(plan.lengths), max(plan.lengths), 0, None)
    done, told = finished_shards(store, written), read_progress(store)
    shards = zip(written.names, written.lengths, strict=True)
    lengths = [length for name, length in shards if name not in done]
    made, seconds = (told.worker_rows, told.worker_seconds) if told else (0, 0.0)
    rate = made / seconds if seconds else None
    return Left(sum(lengths), len(lengths), max(lengths, default=0), made, rate)


def estimate(left: Left, execution: Execution, workers: int, unit: str) -> Iterator[str]:
    """The lines that say what the rows that are left will cost.

    `unit` is what is paid by the hour: GPU, or worker where there are no GPUs.
    """
    rate = execution.rate or left.rate
    if rate is None:
        yield (
            f"cost      unknown, for no rate is: begin the run on its {unit}s, stop it with Ctrl-C "
            "after some hundred rows, and ask again; or give execution.rate="
        )
        return
    source = "execution.rate" if execution.rate else f"measured on {left.made} rows of this run"
    shares = (execution.gpus_per_worker or 1.0) if unit == "GPU" else 1.0
    hours = left.rows / rate / 3600
    yield f"rate      {rate:.3g} rows/s a worker ({source})"
    name = f"{unit}-hours"
    yield f"{name:9} {hours * shares:.2f}: {hours / min(workers, left.shards):.2f} h at this rate"
    if execution.price_per_hour:
        price = execution.price_per_hour
        yield f"cost      {hours * shares * price:,.2f} at {price:g} an hour of a {unit}"
    yield (
        f"repeated  1 shard at most with each worker that is lost: {left.longest} rows, "
        f"{left.longest / rate / 3600 * shares:.3f} {unit}-hours"
    )
