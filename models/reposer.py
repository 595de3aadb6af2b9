"""The whole method as one object: S, M_S, M_N -> N^, with the source's share done once."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from models.config import ModelConfig
from models.coordinates import CONVENTIONS
from models.generator import Generator, Painted, shown
from models.inference import folded
from models.inpainter import Inpainter
from models.maps import Source, Target, Texture, each
from models.texture import body_colours, complete, warped


class Reposer(Protocol):
    """Renders people of source photographs in target poses."""

    name: str  # goes into the `model` column of the renders
    layout: str  # the UV layout it reads, a key of models.layouts.LAYOUTS
    sha256: str  # of what decides its pixels
    device: torch.device

    same_size: bool  # whether a source and its target must have one size

    def encode(self, source: Source) -> Any:
        """Do all that depends on the sources alone, once for all their poses.

        Returns a state for `render`.
        """
        ...

    def render(self, state: Any, source_index: list[int], target: Target) -> Tensor:
        """Render pair k: source source_index[k] of the state in pose k of the target.

        Returns images (K, 3, h, w) RGB in [0, 1], float32.
        """
        ...


class Encoded(NamedTuple):
    """One source, encoded: all tensors have batch size 1."""

    body: Tensor  # the photograph's `body_colours` (1, 3, H, W)
    texture: Texture  # T and D
    of_g: list[Tensor]  # what g needs of it, as `Generator.encode_source` made it


class CoordinateReposer:
    """Coordinate-based texture inpainting, for inference.

    On a CPU every sample is computed on its own, so results are the same bits whatever they
    were batched with; a GPU computes true batches.
    """

    def __init__(
        self,
        config: ModelConfig,
        inpainter: Inpainter | None,
        generator: Generator,
        sha256: str,
        device: torch.device,
    ):
        self.config = config
        self.name = f"coordinate-{sha256[:12]}"
        self.layout = config.layout
        self.sha256 = sha256
        self.device = device
        self.same_size = not config.form.source_maps
        self.convention = CONVENTIONS[config.convention]
        self.inpainter = folded(inpainter, device) if inpainter else None
        self.generator = folded(generator, device)

    @torch.inference_mode()
    def encode(self, source: Source) -> list[Encoded]:
        """Run splat, f and g's source encoder; see `Reposer`."""
        source = each(source, lambda x: x.to(self.device))
        encoded = []
        for at in self.batches(len(source.uv)):
            part = each(source, itemgetter(at))
            texture = complete(self.config, self.inpainter, part)
            body = body_colours(part, self.config.extend_body)
            maps = [body, *texture, *self.features(part)]
            for body, T, D, *of_g in zip(*(x.split(1) for x in maps), strict=True):
                encoded.append(Encoded(body, Texture(T, D), of_g))
        return encoded

    @torch.inference_mode()
    def render(self, state: list[Encoded], source_index: list[int], target: Target) -> Tensor:
        """Run warps, g's target encoder and its decoder; see `Reposer`."""
        target = each(target, lambda x: x.to(self.device))
        images = []
        for at in self.batches(len(source_index)):
            sources, part = [state[i] for i in source_index[at]], each(target, itemgetter(at))
            body = gather([s.body for s in sources])
            texture = Texture(*map(gather, zip(*(s.texture for s in sources), strict=True)))
            of_g = [gather(level) for level in zip(*(s.of_g for s in sources), strict=True)]
            W_and_E = warped(self.config, body, texture, part)
            painted = self.paint(of_g, W_and_E, part)
            images.append(shown(painted, W_and_E.colours, part.uv))
        return torch.cat(images)

    def features(self, source: Source) -> list[Tensor]:
        """Run g's source encoder: what `paint` needs of the source."""
        return self.generator.encode_source(source)

    def paint(self, of_g: list[Tensor], W_and_E: Texture, target: Target) -> Painted:
        """Run the rest of g; `of_g` as `features` made it."""
        return self.generator(of_g, W_and_E, target, self.convention)

    def batches(self, count: int) -> list[slice]:
        """The slices of `count` samples that are computed at once."""
        if self.device.type == "cpu":
            return [slice(i, i + 1) for i in range(count)]
        return [slice(0, count)]


def gather(rows: Sequence[Tensor]) -> Tensor:
    """Stack tensors of batch size 1; without a copy where all are one and the same."""
    if all(row is rows[0] for row in rows):
        return rows[0].expand(len(rows), *rows[0].shape[1:])
    return torch.cat(list(rows))
