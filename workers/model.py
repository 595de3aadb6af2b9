"""Loads the model that a command names: `symmetry`, `bundled`, or the URL of a checkpoint.

And the poser, which makes UV maps of skeletons.
"""

from dataclasses import dataclass

import numpy as np
import torch

from assets import NETWORKS, POSER, TRYON
from models.checkpoint import load as load_checkpoint
from models.layouts import LAYOUTS
from models.lookup import load_lookup
from models.native import NativeReposer, reads_cloth
from models.poser import Poser, load_poser
from models.reposer import Precision, Reposer
from models.symmetry import NATIVE_TEXTURE_SIZE, TEXTURE_SIZE, SymmetryReposer
from workers.data.storage import Store, read_bytes
from world import sides

BUNDLED = {"bundled": NETWORKS, "bundled-tryon": TRYON}


def checkpoint(model: str) -> Store:
    """The files of the checkpoint that a command names."""
    return Store(str(BUNDLED.get(model, model)))


def poser(model: str) -> tuple[Poser, str]:
    """The poser of a checkpoint, or the bundled one, and the SHA-256 of its weights."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return load_poser(Store(str(POSER) if model == "bundled" else model).read, device)
    except ValueError as error:
        raise ValueError(f"keypoints.model={model}: {error}") from error


@dataclass(frozen=True)
class ModelSpec:
    """Names a model for a catalog of one layout; small enough to travel to every worker."""

    model: str
    layout: str
    lookup: str | None
    background: tuple[int, int, int]
    native: bool = False  # whether cloth is read from the photographs at their own size
    precision: Precision = "fp32"  # of a checkpoint, as is whether it is compiled
    compiled: bool = True
    reveals: bool = False  # of symmetry, whether it is shown what stays of its targets

    def __call__(self) -> Reposer:
        """Load it, on the GPU when there is one."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.model != "symmetry":
            try:
                read = checkpoint(self.model).read
                lookup = load_lookup(read_bytes(self.lookup)) if self.lookup else None
                networks = load_checkpoint(read, device, self.precision, self.compiled, lookup)
            except ValueError as error:
                raise ValueError(f"model={self.model}: {error}") from error
            cloth = self.native and reads_cloth(networks.config)
            return NativeReposer(networks) if cloth else networks
        if self.layout not in LAYOUTS:
            raise ValueError(f"UV layout {self.layout!r} is not one of {', '.join(LAYOUTS)}")
        lookup = load_lookup(read_bytes(self.lookup)) if self.lookup else None
        texels = NATIVE_TEXTURE_SIZE if self.native else TEXTURE_SIZE
        return symmetry(self.layout, device, lookup, self.background, texels, self.reveals)


def symmetry(
    layout: str,
    device: torch.device,
    lookup: np.ndarray | None = None,
    background: tuple[int, int, int] = (255, 255, 255),
    texture_size: int = TEXTURE_SIZE,
    reveals: bool = False,
) -> SymmetryReposer:
    """The model `symmetry`, which knows front from back where the layout's body is at hand."""
    opposite = sides.opposite(texture_size) if layout == "anny" else None
    return SymmetryReposer(layout, device, lookup, opposite, background, texture_size, reveals)
