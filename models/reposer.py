"""The whole method as one object: S, M_S, M_N -> N^, with the source's share done once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from models.config import ModelConfig
from models.coordinates import CONVENTIONS
from models.generator import Generator, PlainGenerator
from models.inference import folded
from models.inpainter import Inpainter
from models.texture import body_colours, complete, warp_all


class Reposer(Protocol):
    """Renders people of source photographs in target poses."""

    name: str  # goes into the `model` column of the renders
    layout: str  # the UV layout it reads, a key of models.layouts.LAYOUTS
    sha256: str  # of what decides its pixels
    device: torch.device

    def encode(self, photographs: Tensor, source_uv: Tensor) -> Any:
        """Do all that depends on the sources alone, once for all their poses.

        photographs (B, 3, H, W) RGB in [0, 1], source_uv (B, 2, H, W) in [-1, 1], NaN off
        the body, both float32. Returns a state for `render`.
        """
        ...

    def render(self, state: Any, source_index: list[int], target_uv: Tensor) -> Tensor:
        """Render pair k: source source_index[k] of the state in pose target_uv[k].

        target_uv (K, 2, h, w) -> images (K, 3, h, w) RGB in [0, 1], float32.
        """
        ...


@dataclass(frozen=True)
class Source:
    """One source, encoded: all tensors have batch size 1."""

    body: Tensor  # the photograph's `body_colours` (1, 3, H, W)
    texture: Tensor  # T (1, 3, t, t); no channels where the variant has none
    coordinates: Tensor  # D (1, 2, t, t); likewise
    features: list[Tensor]  # of g's source encoder, fine to coarse


class CoordinateReposer:
    """Coordinate-based texture inpainting, for inference.

    On a CPU every sample is computed on its own, so results are the same bits whatever they
    were batched with; a GPU computes true batches.
    """

    def __init__(
        self,
        config: ModelConfig,
        inpainter: Inpainter | None,
        generator: Generator | PlainGenerator,
        sha256: str,
        device: torch.device,
    ):
        self.config = config
        self.name = f"coordinate-{sha256[:12]}"
        self.layout = config.layout
        self.sha256 = sha256
        self.device = device
        self.convention = CONVENTIONS[config.convention]
        self.inpainter = folded(inpainter, device) if inpainter else None
        self.generator = folded(generator, device)

    @torch.inference_mode()
    def encode(self, photographs: Tensor, source_uv: Tensor) -> list[Source]:
        """Run splat, f and g's source encoder; see `Reposer`."""
        sources = []
        for at in self._batches(len(photographs)):
            S, M_S = photographs[at].to(self.device), source_uv[at].to(self.device)
            T, D = self.complete(S, M_S)
            maps = [body_colours(self.config, S, M_S), T, D]
            maps += self.generator.encode_source(S, M_S)
            rows = zip(*(x.split(1) for x in maps), strict=True)
            sources += [Source(body, t, d, features) for body, t, d, *features in rows]
        return sources

    @torch.inference_mode()
    def render(self, state: list[Source], source_index: list[int], target_uv: Tensor) -> Tensor:
        """Run warps, g's target encoder and its decoder; see `Reposer`."""
        images = []
        for at in self._batches(len(source_index)):
            sources = [state[i] for i in source_index[at]]
            M_N = target_uv[at].to(self.device)
            body, T, D = (
                _gather([getattr(s, name) for s in sources])
                for name in ("body", "texture", "coordinates")
            )
            W, E = warp_all(self.config, body, T, D, M_N)
            levels = zip(*(s.features for s in sources), strict=True)
            features = [_gather(level) for level in levels]
            images.append(self.generator(features, W, E, M_N, self.convention))
        return torch.cat(images)

    @torch.inference_mode()
    def complete(self, photographs: Tensor, source_uv: Tensor) -> tuple[Tensor, Tensor]:
        """T (B, 3, t, t) and f's answer D (B, 2, t, t); see `models.texture.complete`."""
        return complete(self.config, self.inpainter, photographs, source_uv)

    def _batches(self, count: int) -> list[slice]:
        if self.device.type == "cpu":
            return [slice(i, i + 1) for i in range(count)]
        return [slice(0, count)]


def _gather(rows: Sequence[Tensor]) -> Tensor:
    """Stack tensors of batch size 1; without a copy where all are one and the same."""
    if all(row is rows[0] for row in rows):
        return rows[0].expand(len(rows), *rows[0].shape[1:])
    return torch.cat(list(rows))
