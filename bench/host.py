"""What a GPU's process does beside the GPU: `python -m bench.host`.

A model that takes no time answers finished pictures as bytes, as they come from a GPU; real ones,
so that encoding costs what it costs. What is left is the host's work: reading, decoding, stacking,
encoding, rows and Parquet.
"""

import argparse
import json
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.engines import SAMPLE
from bench.machine import machine
from configs.fields import ImageFormat
from configs.render import RenderConfig
from models.maps import Source, Target
from pipelines import render
from pipelines.runs.execute import execute
from workers.data.catalog import Catalog
from workers.data.images import encode

MICROBATCH = 16  # as on a GPU
ENCODE_SECONDS = 2.0


@dataclass(frozen=True)
class Finished:
    """Makes a model that answers photographs, one after the other."""

    def __call__(self) -> "Photographs":
        return Photographs()


class Photographs:
    """A `models.reposer.Reposer` that takes no time, on a device that computes nothing."""

    name, layout, sha256 = "finished", "anny", "0" * 64
    same_size = reveals = False

    def __init__(self) -> None:
        self.device = torch.device("meta")
        pictures = torch.from_numpy(np.stack(sample_photographs()))
        self.pictures = pictures.permute(0, 3, 1, 2).contiguous()
        self.answered = 0

    def encode(self, source: Source) -> None:
        pass

    def render(self, state: None, source_index: list[int], target: Target) -> torch.Tensor:
        start = self.answered % (len(self.pictures) - MICROBATCH + 1)
        self.answered += len(source_index)
        return self.pictures[start : start + len(source_index)]


def sample_photographs() -> list[np.ndarray]:
    """Those of the bundled sample, uint8 (256, 256, 3)."""
    catalog = Catalog(str(SAMPLE))
    return [catalog.photograph(image_id) for image_id in catalog.images.ids.to_pylist()]


def measured(runs: int = 1) -> dict[str, float]:
    """Images/s of every sample photograph in every sample pose, beside JPEG encodings/s."""
    config = RenderConfig.model_validate(
        {
            "catalog": str(SAMPLE),
            "poses": str(SAMPLE),
            "out": "unused",
            "execution": {"engine": "local", "microbatch": MICROBATCH},
        }
    )
    best = {"images_per_second": 0.0}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            config = config.model_copy(update={"out": f"{folder}/out"})
            plan, job = render.prepare(config, Finished())
            start, cpu = time.monotonic(), _cpu_seconds()
            manifest = execute(job, plan, config)
            seconds, cpu = time.monotonic() - start, _cpu_seconds() - cpu
            assert manifest["totals"]["ok"] == plan.rows
            size = sum(file.stat().st_size for file in Path(folder, "out", "renders").iterdir())
        if plan.rows / seconds > best["images_per_second"]:
            best = {
                "images_per_second": plan.rows / seconds,
                "cpu_ms_per_image": cpu / plan.rows * 1e3,
                "bytes_per_image": size / plan.rows,
                "images": plan.rows,
                "shards": len(plan.lengths),
            }
    return best | {"encodes_per_second": encodes_per_second()}


def encodes_per_second() -> float:
    """JPEG encodings/s of one thread, of the pictures that the runs write."""
    pictures = sample_photographs()
    start, done = time.process_time(), 0
    while time.process_time() - start < ENCODE_SECONDS:
        for picture in pictures:
            encode(picture, ImageFormat())
        done += len(pictures)
    return done / (time.process_time() - start)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(as_json: bool = False, runs: int = 3) -> None:
    """Print both figures."""
    found = measured(runs)
    if as_json:
        print(json.dumps(found))
        return
    print(f"a model that takes no time, microbatches of {MICROBATCH}; {machine()}")
    print(
        f"  engine=local, into Parquet {found['images_per_second']:8,.0f} images/s"
        f"   ({found['images']:,.0f} images in {found['shards']:.0f} shards, best of {runs} runs; "
        f"{found['cpu_ms_per_image']:.2f} ms of CPU time and {found['bytes_per_image']:,.0f} bytes "
        "an image)"
    )
    print(f"  JPEG encoding, one core    {found['encodes_per_second']:8,.0f} images/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.json, arguments.runs)
