"""Trains g on a trained f, against PatchGAN and in the features of a trained classifier."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from configs.train import TrainGeneratorConfig
from models.backbones import load_backbone
from models.checkpoint import load_inpainter, load_networks, save
from models.config import ModelConfig, refuse_other
from models.coordinates import CONSISTENT, CONVENTIONS, Convention
from models.discriminator import PatchGAN
from models.generator import Generator, PlainGenerator, build_generator
from models.inpainter import Inpainter
from models.losses import (
    discriminator_hinge,
    generator_hinge,
    nearest_neighbour,
    perceptual,
    style,
)
from models.texture import body_colours, complete, warp_all
from models.variants import VARIANTS
from workers.data.storage import Store
from workers.training.data import Batch
from workers.training.steps import (
    check_finite,
    descend,
    distributed,
    in_bf16,
    mixed,
    picture,
)

BETAS = (0.5, 0.999)  # of Adam, as in Deformable GANs


class Painter(nn.Module):
    """g as one function of all its maps: gradients of several processes meet at `forward`."""

    def __init__(self, g: Generator | PlainGenerator, convention: Convention):
        super().__init__()
        self.g, self.convention = g, convention

    def forward(self, S: Tensor, M_S: Tensor, W: Tensor, E: Tensor, M_N: Tensor) -> Tensor:
        """N^ (B, 3, h, w) in [0, 1]."""
        return self.g(self.g.encode_source(S, M_S), W, E, M_N, self.convention)


class GeneratorTraining:
    """g and PatchGAN with their optimisers; a `workers.training.steps.Training`."""

    columns: tuple[str, ...] = ("source", "target", "T", "W", "render")

    def __init__(self, config: TrainGeneratorConfig, layout: str, device: torch.device):
        self.config, self.device = config, device
        self.variant = VARIANTS[config.variant]
        self.model, self.f = _trained_f(config, layout)
        self.convention = CONVENTIONS[self.model.convention]
        torch.manual_seed(config.seed)
        last = torch.channels_last
        self.g = build_generator(self.variant, config.width, self.model.blend)
        self.g = self.g.to(device).to(memory_format=last)
        if config.initial:
            self.g.load_state_dict(_initial_g(config.initial, self.model).state_dict())
        self.judge = PatchGAN(config.discriminator_width).to(device).to(memory_format=last)
        if self.f is not None:
            self.f.to(device).to(memory_format=last).eval().requires_grad_(False)
        self.backbone = load_backbone(config.backbone.name, config.backbone.weights)
        self.backbone.to(device).to(memory_format=last)
        self.paint = distributed(Painter(self.g, self.convention), device)
        self.judged = distributed(self.judge, device)
        rate = config.learning_rate
        self.optimiser = torch.optim.Adam(self.g.parameters(), lr=rate, betas=BETAS)
        self.judges_optimiser = torch.optim.Adam(self.judge.parameters(), lr=rate, betas=BETAS)
        self.bf16 = in_bf16(config.precision, device)

    def step(self, batch: Batch, rate: float) -> dict[str, Tensor]:
        """See `Training.step`: g first, then PatchGAN on what g has made."""
        self.g.train()
        batch = batch.to(self.device)
        image, losses = self._losses(self.paint, batch)
        check_finite(losses, batch)
        descend(self.optimiser, losses["total"], rate, batch)
        if self.config.losses.adversarial:
            losses["discriminator"] = self._judge(image.detach(), batch)
            check_finite(losses, batch)
            descend(self.judges_optimiser, losses["discriminator"], rate, batch)
        return {name: loss.detach() for name, loss in losses.items()}

    @torch.no_grad()
    def test(self, batch: Batch) -> dict[str, Tensor]:
        """See `Training.test`."""
        self.g.eval()
        return self._losses(Painter(self.g, self.convention), batch.to(self.device))[1]

    def _losses(self, paint: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The render, and the losses of g (section 3.3), weighed in `total`."""
        weights = self.config.losses
        W, E, _ = self._warped(batch)
        self.judge.requires_grad_(False)
        with mixed(self.device, self.bf16, self.g, self.judge):
            image = paint(batch.S, batch.M_S, W, E, batch.M_N)
            features = self.backbone(image)
            with torch.no_grad():
                expected = self.backbone(batch.N)
            scores = self.judge(image, batch.M_N) if weights.adversarial else image.new_zeros(1)
        self.judge.requires_grad_(True)
        parts = {
            "perceptual": perceptual(features, expected),
            "style": style(features, expected),
            "nearest_neighbour": nearest_neighbour(features[0], expected[0]),
            "adversarial": generator_hinge(scores),
            "pixel": (image - batch.N).abs().mean(),
        }
        total = torch.stack([getattr(weights, name) * loss for name, loss in parts.items()]).sum()
        return image, parts | {"total": total}

    def _judge(self, image: Tensor, batch: Batch) -> Tensor:
        with mixed(self.device, self.bf16, self.judge):
            both = torch.cat([batch.N, image])
            scores = self.judged(both, torch.cat([batch.M_N, batch.M_N]))
        return discriminator_hinge(*scores.chunk(2))

    @torch.no_grad()
    def _warped(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """W, E and T, all without gradients: f stays as it was trained."""
        with mixed(self.device, self.bf16):
            T, D = complete(self.model, self.f, batch.S, batch.M_S)
        body = body_colours(self.model, batch.S, batch.M_S)
        W, E = warp_all(self.model, body, T, D, batch.M_N)
        return W, E, T

    @torch.no_grad()
    def sheet(self, batch: Batch) -> list[list[np.ndarray]]:
        """See `Training.sheet`."""
        self.g.eval()
        batch = batch.to(self.device)
        W, E, T = self._warped(batch)
        with mixed(self.device, self.bf16, self.g):
            image = Painter(self.g, self.convention)(batch.S, batch.M_S, W, E, batch.M_N)
        if not T.shape[1]:
            T, W = (torch.ones_like(x) for x in (batch.S, batch.N))
        return [
            [picture(x) for x in row] for row in zip(batch.S, batch.N, T, W, image, strict=True)
        ]

    def state(self) -> dict[str, Any]:
        """See `Training.state`."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """See `Training.load`."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "g": self.g,
            "judge": self.judge,
            "optimiser": self.optimiser,
            "judges_optimiser": self.judges_optimiser,
        }

    def served(self, origin: str, training_images: bytes) -> dict[str, bytes]:
        """See `Training.served`."""
        return save(self.model, self.f, self.g, origin, training_images)


def _trained_f(config: TrainGeneratorConfig, layout: str) -> tuple[ModelConfig, Inpainter | None]:
    """What the whole model will be, and its f where the variant has one.

    ValueError if f is missing, or completes another kind of texture, or reads another layout.
    """
    variant = VARIANTS[config.variant]
    if variant.completes is None:
        model = ModelConfig(
            variant=config.variant,
            layout=layout,
            convention=CONSISTENT.name,
            generator_width=config.width,
        )
        return model, None
    if config.inpainter is None:
        raise ValueError(f"variant {config.variant} wants inpainter=, the URL of a trained f")
    try:
        trained, f, _ = load_inpainter(Store(config.inpainter).read)
    except ValueError as error:
        raise ValueError(f"inpainter={config.inpainter}: {error}") from error
    if VARIANTS[trained.variant].completes != variant.completes:
        raise ValueError(
            f"{config.inpainter} completes {VARIANTS[trained.variant].completes}, variant "
            f"{config.variant} wants {variant.completes}: train it with variant={config.variant}"
        )
    if trained.layout != layout:
        raise ValueError(f"{config.inpainter} reads UV maps of layout {trained.layout}, the "
                         f"catalog has {layout}")  # fmt: skip
    model = replace(
        trained,
        variant=config.variant,
        generator_width=config.width,
        warp_once=config.warp_once,
        blend=config.blend,
    )
    return model, f


def _initial_g(url: str, wanted: ModelConfig) -> Generator | PlainGenerator:
    """The g of a checkpoint; ValueError, naming it, if it is another kind of g."""
    try:
        found, _, g, _ = load_networks(Store(url).read)
    except ValueError as error:
        raise ValueError(f"initial={url}: {error}") from error
    fields = ("variant", "layout", "convention", "generator_width", "warp_once", "blend")
    refuse_other(url, found, wanted, *fields)
    return g
