"""Trains the poser: each pixel's part of the body, and its place in the part."""

from typing import Any

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn
from torch.nn import functional as F

from configs.train_poser import TrainPoserConfig
from eval.pictures import skeleton_picture, uv_picture
from models.layouts import symmetric
from models.poser import Parts, Poser, PoserConfig, load_poser, part_of, save_poser
from models.skeleton import BONES
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.training.skeletons import Batch, training_skeletons
from workers.training.steps import adam, compiled, descend, distributed, in_bf16, mixed

SAMPLED_MAPS, SAMPLED_PIXELS = 256, 300  # of each of these maps, to find the parts
SHOWN = 128  # pixels a side of a sheet's pictures


class PoserTraining:
    """The poser with its optimiser; a `workers.training.steps.Training`."""

    columns: tuple[str, ...] = ("skeleton", "predicted map", "true map")
    save = staticmethod(save_poser)

    def __init__(self, config: TrainPoserConfig, layout: str, device: torch.device):
        self.config, self.device, self.note = config, device, ""
        self.model = PoserConfig(layout, config.bones, config.width, config.parts, config.grid)
        torch.manual_seed(config.seed)
        if config.initial:
            self.poser = _initial_poser(config.initial, self.model)
        else:
            self.poser = Poser(self.model, found_parts(config, layout))
        self.poser.to(device).to(memory_format=torch.channels_last)
        self.parallel = distributed(self.poser, device)
        self.optimiser = adam(self.poser, device)
        self.optimisers, self.failed = (self.optimiser,), torch.zeros((), device=device)
        self.networks: dict[str, nn.Module] = {"poser": self.poser}
        self.parts: dict[str, Any] = {"poser": self.poser, "optimiser": self.optimiser}
        self.bf16 = in_bf16(config.precision, device)
        self.losses = compiled(self._losses, config, device)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """See `Training.step`."""
        self.poser.train()
        losses = self.losses(self.parallel, batch)
        norm = descend(self.optimiser, losses, "total", self.failed)
        return losses | {"gradient": norm}

    @torch.no_grad()
    def test(self, batch: Batch) -> dict[str, Tensor]:
        """See `Training.test`."""
        return self._losses(self.poser.eval(), batch)

    def _losses(self, poser: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Of parts and places, weighed in `total`; and the share of right parts on the body."""
        with mixed(self.device, self.bf16):
            fields = poser(batch.skeletons, batch.uv.shape[2:])
        part = part_of(batch.uv, self.poser.centres)  # (B, h, w), -1 off the body
        body, known = part >= 0, part.clamp(min=0)
        pixels = body.sum().clamp(min=1)
        low, high = self.poser.boxes[:, known].movedim(-1, 2)
        true = ((batch.uv - low) / (high - low)).nan_to_num(0)
        place = fields.places.gather(2, known[:, None, None].expand(-1, 2, -1, -1, -1))[:, :, 0]
        off = ((place - true).abs() * body[:, None]).sum() / (2 * pixels)
        right = (fields.parts[:, 1:].argmax(1) == part) & body
        parts = {"parts": F.cross_entropy(fields.parts, part + 1), "places": off}
        weights = self.config.losses
        total = sum(getattr(weights, name) * loss for name, loss in parts.items())
        return parts | {"right": right.sum() / pixels, "total": torch.as_tensor(total)}

    @torch.no_grad()
    def sheet(self, batch: Batch) -> list[np.ndarray]:
        """See `Training.sheet`."""
        self.poser.eval()
        scale, size = SHOWN / batch.uv.shape[2], (SHOWN, SHOWN)
        skeletons = (batch.skeletons + 0.5) * scale - 0.5
        maps = self.poser.predict(skeletons, size), batch.uv
        there = torch.cat([skeletons, torch.ones_like(skeletons[..., :1])], dim=-1)
        drawn = there.where(~skeletons.isnan().any(dim=-1, keepdim=True), 0).cpu().numpy()
        return [
            np.stack([skeleton_picture(one, BONES[: self.model.bones], *size) for one in drawn]),
            *(np.stack([uv_picture(uv) for uv in some.cpu().numpy()]) for some in maps),
        ]


def found_parts(config: TrainPoserConfig, layout: str) -> Parts:
    """Divide the sheet into parts, by k-means of points that the catalog's maps show.

    On a sheet that is left/right symmetric the parts are, too.
    """
    catalog, rng = Catalog(config.catalog), np.random.default_rng(config.seed % 2**63)
    names = [name for (name,) in training_skeletons(config)[0]]
    chosen = rng.choice(len(names), min(SAMPLED_MAPS, len(names)), replace=False)
    points = []
    for n in np.sort(chosen):
        uv = catalog.uv_map(names[n], layout)
        uv = uv[:, ~np.isnan(uv[0])].T
        points.append(rng.choice(uv, min(SAMPLED_PIXELS, len(uv)), replace=False))
    uv, count = np.concatenate(points), config.parts
    if symmetric(layout):
        if count % 2:
            raise ValueError(f"parts={count}: the sheet of {layout} is symmetric, say an even one")
        half = _clustered(np.abs(uv) * [1, 0] + uv * [0, 1], count // 2, rng)
        centres = np.concatenate([half, half * [-1, 1]])
        uv = np.concatenate([uv, uv * [-1, 1]])
    else:
        centres = _clustered(uv, count, rng)
    there = torch.from_numpy(uv).float().T[None, :, None]
    part = part_of(there, torch.from_numpy(centres).float())[0, 0].numpy()
    of_parts = [uv[part == k] for k in range(count)]
    low, high = (np.stack([edge(own, axis=0) for own in of_parts]) for edge in (np.min, np.max))
    margin = 1e-3 + 0.02 * (high - low)
    boxes = np.stack([low - margin, high + margin])
    return Parts(*(torch.tensor(x, dtype=torch.float32) for x in (centres, boxes)))


def _clustered(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    try:
        return kmeans2(points, count, minit="++", missing="raise", rng=rng)[0]
    except ValueError as error:  # an empty cluster
        raise ValueError(f"parts={count} are too many for the catalog's maps: {error}") from error


def _initial_poser(url: str, wanted: PoserConfig) -> Poser:
    """The poser of a checkpoint; ValueError, naming it, if it is another kind of poser."""
    try:
        poser, _ = load_poser(Store(url).read)
    except ValueError as error:
        raise ValueError(f"initial={url}: {error}") from error
    if poser.config != wanted:
        raise ValueError(f"{url}: it is {poser.config}, the training's is {wanted}")
    return poser
