"""What is measured: networks, photographs and poses; and how time is taken."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from assets import SAMPLE
from models.config import ModelConfig
from models.generator import Generator
from models.inpainter import Inpainter
from models.maps import Source, Target
from models.recorded import Recorded
from models.reposer import CoordinateReposer, Precision
from models.uv_maps import dequantise


@dataclass(frozen=True)
class Bench:
    """The device, and the sizes that go with it."""

    device: torch.device

    @property
    def tiny(self) -> bool:
        return self.device.type == "cpu"

    @property
    def batches(self) -> tuple[int, ...]:
        return (2,) if self.tiny else (16, 32, 64)

    @cached_property
    def config(self) -> ModelConfig:
        if self.tiny:
            return ModelConfig(inpainter_width=8, generator_width=8, texture_size=48)
        return ModelConfig()

    @cached_property
    def networks(self) -> tuple[Inpainter, Generator]:
        torch.manual_seed(0)
        f = Inpainter(self.config.inpainter_width).eval()
        return f, Generator(self.config.generator_width)

    def reposer(
        self, precision: Precision = "fp16", compiled: bool = True, device: str | None = None
    ) -> CoordinateReposer:
        where = torch.device(device) if device else self.device
        return CoordinateReposer(self.config, *self.networks, "0" * 64, where, precision, compiled)

    @cached_property
    def sample(self) -> tuple[Tensor, Tensor]:
        """The sample's photographs (64, 3, 256, 256) and UV maps (64, 2, 256, 256)."""
        images = pq.read_table(SAMPLE / "images", columns=["image_id", "image"]).to_pylist()
        maps = pq.read_table(SAMPLE / "uv_maps", columns=["image_id", "uv"]).to_pylist()
        uv = {row["image_id"]: np.frombuffer(row["uv"], "<u2").reshape(2, 256, 256) for row in maps}
        pixels = [np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))) for row in images]
        step = 8 if self.tiny else 1  # small by leaving out pixels
        photographs = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
        stacked = np.stack([dequantise(uv[row["image_id"]]) for row in images])
        return photographs[..., ::step, ::step], torch.from_numpy(stacked)[..., ::step, ::step]

    def sources(self, count: int, start: int = 0) -> Source:
        photographs, uv = self.sample
        at = slice(start, start + count)
        return Source(photographs[at].to(self.device), uv[at].to(self.device))

    def targets(self, count: int, start: int = 8) -> Target:
        uv = self.sample[1].roll(-start, 0)
        return Target(uv[torch.arange(count) % len(uv)].to(self.device))

    def recorded(self, work: object) -> str:
        """How many kinds of batches became CUDA graphs, of those that were tried."""
        if not isinstance(work, Recorded):
            return "never"
        tried = work.recordings.values()
        return f"{sum(x is not None for x in tried)} of {len(tried)}"

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, call: Callable[[], object], at_least: float = 0.6) -> float:
        """Seconds of a call, of as many as take so long; the first is a warm-up."""
        call()
        self.wait()
        start = time.perf_counter()
        call()
        self.wait()
        once = max(time.perf_counter() - start, 1e-6)
        count = 1 if self.tiny else max(2, int(at_least / once))
        start = time.perf_counter()
        for _ in range(count):
            call()
        self.wait()
        return (time.perf_counter() - start) / count

    def python(self, call: Callable[[], object]) -> float:
        """Seconds until Python is through with a call, the card not waited for."""
        self.wait()
        start = time.perf_counter()
        call()
        python = time.perf_counter() - start
        self.wait()
        return python
