"""Both engines against a bare loop of the same model on the same pairs: `python -m bench.engines`.

The model is a stand-in that takes 50 ms an image and leaves the CPU alone, as a GPU would. What is
measured is everything around it: reading, decoding, encoding, commits and scheduling.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench.machine import machine
from bench.standin import StandIn
from configs.render import RenderConfig
from configs.run import Execution
from models.maps import Source, Target
from pipelines import render
from pipelines.runs.cluster import start_ray
from pipelines.runs.execute import execute
from workers.data.catalog import Catalog
from workers.tensors import stacked

SAMPLE = Path(__file__).parent.parent / "assets" / "sample"
SECONDS = 0.05


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


def whole_run(pairs: int, engine: str) -> float:
    """Images per second of a run, from its plan to its manifest, one worker."""
    catalog = Catalog(str(SAMPLE))
    ids = catalog.images.ids.to_pylist()
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "pairs.csv")
        rows = [f"{s},{t}\n" for s in ids for t in ids][:pairs]
        listed.write_text("from,to\n" + "".join(rows))
        config = RenderConfig(
            catalog=str(SAMPLE),
            pairs=str(listed),
            out=f"{folder}/out",
            execution=Execution.model_validate({"engine": engine, "workers": 1}),
        )
        if engine == "ray":
            start_ray(config.execution.ray_address)
        start = time.monotonic()
        plan, job = render.prepare(config, StandIn(SECONDS))
        execute(job, plan, config)
        return pairs / (time.monotonic() - start)


def main(pairs: int = 2400) -> None:
    """Print the three figures and their ratios."""
    bare = bare_loop(pairs)
    print(f"{pairs} pairs, a stand-in model of 50 ms an image, one worker; {machine()}")
    print(f"  bare loop of the model   {bare:6.2f} images/s")
    for engine, what in (("local", "engine=local"), ("ray", "engine=ray, actor start included")):
        rate = whole_run(pairs, engine)
        print(f"  {what:24} {rate:6.2f} images/s   {rate / bare:.3f} of the bare loop")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2400)
    main(parser.parse_args().pairs)
