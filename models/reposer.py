"""The whole method as one object: S, M_S, M_N -> N^, with the source's share done once."""

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.backends import cudnn

from models.config import ModelConfig
from models.coordinates import CONVENTIONS
from models.generator import Generator, Painted
from models.half import halved
from models.inference import folded
from models.inpainter import Inpainter
from models.maps import Source, Target, Texture, each
from models.recorded import Recorded
from models.revealed import Clothes, view
from models.texture import body_colours, complete, warped

Precision = Literal["fp32", "fp16"]


class Reposer(Protocol):
    """Renders people of source photographs in target poses."""

    name: str  # goes into the `model` column of the renders
    layout: str  # the UV layout it reads, a key of models.layouts.LAYOUTS
    sha256: str  # of what decides its pixels
    device: torch.device

    same_size: bool  # whether a source and its target must have one size
    reveals: bool  # whether its targets must have N', what stays of their photographs

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
    float16. On a GPU its other passes are Triton kernels then, and a batch is recorded as a CUDA
    graph, where `compiled`. Coordinates, moments and f are float32 in both.

    `lookup` as in `models.revealed.Clothes`, for a model that reveals.
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
        lookup: np.ndarray | None = None,
    ):
        self.config = config
        self.name = f"coordinate-{sha256[:12]}"
        self.layout = config.layout
        self.sha256 = sha256
        self.device = device
        self.same_size, self.reveals = not config.form.source_maps, config.reveals
        self.clothes = Clothes(config.layout, lookup, device) if self.reveals else None
        self.convention = CONVENTIONS[config.convention]
        self.inpainter = folded(inpainter, device) if inpainter else None
        half = precision == "fp16"
        fast = half and compiled and device.type == "cuda"
        self.generator = halved(generator, device, fast) if half else folded(generator, device)
        # cuDNN tries its algorithms once a shape: worth it where all batches have few shapes.
        self.flags = partial(cudnn.flags, enabled=True, benchmark=half, allow_tf32=False)
        self.of_sources = Recorded(self._of_sources) if fast else self._of_sources
        self.views = Recorded(self._views) if fast else self._views

    @torch.inference_mode()
    def encode(self, source: Source) -> list[Encoded]:
        """Run splat, f and g's source encoder; see `Reposer`."""
        count = len(source.uv)
        source = each(source, lambda x: self.filled(x.to(self.device)))
        encoded = []
        for at in self.batches(len(source.uv)):
            maps = self.of_sources(*each(source, itemgetter(at)))
            for body, T, D, *of_g in zip(*(x.split(1) for x in maps), strict=True):
                encoded.append(Encoded(body, Texture(T, D), of_g))
        return encoded[:count]

    @torch.inference_mode()
    def render(self, state: list[Encoded], source_index: list[int], target: Target) -> Tensor:
        """Run warps, g's target encoder and its decoder; see `Reposer`."""
        count = len(source_index)
        maps_of_target = [self.filled(x.to(self.device)) for x in target[: 1 + self.reveals]]
        index = [*source_index, *source_index[-1:] * (len(maps_of_target[0]) - count)]
        images = []
        for at in self.batches(len(index)):
            sources = [state[i] for i in index[at]]
            maps = ([s.body, *s.texture, *s.of_g] for s in sources)
            targets = (x[at] for x in maps_of_target)
            images += self.views(*targets, *map(gather, zip(*maps, strict=True)))
        return torch.cat(images)[:count]

    def completed(self, config: ModelConfig, source: Source) -> Texture:
        """Run f: T and D (`models.texture.complete`)."""
        with self.flags():
            return complete(config, self.inpainter, source)

    def clothed(self, source: Source) -> Source:
        """A source as the model may see it: without head and hands where others are revealed."""
        return self.clothes.of(source) if self.clothes else source

    def features(self, source: Source) -> list[Tensor]:
        """Run g's source encoder: what `paint` needs of the source."""
        with self.flags():
            return self.generator.encode_source(source)

    def paint(self, of_g: list[Tensor], W_and_E: Texture, target: Target) -> tuple[Painted, Tensor]:
        """Run the rest of g, and say which W it saw; `of_g` as `features` made it."""
        if self.clothes:
            W_and_E = self.clothes.only(W_and_E, target.uv)
        with self.flags():
            painted = self.generator(of_g, W_and_E, target, self.convention)
        return painted, W_and_E.colours

    def _of_sources(self, *maps: Tensor) -> list[Tensor]:
        """What an `Encoded` holds of a `Source`'s maps, for all its samples."""
        source = self.clothed(Source(*maps))
        body = body_colours(source, self.config.extend_body)
        return [body, *self.completed(self.config, source), *self.features(source)]

    def _views(self, *maps: Tensor) -> list[Tensor]:
        """The images of as many sources as targets."""
        ends = 1 + self.reveals
        target, (body, T, D, *of_g) = Target(*maps[:ends]), maps[ends:]
        W_and_E = warped(self.config, body, Texture(T, D), target)
        painted, W = self.paint([*of_g], W_and_E, target)
        return [view(painted, W, target, self.clothes)]

    def batches(self, count: int) -> list[slice]:
        """The slices of `count` samples that are computed at once."""
        if self.device.type == "cpu":
            return [slice(i, i + 1) for i in range(count)]
        return [slice(0, count)]

    def filled(self, x: Tensor) -> Tensor:
        """On a GPU, a batch with its last sample repeated up to its `batch_size`."""
        spare = 0 if self.device.type == "cpu" else batch_size(len(x)) - len(x)
        return torch.cat([x, x[-1:].expand(spare, *x.shape[1:])]) if spare else x


def batch_size(count: int) -> int:
    """The samples of a GPU's batch for `count`: a power of two, from 16 on a multiple of 16.

    cuDNN chooses its algorithms by the shape: with few shapes it chooses seldom, and samples of
    a last, short batch get the numbers of the others.
    """
    return -(-count // 16) * 16 if count > 8 else 1 << (count - 1).bit_length()


def gather(rows: Sequence[Tensor]) -> Tensor:
    """Stack tensors of batch size 1; without a copy where all are one and the same."""
    if all(row is rows[0] for row in rows):
        return rows[0].expand(len(rows), *rows[0].shape[1:])
    return torch.cat(list(rows))
