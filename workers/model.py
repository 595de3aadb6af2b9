"""Loads the model that a command names: `symmetry`, or the URL of a checkpoint."""

from dataclasses import dataclass

import torch

from models.checkpoint import load as load_checkpoint
from models.layouts import LAYOUTS, mirror_map
from models.lookup import load_lookup, rebuild_lookup
from models.reposer import Reposer
from models.symmetry import TEXTURE_SIZE, SymmetryReposer
from workers.storage import Store, read_bytes


@dataclass(frozen=True)
class ModelSpec:
    """Names a model for a catalog of one layout; small enough to travel to every worker."""

    model: str
    layout: str
    lookup: str | None
    background: tuple[int, int, int]

    def __call__(self) -> Reposer:
        """Load it, on the GPU when there is one."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.model != "symmetry":
            try:
                return load_checkpoint(Store(self.model).read, device)
            except ValueError as error:
                raise ValueError(f"model={self.model}: {error}") from error
        layout = LAYOUTS[self.layout]
        lookup = None
        if layout.mirror == "charts":
            lookup = load_lookup(read_bytes(self.lookup)) if self.lookup else rebuild_lookup()
        mirror = mirror_map(layout, TEXTURE_SIZE, lookup)
        return SymmetryReposer(layout.name, mirror, self.background, device)
