"""Measures completed textures against what is true in the sample world.

For every photograph: how far the source coordinates that a completer gives the texels lie from the
exact ones (`world.truth`), and how much fine detail there is in what the photograph does
not show.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from configs.benchmark import TexturesConfig
from configs.synthesize import SynthesizeConfig
from eval.textures import continuous, coordinate_error, high_frequency_energy, interior
from models.checkpoint import load_networks
from models.coordinates import CONSISTENT, sample
from models.inference import folded
from models.maps import Source, Texture
from models.texture import body_colours, complete
from workers.copies import Copies
from workers.data.catalog import Catalog
from workers.data.retrying import UNREACHABLE_OR_REFUSED
from workers.model import checkpoint, symmetry
from workers.shards.attempt import attempt, told
from workers.shards.keys import Key
from workers.shards.rows import failed_texture, photo_id
from workers.shards.shard import Rows
from workers.synthesis import SynthesizeWorker, item_and_view
from workers.tensors import stacked
from world import figures, scene
from world.truth import (
    MIRRORED,
    NEVER_SEEN,
    OFF,
    VISIBLE,
    Truth,
    on_body_chart,
    painted,
    truth,
)

KINDS = {"visible": VISIBLE, "mirrored": MIRRORED, "never_seen": NEVER_SEEN}
LAYOUT = "anny"

Completer = Callable[[Source], Texture]


class Measured(NamedTuple):
    """A photograph, its completed texture, and what is true of it."""

    photograph: np.ndarray  # (H, W, 3) uint8
    texture: np.ndarray  # T (3, t, t) in [0, 1]
    coordinates: np.ndarray | None  # D (2, t, t)
    truth: Truth
    paint: np.ndarray  # (3, t, t), NaN off the charts


def load_completer(name: str, device: torch.device) -> tuple[Completer, str]:
    """`symmetry`, or the f of a checkpoint; with the sha256 of what decides its answers."""
    if name == "symmetry":
        reposer = symmetry(LAYOUT, device)

        def from_mirror(source: Source) -> Texture:
            D = reposer.encode(source).coordinates
            return Texture(sample(body_colours(source, extend=False), D, CONSISTENT), D)  # eq. 2

        return from_mirror, reposer.sha256
    config, networks, sha256 = load_networks(checkpoint(name).read, "inpainter")
    inpainter = folded(networks["inpainter"], device)
    return lambda source: complete(config, inpainter, source), sha256


class TextureWorker:
    """Keys (image id, item id) -> rows of `textures`; `world` is what made the catalog."""

    def __init__(self, config: TexturesConfig, world: SynthesizeConfig):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.completer, _ = load_completer(config.completer, self.device)
        self.catalog, self.world = Catalog(config.catalog), SynthesizeWorker(world)
        self._paint: tuple[figures.Figure | None, np.ndarray] = (None, np.empty(0))

    def __call__(self, keys: Sequence[Key]) -> Iterator[Rows]:
        """Measure photographs; those of one item should follow each other."""
        for key in keys:
            measures = attempt(UNREACHABLE_OR_REFUSED, self._measure, photo_id(key))
            if isinstance(measures, Exception):
                yield failed_texture(key, *told(measures))
                continue
            row = {"image_id": key[0], "item_id": key[1], "status": "ok", **measures}
            yield {"textures": [row]}

    def _measure(self, image_id: str) -> dict[str, float | int | None]:
        return measured(self.texture(image_id))

    @torch.inference_mode()
    def texture(self, image_id: str) -> Measured:
        """A photograph's completed texture, and the truth at the same texels."""
        view = self.catalog.view(image_id, Source._fields, LAYOUT)
        T, D = self.completer(stacked(Source, [view], Copies(self.device).up))
        item, number = item_and_view(image_id)
        figure, config = self.world.dressed(item, item), self.world.config
        stage = scene.stage(figure, self.world.view(item, number), config.size)
        size = T.shape[-1]
        if self._paint[0] is not figure:  # an item's photographs follow each other
            self._paint = (figure, painted(figure, size))
        return Measured(
            view["photograph"],
            T[0].cpu().numpy(),
            D[0].cpu().numpy() if D.shape[1] else None,
            truth(stage, size),
            self._paint[1],
        )


def measured(found: Measured) -> dict[str, float | int | None]:
    """A photograph's columns of the table `textures`."""
    row: dict[str, float | int | None] = {}
    kind, D = found.truth.kind, found.coordinates
    if D is not None:
        for name, code in KINDS.items():
            size = found.photograph.shape[:2]
            error = coordinate_error(D, found.truth.coordinates, kind == code, size)
            row |= {f"{name}_{column}": value for column, value in error._asdict().items()}
    # Of the body's chart alone: heads, hands and feet are seen in hair and shoes.
    hidden = on_body_chart(len(kind)) & (kind != VISIBLE) & (kind != OFF)
    inner = interior(hidden)
    smooth = inner & continuous(D) if D is not None else inner
    for prefix, which in (("", inner), ("smooth_", smooth)):
        row[f"{prefix}energy"] = high_frequency_energy(found.texture, which)
        row[f"{prefix}energy_true"] = high_frequency_energy(found.paint, which)
    return row
