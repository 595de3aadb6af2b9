"""Both engines against a bare loop of the same model on the same pairs: `python -m bench.engines`.

The model is a stand-in that takes 50 ms an image and leaves the CPU alone, as a GPU would. What is
measured is everything around it: reading, decoding, encoding, commits and scheduling. Then eight
workers against one, on small pictures, so that the CPUs of one machine do not limit them. Starts
are told apart.
"""

import argparse
import tempfile
import time
from itertools import islice, product
from pathlib import Path

import pyarrow.parquet as pq
import ray

from bench.machine import machine
from bench.scale import SIZE, write_catalog
from bench.standin import StandIn
from configs.render import RenderConfig
from models.maps import Source, Target
from pipelines import render
from pipelines.runs.cluster import start_ray
from pipelines.runs.execute import execute
from workers.data.catalog import Catalog
from workers.data.storage import Store
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


def whole_run(folder: str, catalog: str, pairs: int, **execution: object) -> tuple[Store, dict]:
    """A run of the first pairs of a catalog; what it left, and its manifest's timings."""
    ids = Catalog(catalog).images.ids.to_pylist()
    listed, out = Path(folder, "pairs.csv"), tempfile.mkdtemp(dir=folder)
    rows = [f"{s},{t}\n" for s, t in islice(product(ids, ids), pairs)]
    listed.write_text("from,to\n" + "".join(rows))
    config = RenderConfig.model_validate(
        {"catalog": catalog, "pairs": str(listed), "out": out, "execution": execution}
    )
    if config.execution.engine == "ray":
        start_ray(config.execution.ray_address)
    plan, job = render.prepare(config, StandIn(SECONDS, folder))
    return Store(out), execute(job, plan, config)["timings"]


def all_at_work(pairs: int, workers: int) -> float:
    """Images per second of a run on small pictures, once all workers have begun."""
    with tempfile.TemporaryDirectory() as folder:
        write_catalog(f"{folder}/catalog", 100)
        store, _ = whole_run(folder, f"{folder}/catalog", pairs, workers=workers)
        begun = max(file.stat().st_mtime for file in Path(folder).glob("loaded-*"))
        shards = sorted(store.list("renders"), key=lambda file: file.modified)
        first = next(n for n, shard in enumerate(shards) if shard.modified > begun)
        rows = sum(
            pq.read_metadata(store.path(shard.name)).num_rows for shard in shards[first + 1 :]
        )
        return rows / (shards[-1].modified - shards[first].modified)


def main(pairs: int = 1600) -> None:
    """Print the figures and their ratios."""
    bare = bare_loop(pairs)
    print(f"{pairs} pairs, a stand-in model of 50 ms an image, one worker; {machine()}")
    print(f"  bare loop of the model   {bare:6.2f} images/s")
    for engine in ("local", "ray"):
        with tempfile.TemporaryDirectory() as folder:
            _, timings = whole_run(folder, str(SAMPLE), pairs, engine=engine, workers=1)
        rate, start = timings["rows_per_second"], timings["start_seconds"]
        print(
            f"  engine={engine:17} {rate:6.2f} images/s   {rate / bare:.3f} of the bare loop, "
            f"after a start of {start:.1f} s"
        )
    ray.shutdown()
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)  # though they wait
    one, eight = all_at_work(pairs // 4, 1), all_at_work(4 * pairs, WORKERS)
    print(f"  pictures of {SIZE}x{SIZE}, engine=ray, all workers at work:")
    print(f"  one worker               {one:6.2f} images/s")
    share = eight / one / WORKERS
    print(f"  {WORKERS} workers                {eight:6.2f} images/s   {share:.3f} of linear")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1600)
    main(parser.parse_args().pairs)
