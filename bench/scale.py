"""A catalog's worth of rows with a model that takes no time: `python -m bench.scale`.

What grows with the number of rows: the plan of 5,000,000 (a dry run), and the driver, the object
store and the shards of 100,000 that go through Ray.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import ray

from bench.machine import machine
from bench.standin import StandIn
from configs.fields import ImageFormat
from configs.render import RenderConfig
from models.uv_maps import quantise
from pipelines import render
from pipelines.runs import show
from pipelines.runs.cluster import start_ray
from pipelines.runs.execute import execute
from workers.data.images import encode
from workers.data.storage import Store
from workers.data.tables import SCHEMAS, parquet_bytes
from workers.shards.keys import Keys

SIZE, ROWS_A_FILE = 16, 10_000


def main(pairs: int = 100_000, planned: int = 5_000_000) -> None:
    """Print every figure."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        dry_run(folder, planned)
        through_ray(folder, pairs)


def dry_run(folder: str, planned: int) -> None:
    """Time and memory of a plan, by the command that a person types."""
    write_catalog(f"{folder}/many", planned // 100)
    write_catalog(f"{folder}/poses", 100)
    for what, rows, arguments in (
        ("one row", 1, [f"pairs={_pair(folder)}"]),
        ("every source in every pose", planned, []),
    ):
        command = [
            str(Path(sys.executable).parent / "reposer"),
            "render",
            f"catalog={folder}/many",
            f"poses={folder}/poses",
            f"out={folder}/unused",
            *arguments,
            "--dry-run",
        ]
        start = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            peak = _peak(process.pid, lambda: process.poll() is None)
            said = process.communicate()[0]
        assert f"rows      {rows}\n" in said, said
        seconds = time.monotonic() - start
        print(f"dry run, {rows:>9,} rows ({what}): {seconds:6.1f} s, {peak / 1e6:,.0f} MB at most")


def through_ray(folder: str, pairs: int) -> None:
    """Rows a second, memory, and what resuming and showing cost afterwards."""
    write_catalog(f"{folder}/catalog", pairs // 100)
    keys = {"catalog": f"{folder}/catalog", "poses": f"{folder}/poses", "out": f"{folder}/out"}
    config = RenderConfig.model_validate(keys | {"execution": {"workers": 2}})
    start_ray(config.execution.ray_address)
    watch = _Watch()
    start = time.monotonic()
    plan, job = render.prepare(config, StandIn())
    planning = time.monotonic() - start
    manifest = execute(job, plan, config)
    seconds = time.monotonic() - start
    quarters = np.array_split(np.array(watch.stop()), 4)
    files = [f.size for f in Store(config.out).list("renders")]
    print(f"{pairs:,} rows through Ray, 2 workers, {len(files)} shards of {files[0] / 1e6:.1f} MB:")
    print(f"  {pairs / seconds:,.0f} rows/s, planning {planning:.1f} s, all {seconds:.1f} s")
    for name, column in (("driver's memory", 0), ("object store", 1)):
        megabytes = [f"{quarter[:, column].max() / 1e6:.1f}" for quarter in quarters]
        print(f"  {name}, most in each quarter of the run: {', '.join(megabytes)} MB")
    assert manifest["totals"]["ok"] == pairs
    timed("  resume of the finished run", lambda: execute(job, plan, config))
    timed("  runs show", lambda: show.run(show.ShowConfig(url=config.out)))
    Path(folder, "out", "manifest.json").unlink()
    timed("  runs show, without its manifest", lambda: show.run(show.ShowConfig(url=config.out)))
    for rows in (2500, 25):
        small = config.model_copy(update={"out": f"{folder}/out{rows}", "shard_rows": rows})
        plan, job = render.prepare(small, StandIn())
        plan = type(plan)(
            plan.command,
            plan.identity,
            plan.tables,
            Keys(plan.keys.table[:10_000]),
            (rows,) * (10_000 // rows),
        )
        timed(f"  10,000 rows in shards of {rows}", lambda p=plan, j=job, c=small: execute(j, p, c))


def timed(what: str, call: Callable[[], object]) -> None:
    """Print the seconds of a call."""
    start = time.monotonic()
    call()
    print(f"{what}: {time.monotonic() - start:.2f} s")


def write_catalog(url: str, count: int) -> None:
    """A catalog of small photographs, all alike."""
    uv = np.full((SIZE, SIZE, 2), np.nan, np.float32)
    uv[4:12, 4:12] = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 8)] * 2), axis=-1)
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    size = {"width": SIZE, "height": SIZE}
    image = size | {"image": {"bytes": encode(pixels, ImageFormat()), "path": None}}
    uv_map = size | {"layout": "anny", "uv": quantise(uv).tobytes(), "status": "ok"}
    store = Store(url)
    for start in range(0, count, ROWS_A_FILE):
        ids = [{"image_id": f"item-{i:08d}"} for i in range(start, min(count, start + ROWS_A_FILE))]
        for name, row in (("images", image), ("uv_maps", uv_map)):
            table = pa.Table.from_pylist([i | row for i in ids], SCHEMAS[name])
            store.put(f"{name}/{start:08d}.parquet", parquet_bytes(table))


def _pair(folder: str) -> str:
    path = Path(folder, "pair.csv")
    path.write_text("from,to\nitem-00000000,item-00000001\n")
    return str(path)


def _peak(pid: int, running: Callable[[], bool]) -> int:
    process, peak = psutil.Process(pid), 0
    while running():
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.05)
    return peak


class _Watch:
    """This process's memory, and the object store's, twice a second."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self.done = threading.Event()
        self.total = ray.cluster_resources()["object_store_memory"]
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self) -> None:
        while not self.done.wait(0.5):
            free = ray.available_resources().get("object_store_memory", 0)
            self.seen.append((psutil.Process().memory_info().rss, self.total - free))

    def stop(self) -> list[tuple[float, float]]:
        self.done.set()
        self.thread.join()
        return self.seen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--planned", type=int, default=5_000_000)
    arguments = parser.parse_args()
    main(arguments.pairs, arguments.planned)
