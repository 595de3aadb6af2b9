"""Trains g on a trained f, against PatchGAN and in the features of a trained classifier."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from configs.train import TrainGeneratorConfig
from models.backbones import load_backbone
from models.checkpoint import save
from models.config import ModelConfig, refuse_other
from models.coordinates import CONSISTENT, CONVENTIONS, Convention
from models.discriminator import PatchGAN
from models.generator import Generator, begin_with, build_generator
from models.inpainter import Inpainter
from models.losses import (
    discriminator_hinge,
    generator_hinge,
    nearest_neighbour,
    perceptual,
    style,
)
from models.maps import Source, Target, Texture
from models.revealed import Clothes, laid_over, view
from models.texture import body_colours, complete, warped
from models.variants import VARIANTS
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

BETAS = (0.5, 0.999)  # of Adam, as in Deformable GANs


class Painter(nn.Module):
    """g as one function of all its maps: gradients of several processes meet at `forward`."""

    def __init__(self, g: Generator, convention: Convention, clothes: Clothes | None):
        super().__init__()
        self.g, self.convention, self.clothes = g, convention, clothes

    def forward(self, source: Source, warped: Texture, target: Target) -> Tensor:
        """N^ (B, 3, h, w) in [0, 1]."""
        painted = self.g(self.g.encode_source(source), warped, target, self.convention)
        return view(painted, warped.colours, target, self.clothes)


class GeneratorTraining:
    """g and PatchGAN with their optimisers; a `workers.training.steps.Training`."""

    columns: tuple[str, ...] = ("source", "target", "T", "W", "render")
    save = staticmethod(save)

    def __init__(self, config: TrainGeneratorConfig, layout: str, device: torch.device):
        self.config, self.device = config, device
        self.model, self.f = _trained_f(config, layout)
        self.convention = CONVENTIONS[self.model.convention]
        torch.manual_seed(config.seed)
        last = torch.channels_last
        self.g = build_generator(self.model)
        self.g = self.g.to(device).to(memory_format=last)
        if config.initial:
            begin_with(self.g, _initial_g(config.initial, self.model))
        self.clothes = Clothes(layout, device=device) if self.model.reveals else None
        if self.clothes:
            self.columns = ("source", "target", "stays", "T", "W", "render")
        self.judge = PatchGAN(config.discriminator_width).to(device).to(memory_format=last)
        if self.f is not None:
            self.f.to(device).to(memory_format=last).eval().requires_grad_(False)
        self.backbone = load_backbone(config.backbone.name, config.backbone.weights)
        self.backbone.to(device).to(memory_format=last)
        self.painter = Painter(self.g, self.convention, self.clothes)
        self.paint = distributed(self.painter, device)
        self.judged = distributed(self.judge, device)
        self.optimiser = adam(self.g, device, BETAS)
        self.judges_optimiser = adam(self.judge, device, BETAS)
        self.optimisers = (self.optimiser, self.judges_optimiser)
        self.failed = torch.zeros((), device=device)
        self.bf16 = in_bf16(config.precision, device)
        self.losses = compiled(self._losses, config, device)
        self.judgement = compiled(self._judge, config, device)
        self.networks: dict[str, nn.Module] = {"inpainter": self.f} if self.f else {}
        self.networks["generator"] = self.g
        self.parts: dict[str, Any] = {
            "g": self.g,
            "judge": self.judge,
            "optimiser": self.optimiser,
            "judges_optimiser": self.judges_optimiser,
        }
        self.note = (
            "Its perceptual, style and nearest-neighbour losses are measured in features of "
            f"{config.backbone.name} (layers {', '.join(map(str, self.backbone.taps))}): do not "
            "judge it by that network."
        )

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """See `Training.step`: g first, then PatchGAN on what g has made."""
        self.g.train()
        self.judge.requires_grad_(False)
        image, losses = self.losses(self.paint, batch)
        norm = descend(self.optimiser, losses, "total", self.failed)
        if not self.config.losses.adversarial:
            return losses | {"gradient": norm}
        self.judge.requires_grad_(True)
        judged = {"discriminator": self.judgement(image.detach(), batch)}
        judges_norm = descend(self.judges_optimiser, judged, "discriminator", self.failed)
        return losses | judged | {"gradient": norm, "discriminator_gradient": judges_norm}

    @torch.no_grad()
    def test(self, batch: Batch) -> dict[str, Tensor]:
        """See `Training.test`."""
        self.g.eval()
        return self._losses(self.painter, batch)[1]

    def _losses(self, paint: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The render, and the losses of g (section 3.3), weighed in `total`."""
        weights, batch = self.config.losses, self._clothed(batch)
        _, W_and_E = self._textures(batch)
        with mixed(self.device, self.bf16, self.g, self.judge):
            image = paint(batch.source, W_and_E, batch.target)
            features = self.backbone(image)
            with torch.no_grad():
                expected = self.backbone(batch.expected)
            scores = (
                self.judge(image, batch.target.uv) if weights.adversarial else image.new_zeros(1)
            )
        parts = {
            "perceptual": perceptual(features, expected),
            "style": style(features, expected),
            "nearest_neighbour": nearest_neighbour(features[0], expected[0]),
            "adversarial": generator_hinge(scores),
            "pixel": (image - batch.expected).abs().mean(),
        }
        total = torch.stack([getattr(weights, name) * loss for name, loss in parts.items()]).sum()
        return image, parts | {"total": total}

    def _judge(self, image: Tensor, batch: Batch) -> Tensor:
        with mixed(self.device, self.bf16, self.judge):
            both, M_N = torch.cat([batch.expected, image]), batch.target.uv
            scores = self.judged(both, torch.cat([M_N, M_N]))
        return discriminator_hinge(*scores.chunk(2))

    def _clothed(self, batch: Batch) -> Batch:
        """The batch whose sources have no head and hands, where those of targets stay."""
        return batch._replace(source=self.clothes.of(batch.source)) if self.clothes else batch

    @torch.no_grad()
    def _textures(self, batch: Batch) -> tuple[Texture, Texture]:
        """T and D, W and E, all without gradients: f stays as it was trained."""
        with mixed(self.device, self.bf16):
            texture = complete(self.model, self.f, batch.source)
        body = body_colours(batch.source, self.model.extend_body)
        W_and_E = warped(self.model, body, texture, batch.target)
        return texture, self.clothes.only(W_and_E, batch.target.uv) if self.clothes else W_and_E

    @torch.no_grad()
    def sheet(self, batch: Batch) -> list[np.ndarray]:
        """See `Training.sheet`."""
        self.g.eval()
        batch = self._clothed(batch)
        (T, _), W_and_E = self._textures(batch)
        W = W_and_E.colours
        with mixed(self.device, self.bf16, self.g):
            image = self.painter(batch.source, W_and_E, batch.target)
        if not T.shape[1]:
            T, W = (torch.ones_like(batch.expected) for _ in range(2))
        shown = [batch.source.photograph, batch.expected, T, W, image]
        if self.clothes:
            shown.insert(2, laid_over(torch.ones_like(image), batch.target.revealed))
        return pictures(*shown)


def _trained_f(config: TrainGeneratorConfig, layout: str) -> tuple[ModelConfig, Inpainter | None]:
    """What the whole model will be, and its f where the variant has one.

    ValueError if f is missing, or completes another kind of texture, or reads another layout.
    """
    wanted = VARIANTS[config.variant].completes
    if wanted is None:
        model = ModelConfig(
            variant=config.variant,
            layout=layout,
            convention=CONSISTENT.name,
            generator_width=config.width,
            reveal=config.reveal,
        )
        return model, None
    if config.inpainter is None:
        raise ValueError(f"variant {config.variant} wants inpainter=, the URL of a trained f")
    trained, f = trained_network("inpainter", config.inpainter, "inpainter")
    if trained.form.completes != wanted:
        raise ValueError(
            f"{config.inpainter} completes {trained.form.completes}, variant "
            f"{config.variant} wants {wanted}: train it with variant={config.variant}"
        )
    if trained.layout != layout:
        raise ValueError(
            f"{config.inpainter} reads UV maps of layout {trained.layout}, the catalog has {layout}"
        )
    model = replace(
        trained,
        variant=config.variant,
        generator_width=config.width,
        warp_once=config.warp_once,
        blend=config.blend,
        reveal=config.reveal,
    )
    return model, f


def _initial_g(url: str, wanted: ModelConfig) -> Generator:
    """The g of a checkpoint; ValueError, naming it, if it is another kind of g."""
    found, g = trained_network("initial", url, "generator")
    fields = ("variant", "layout", "convention", "generator_width", "warp_once", "blend")
    refuse_other(url, found, wanted, *fields)
    if found.reveals:  # else g is widened
        refuse_other(url, found, wanted, "reveal")
    return g
