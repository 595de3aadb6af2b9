"""The whole method as one object: S, M_S, M_N -> N^, with the source's share done once."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from models.config import ModelConfig
from models.coordinates import CONVENTIONS
from models.generator import Generator, Painted, shown
from models.half import halved
from models.inference import folded
from models.inpainter import Inpainter
from models.maps import Source, Target, Texture, each
from models.texture import body_colours, complete, warped

Precision = Literal["fp32", "fp16"]


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

        Returns images (K, 3, h, w) RGB in [0, 1], float32; or uint8, where they are bytes already.
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
    were batched with; a GPU computes true batches, filled up to few sizes.

    `precision` is fp32, the reference, on a GPU without TF32, or fp16: g's convolutions in
    float16, with its other passes in Triton where `compiled`. Coordinates, moments and f are
    float32 in both.
    """

    def __init__(
        self,
        config: ModelConfig,
        inpainter: Inpainter | None,
        generator: Generator,
        sha256: str,
        device: torch.device,
        precision: Precision = "fp32",
        compiled: bool = True,
    ):
        self.config = config
        self.name = f"coordinate-{sha256[:12]}"
        self.layout = config.layout
        self.sha256 = sha256
        self.device = device
        self.same_size = not config.form.source_maps
        self.convention = CONVENTIONS[config.convention]
        self.inpainter = folded(inpainter, device) if inpainter else None
        half = precision == "fp16"
        kernels = compiled and device.type == "cuda"
        self.generator = halved(generator, device, kernels) if half else folded(generator, device)
        # cuDNN tries its algorithms once a shape: worth it where all batches have few shapes.
        self.cudnn = {"enabled": True, "benchmark": half, "allow_tf32": False}

    @torch.inference_mode()
    def encode(self, source: Source) -> list[Encoded]:
        """Run splat, f and g's source encoder; see `Reposer`."""
        source = each(source, lambda x: x.to(self.device))
        encoded = []
        for at in self.batches(len(source.uv)):
            part = each(source, itemgetter(at))
            with torch.backends.cudnn.flags(**self.cudnn):
                texture = complete(self.config, self.inpainter, part)
                body = body_colours(part, self.config.extend_body)
                maps = [body, *texture, *self.features(part)]
            for body, T, D, *of_g in zip(*(x.split(1) for x in maps), strict=True):
                encoded.append(Encoded(body, Texture(T, D), of_g))
        return encoded

    @torch.inference_mode()
    def render(self, state: list[Encoded], source_index: list[int], target: Target) -> Tensor:
        """Run warps, g's target encoder and its decoder; see `Reposer`."""
        count = len(source_index)
        spare = 0 if self.device.type == "cpu" else batch_size(count) - count
        index = [*source_index, *source_index[-1:] * spare]
        target = each(target, lambda x: _filled(x.to(self.device), len(index)))
        images = []
        for at in self.batches(len(index)):
            sources, part = [state[i] for i in index[at]], each(target, itemgetter(at))
            body = gather([s.body for s in sources])
            texture = Texture(*map(gather, zip(*(s.texture for s in sources), strict=True)))
            of_g = [gather(level) for level in zip(*(s.of_g for s in sources), strict=True)]
            W_and_E = warped(self.config, body, texture, part)
            with torch.backends.cudnn.flags(**self.cudnn):
                painted = self.paint(of_g, W_and_E, part)
            images.append(shown(painted, W_and_E.colours, part.uv))
        return torch.cat(images)[:count]

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


def batch_size(count: int) -> int:
    """The samples of a GPU's batch for `count`: a power of two, from 16 on a multiple of 16.

    cuDNN chooses its algorithms by the shape: with few shapes it chooses seldom, and samples of
    a last, short batch get the numbers of the others.
    """
    return -(-count // 16) * 16 if count > 8 else 1 << (count - 1).bit_length()


def _filled(x: Tensor, size: int) -> Tensor:
    """A batch with its last sample repeated up to `size`."""
    spare = size - len(x)
    return torch.cat([x, x[-1:].expand(spare, *x.shape[1:])]) if spare else x


def gather(rows: Sequence[Tensor]) -> Tensor:
    """Stack tensors of batch size 1; without a copy where all are one and the same."""
    if all(row is rows[0] for row in rows):
        return rows[0].expand(len(rows), *rows[0].shape[1:])
    return torch.cat(list(rows))
