"""Into Parquet: whole runs of `reposer render`, beside the bare loop of the same model."""

import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import MagicMock

from assets import SAMPLE
from bench.gpu.inputs import Bench
from models.checkpoint import save


def parquet(bench: Bench) -> Iterator[dict]:
    """Images a second of runs, from their plan to their manifest, and their share of the loop."""
    size = 2 if bench.tiny else 16
    reposer = bench.reposer()
    state, target = reposer.encode(bench.sources(1)), bench.targets(size)
    bare = size / bench.seconds(partial(reposer.render, state, [0] * size, target))
    yield {"what": "bare loop", "images_s": bare}
    del reposer, state
    with tempfile.TemporaryDirectory() as folder, importable_without_ray() as has_ray:
        model = checkpoint(bench, folder)
        for engine in ("local", "ray") if has_ray else ("local",):
            for shard_rows in (None, 1024):
                run = whole_run(bench, folder, model, engine, bare, shard_rows)
                yield {"engine": engine, **run}
    if not has_ray:
        yield {"engine": "ray", "skipped": "Ray is not installed here"}


def whole_run(
    bench: Bench,
    folder: str,
    model: str,
    engine: str,
    bare: float,
    shard_rows: int | None = None,
    **execution: object,
) -> dict:
    """One run of sources in poses."""
    from configs.render import RenderConfig
    from pipelines import render
    from pipelines.runs.cluster import start_ray
    from pipelines.runs.execute import execute

    ids = image_ids()
    sources = 1 if bench.tiny else len(ids)
    listed = Path(folder, "pairs.csv")
    rows = [f"{s},{t}\n" for s in ids[:sources] for t in ids[: 2 if bench.tiny else None]]
    listed.write_text("from,to\n" + "".join(rows))
    out = tempfile.mkdtemp(dir=folder)
    config = RenderConfig.model_validate(
        {"catalog": str(SAMPLE), "pairs": str(listed), "model": model, "out": out}
        | {"shard_rows": shard_rows}
        | {"execution": {"engine": engine, "workers": 1, **execution}}
    )
    if engine == "ray":
        start_ray(None)
    start = time.monotonic()
    plan, job = render.prepare(config)
    planned = time.monotonic() - start
    manifest = execute(job, plan, config)
    seconds = time.monotonic() - start
    timed = manifest["timings"]["rows_per_second"]
    return {
        "rows": len(rows),
        "ok": manifest["totals"]["ok"],
        "images_s": len(rows) / seconds,
        "of_bare": len(rows) / seconds / bare,
        "after_plan_images_s": timed,
        "of_bare_after_plan": timed / bare,
        "plan_s": planned,
        "shards": manifest["totals"]["shards"],
        "precision": manifest["identity"]["model"].get("precision", "fp32"),
    }


def checkpoint(bench: Bench, folder: str) -> str:
    """The seeded networks, as a checkpoint for layout anny."""
    from workers.data.storage import Store

    f, g = bench.networks
    url = f"{folder}/model"
    for name, data in save(bench.config, {"inpainter": f, "generator": g}, "Seeded.").items():
        Store(url).put(name, data)
    return url


def image_ids() -> list[str]:
    """The sample's."""
    import pyarrow.parquet as pq

    return pq.read_table(SAMPLE / "images", columns=["image_id"])["image_id"].to_pylist()


@contextmanager
def importable_without_ray() -> Iterator[bool]:
    """Whether Ray is there; where it is not, modules that name it still load, for engine=local."""
    if importlib.util.find_spec("ray"):
        yield True
        return
    names = ("ray", "ray.exceptions", "ray.util", "ray.util.metrics", "ray.util.queue")
    for name in names:
        sys.modules[name] = MagicMock()
    try:
        yield False
    finally:
        for name in names:
            del sys.modules[name]
