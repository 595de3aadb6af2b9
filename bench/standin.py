"""A fake model, in a module of its own so that workers can import it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from models.maps import Source, Target


@dataclass(frozen=True)
class StandIn:
    """Makes a model that waits some seconds an image, and answers the source's mean colour.

    Each process that makes one leaves a file in `folder`, if one is given.
    """

    seconds: float = 0.0
    folder: str = ""

    def __call__(self) -> "Model":
        if self.folder:
            Path(self.folder, f"loaded-{os.getpid()}").touch()
        return Model(self.seconds)


class Model:
    """Waits without using the CPU, as the host of a GPU does."""

    name, layout, sha256 = "stand-in", "anny", "0" * 64
    same_size = reveals = False

    def __init__(self, seconds: float) -> None:
        self.seconds, self.device = seconds, torch.device("cpu")

    def encode(self, source: Source) -> torch.Tensor:
        return source.photograph.mean(dim=(2, 3), keepdim=True)

    def render(self, state: torch.Tensor, source_index: list[int], target: Target) -> torch.Tensor:
        time.sleep(self.seconds * len(source_index))
        return state[source_index].expand(-1, -1, *target.uv.shape[-2:])
