"""Trains f: the texture it completes must agree with the source, and with the target."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from configs.train import TrainInpainterConfig
from models.checkpoint import save
from models.config import ModelConfig, refuse_other
from models.coordinates import CONSISTENT, body_mask, sample, splat
from models.inpainter import Inpainter, build_inpainter
from models.layouts import symmetric
from models.losses import blurred, body_distance, masked_l1
from models.texture import answer, complete, mirrored, seen, warp
from workers.training.pairs import Batch
from workers.training.steps import (
    adam,
    compiled,
    descend,
    distributed,
    in_bf16,
    mixed,
    pictures,
    trained_network,
)

BODY_REACH = 4  # the distance from the body counts up to this part of the photograph's side


class InpainterTraining:
    """f with its optimiser; a `workers.training.steps.Training`."""

    columns: tuple[str, ...] = ("source", "target", "texture seen", "T", "W")
    save = staticmethod(save)

    def __init__(self, config: TrainInpainterConfig, layout: str, device: torch.device):
        self.config, self.device, self.note = config, device, ""
        self.model = ModelConfig(
            variant=config.variant,
            layout=layout,
            convention=CONSISTENT.name,
            inpainter_width=config.width,
            texture_size=config.texture_size,
            first_guess=config.first_guess,
            keep_seen=config.keep_seen,
            extend_body=config.extend_body,
        )
        torch.manual_seed(config.seed)
        network = build_inpainter(self.model)
        if network is None:
            raise ValueError(f"variant {config.variant} has no f: train its generator at once")
        if config.initial:
            network.load_state_dict(_initial_f(config.initial, self.model).state_dict())
        self.f = network.to(device).to(memory_format=torch.channels_last)
        self.parallel = distributed(self.f, device)
        self.optimiser = adam(self.f, device)
        self.optimisers, self.failed = (self.optimiser,), torch.zeros((), device=device)
        self.networks: dict[str, nn.Module] = {"inpainter": self.f}
        self.parts: dict[str, Any] = {"f": self.f, "optimiser": self.optimiser}
        self.bf16 = in_bf16(config.precision, device)
        self.losses = compiled(self._losses, config, device)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """See `Training.step`."""
        self.f.train()
        losses = self.losses(self.parallel, batch)
        norm = descend(self.optimiser, losses, "total", self.failed)
        return losses | {"gradient": norm}

    @torch.no_grad()
    def test(self, batch: Batch) -> dict[str, Tensor]:
        """See `Training.test`."""
        return self._losses(self.f.eval(), batch)

    def _losses(self, f: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The paper's two losses of f (section 3.2) and ours, weighed in `total`."""
        size = (self.model.texture_size, self.model.texture_size)
        C, known = seen(self.model, batch.source)
        with mixed(self.device, self.bf16):
            completed = answer(self.model, f, C, known)
        N = splat(batch.expected, batch.target.uv, size, CONSISTENT)
        parts = {"coordinates": masked_l1(completed, C, known)}
        if symmetric(self.model.layout):
            parts["mirror"] = masked_l1(completed, *mirrored(C, known))
        # As printed the second compares D with an RGB texture; S read at D is what can be meant.
        if self.model.form.completes == "colours":
            parts["texture"] = masked_l1((completed + 1) / 2, *N)
        else:
            parts |= self._where_read(batch, completed, *N)
        weights = self.config.losses
        total = sum(getattr(weights, name) * loss for name, loss in parts.items())
        return parts | {"total": torch.as_tensor(total)}

    def _where_read(
        self, batch: Batch, D: Tensor, N: Tensor, seen_in_target: Tensor
    ) -> dict[str, Tensor]:
        """What is wrong with reading the source at D."""
        S, mask = batch.source.photograph, body_mask(batch.source.uv)
        side = max(mask.shape[-2:])
        textures = [
            masked_l1(sample(blurred(S, mask, blur * side), D, CONSISTENT), N, seen_in_target)
            for blur in self.config.losses.blurs
        ]
        # In the units of D. Off the body the texture loss leads nowhere: all is black there.
        off = sample(body_distance(mask, side // BODY_REACH) * 2 / side, D, CONSISTENT)
        return {"texture": torch.stack(textures).mean(), "body": off.mean()}

    @torch.no_grad()
    def sheet(self, batch: Batch) -> list[np.ndarray]:
        """See `Training.sheet`."""
        size = (self.model.texture_size, self.model.texture_size)
        with mixed(self.device, self.bf16):
            T, _ = complete(self.model, self.f.eval(), batch.source)
        S, M_N = batch.source.photograph, batch.target.uv
        shown, _ = splat(S, batch.source.uv, size, CONSISTENT)
        W = warp(T, M_N, CONSISTENT) + 1 - body_mask(M_N)
        return pictures(S, batch.expected, shown, T, W)


def _initial_f(url: str, wanted: ModelConfig) -> Inpainter:
    """The f of a checkpoint; ValueError, naming it, if it is another kind of f."""
    found, f = trained_network("initial", url, "inpainter")
    if found.form.completes != wanted.form.completes:
        refuse_other(url, found, wanted, "variant")
    refuse_other(url, found, wanted, "layout", "convention", "inpainter_width")
    return f
