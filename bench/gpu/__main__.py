"""Measures a GPU in at most four minutes.

    python -m bench.gpu [--json FILE] [--only SECTION] [--trace] [--cpu]

Full-size networks on seeded weights, the sample's photographs and poses. Every section is caught
and has its share of the time. `--cpu` runs all of it on a CPU, in small: the test of this command.
"""

import argparse
import json
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from bench.gpu import faults, networks, passes, rendering, runs, training
from bench.gpu.inputs import Bench

Row = dict[str, object]
SECTIONS: dict[str, tuple[Callable[[Bench], Iterator[Row]], float]] = {  # and its seconds
    "card": (rendering.card, 5),
    "render": (rendering.rendering, 40),
    "trace": (rendering.trace, 15),
    "encode": (rendering.encoding, 10),
    "passes": (passes.passes, 15),
    "bundled": (rendering.bundled, 20),
    "native": (rendering.native, 15),
    "runs": (runs.parquet, 30),
    "memory": (faults.out_of_memory, 15),
    "fault": (faults.cuda_error, 10),
    "densepose": (networks.densepose, 30),
    "metrics": (networks.metrics, 15),
    "training": (training.training, 80),
}


def main(arguments: list[str] | None = None) -> None:
    """Run the sections, print their rows, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=[*SECTIONS])
    parser.add_argument("--trace", action="store_true", help="the ten longest kernels, too")
    parser.add_argument("--cpu", action="store_true", help="run on a CPU, in small")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not options.cpu:
        print("bench.gpu: no GPU here")
        return
    bench = Bench(torch.device("cpu" if options.cpu else "cuda"))
    wanted = [s for s in options.only if s != "trace" or options.trace or len(options.only) == 1]
    found: dict[str, object] = {}
    for name in wanted:
        found[name] = run(name, bench)
        if options.json:
            options.json.write_text(json.dumps(found, indent=1))


def run(name: str, bench: Bench) -> Row:
    """Run a section until its time is over; what it found, and how it ended."""
    section, seconds = SECTIONS[name]
    print(f"\n== {name}", flush=True)
    start, rows, ended = time.monotonic(), [], "complete"
    try:
        for row in section(bench):
            rows.append(row)
            print("  " + "  ".join(f"{k} {_told(v)}" for k, v in row.items()), flush=True)
            if time.monotonic() - start > seconds and not bench.tiny:
                ended = f"stopped after {seconds} s"
                break
    except Exception as error:
        ended = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    taken = round(time.monotonic() - start, 1)
    print(f"  -- {ended.splitlines()[0]}, {taken} s", flush=True)
    return {"rows": rows, "ended": ended, "seconds": taken}


def _told(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
