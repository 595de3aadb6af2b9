"""Both engines against a bare loop of the same model on the same pairs: `python -m bench.engines`.

The model is a stand-in that takes 50 ms an image and leaves the CPU alone, as a GPU would. What is
measured is everything around it: reading, decoding, encoding, commits and scheduling. Then eight
workers against one, on small pictures, so that the CPUs of one machine do not limit them, and what
of a shard's time the driver takes. Starts are told apart.
"""

import argparse
import tempfile
import time
from itertools import islice, product
from pathlib import Path
from typing import NamedTuple

import ray

from bench.machine import machine
from bench.scale import SIZE, write_catalog
from bench.standin import StandIn
from configs.render import RenderConfig
from models.maps import Source, Target
from pipelines import render
from pipelines.runs.cluster import start_ray
from pipelines.runs.engine import run_shards
from pipelines.runs.execute import execute
from pipelines.runs.plan import Plan
from pipelines.runs.stopping import Stop
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.shards.shard import Job, ShardReport
from workers.tensors import stacked

SAMPLE = Path(__file__).parent.parent / "assets" / "sample"
SECONDS = 0.05
WORKERS = 8


def bare_loop(pairs: int) -> float:
    """Images per second of the model alone, its inputs already decoded."""
    catalog, model = Catalog(str(SAMPLE)), StandIn(SECONDS)()
    ids = catalog.images.ids.to_pylist()
    source = stacked(Source, [catalog.view(ids[0], Source._fields, "anny")])
    state, target = model.encode(source), Target(source.uv)
    start = time.monotonic()
    for _ in range(pairs):
        model.render(state, [0], target)
    return pairs / (time.monotonic() - start)


def planned(
    folder: str, catalog: str, pairs: int, **execution: object
) -> tuple[Plan, Job, RenderConfig]:
    """A run of the first pairs of a catalog, not begun."""
    ids = Catalog(catalog).images.ids.to_pylist()
    listed, out = Path(folder, "pairs.csv"), tempfile.mkdtemp(dir=folder)
    rows = [f"{s},{t}\n" for s, t in islice(product(ids, ids), pairs)]
    listed.write_text("from,to\n" + "".join(rows))
    config = RenderConfig.model_validate(
        {"catalog": catalog, "pairs": str(listed), "out": out, "execution": execution}
    )
    if config.execution.engine == "ray":
        start_ray(config.execution.ray_address)
    plan, job = render.prepare(config, StandIn(SECONDS))
    return plan, job, config


class AtWork(NamedTuple):
    """A run from when all its workers have begun: its rate, and its seconds a shard."""

    images_per_second: float
    shard: float  # of a worker
    driver: float  # of the driver's CPU


def all_at_work(pairs: int, workers: int) -> AtWork:
    """A run on small pictures, once all workers have begun."""
    begun: list[None] = []
    ended: list[tuple[float, float, ShardReport]] = []  # when, the driver's CPU seconds till then
    with tempfile.TemporaryDirectory() as folder:
        write_catalog(f"{folder}/catalog", 100)
        plan, job, config = planned(folder, f"{folder}/catalog", pairs, workers=workers)
        work = (plan.shards, Store(config.out), config.execution, False, Stop(0))
        for report in run_shards("render", job, *work, lambda: begun.append(None)):
            if len(begun) == workers:
                ended.append((time.monotonic(), time.process_time(), report))
    (start, cpu, _), *others = ended
    end, cpu_end, _ = others[-1]
    rows = sum(report.rows for _, _, report in others)
    seconds = sum(report.seconds for _, _, report in others) / len(others)
    return AtWork(rows / (end - start), seconds, (cpu_end - cpu) / len(others))


def main(pairs: int = 1600) -> None:
    """Print the figures and their ratios."""
    bare = bare_loop(pairs)
    print(f"{pairs} pairs, a stand-in model of 50 ms an image, one worker; {machine()}")
    print(f"  bare loop of the model   {bare:6.2f} images/s")
    for engine in ("local", "ray"):
        with tempfile.TemporaryDirectory() as folder:
            plan, job, config = planned(folder, str(SAMPLE), pairs, engine=engine, workers=1)
            timings = execute(job, plan, config)["timings"]
        rate, start = timings["rows_per_second"], timings["start_seconds"]
        print(
            f"  engine={engine:17} {rate:6.2f} images/s   {rate / bare:.3f} of the bare loop, "
            f"after a start of {start:.1f} s"
        )
    ray.shutdown()
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)  # though they wait
    one, eight = all_at_work(pairs // 4, 1), all_at_work(4 * pairs, WORKERS)
    print(f"  pictures of {SIZE}x{SIZE}, engine=ray, all workers at work:")
    print(f"  one worker               {one.images_per_second:6.2f} images/s")
    share = eight.images_per_second / one.images_per_second / WORKERS
    print(
        f"  {WORKERS} workers                {eight.images_per_second:6.2f} images/s   "
        f"{share:.3f} of linear"
    )
    print(
        f"  the driver computes {1000 * eight.driver:.0f} ms a shard, which takes a worker "
        f"{eight.shard:.1f} s: {100 * eight.driver / eight.shard:.1f} % of its time"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1600)
    main(parser.parse_args().pairs)
