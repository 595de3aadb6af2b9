"""The poser: a skeleton -> the UV map of a body in that pose (the paper's Ours-K).

As in DensePose, each pixel is told its part of the body and its place within the part, and both
together say which point of the texture sheet it shows. A network that answered with u and v
themselves would average over the sheet's seams. The parts are regions of the sheet, those points
that lie nearest to one of K centres: they exist on any layout, and are found in the UV maps that
the poser is trained on.

The network works on a coarse grid. Its answers are smooth within a part, so they are read between
the grid's cells, and decided upon at the map's own pixels: edges and seams are sharp at any size.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checkpoint import (
    CONFIG,
    WEIGHTS,
    Read,
    check_state,
    folder,
    read_description,
    read_weights,
)
from models.skeleton import BONES, POINTS, bone_maps, heat_maps

STEPS = 8  # the network halves the grid three times
STRIP = 1 << 12  # pixels that are decided upon at once


@dataclass(frozen=True)
class PoserConfig:
    """A poser's layout and sizes, as its `config.json` holds them."""

    layout: str = "anny"
    bones: int = 17  # maps of bones that it sees: 17, or 19 with those from shoulders to ears
    width: int = 32  # channels at the grid's own size
    parts: int = 64
    grid: int = 64  # cells along the longer side of a map

    def __post_init__(self):
        for name in ("bones", "width", "parts", "grid"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, a positive integer wanted")
        if self.bones > len(BONES):
            raise ValueError(f"bones is {self.bones}, of {len(BONES)}")


class Fields(NamedTuple):
    """What the network answers at each cell of its grid."""

    parts: Tensor  # (B, 1 + K, h, w) logits: of the background, then of each part
    places: Tensor  # (B, 2, K, h, w): where in each part's box, 0 to 1


class Parts(NamedTuple):
    """K regions of a texture sheet, in its [-1, 1]."""

    centres: Tensor  # (K, 2): a point of the sheet is of the part with the nearest centre
    boxes: Tensor  # (2, K, 2): the lowest and the highest u and v of each part


class Poser(nn.Module):
    """Skeletons -> UV maps, by a fully convolutional network."""

    centres: Tensor
    boxes: Tensor

    def __init__(self, config: PoserConfig, parts: Parts | None = None):
        super().__init__()
        self.config = config
        w, c = config.width, (config.width, 2 * config.width, 4 * config.width, 6 * config.width)
        k = config.parts
        parts = parts or Parts(torch.zeros(k, 2), torch.zeros(2, k, 2))
        self.register_buffer("centres", parts.centres)
        self.register_buffer("boxes", parts.boxes)
        self.down = nn.ModuleList(
            [
                nn.Sequential(_block(config.bones + len(POINTS), c[0]), _block(c[0], c[0])),
                nn.Sequential(_block(c[0], c[1], stride=2), _block(c[1], c[1])),
                nn.Sequential(_block(c[1], c[2], stride=2), _block(c[2], c[2])),
                nn.Sequential(_block(c[2], c[3], stride=2), _block(c[3], c[3]), _block(c[3], c[3])),
            ]
        )
        self.across = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in zip(c[1:], c, strict=False)])
        self.up = nn.ModuleList([_block(n, n) for n in c[:-1]])
        self.last = _block(w, 3 * w // 2)
        self.out = nn.Conv2d(3 * w // 2, 1 + 3 * k, 1)

    def forward(self, skeletons: Tensor, size: tuple[int, int]) -> Fields:
        """Fields of skeletons (B, 18, 2), NaN where missing, in cells of a grid of (h, w).

        Both sides of the grid must be multiples of STEPS.
        """
        bones = bone_maps(skeletons, size, self.config.bones)
        x = torch.cat([bones, heat_maps(skeletons, size)], dim=1)
        levels = []
        for down in self.down:
            x = down(x)
            levels.append(x)
        for across, up, level in zip(
            reversed(self.across), reversed(self.up), reversed(levels[:-1]), strict=True
        ):
            x = up(F.interpolate(across(x), scale_factor=2, mode="nearest") + level)
        k = self.config.parts
        out = self.out(self.last(x)).float()
        return Fields(out[:, : 1 + k], out[:, 1 + k :].unflatten(1, (2, k)))

    @torch.inference_mode()
    def predict(self, skeletons: Tensor, size: tuple[int, int]) -> Tensor:
        """UV maps of skeletons (B, 18, 2) float32, in pixels of maps of (height, width).

        Returns (B, 2, height, width) float32 in [-1, 1], NaN off the body. Each map depends on
        its skeleton alone, whatever the batch.
        """
        scale = self.config.grid / max(size)
        cells = [math.ceil(n * scale / STEPS) * STEPS for n in size]
        skeletons = (skeletons.to(self.centres.device).float() + 0.5) * scale - 0.5
        maps = [self._map(self(one[None], (cells[0], cells[1])), size, scale) for one in skeletons]
        return torch.cat(maps) if maps else skeletons.new_zeros(0, 2, *size)

    def _map(self, fields: Fields, size: tuple[int, int], scale: float) -> Tensor:
        """The UV map (1, 2, height, width) of one skeleton's fields, `scale` cells a pixel."""
        parts, (places,) = fields.parts[0], fields.places  # (1 + K, h, w) and (2, K, h, w)
        # How much likelier than the background the body is, then the parts, at every cell.
        odds = torch.cat([parts[1:].logsumexp(0, keepdim=True) - parts[:1], parts[1:]])
        odds = odds.permute(1, 2, 0).contiguous()
        at, strips = places.permute(2, 3, 1, 0).contiguous(), []
        columns = _between(size[1], scale, odds.shape[1], odds.device)
        rows = _between(size[0], scale, odds.shape[0], odds.device)
        strip = max(1, STRIP // size[1])
        for some in zip(*(x.split(strip) for x in rows), strict=True):
            strips.append(self._decided(odds, at, Between(*some), columns))
        return torch.cat(strips).permute(2, 0, 1)[None]

    def _decided(self, odds: Tensor, places: Tensor, rows: "Between", columns: "Between") -> Tensor:
        """UV (h, w, 2) at rows and columns: of the likeliest part, where the body is likelier."""
        x = torch.lerp(odds[rows.before], odds[rows.after], rows.share[:, None, None])
        one, other = (x.index_select(1, column) for column in columns[:2])
        x = torch.lerp(one, other, columns.share[:, None])
        part = x[..., 1:].argmax(dim=-1)

        def place(row: Tensor) -> Tensor:
            one, other = (places[row[:, None], column, part] for column in columns[:2])
            return torch.lerp(one, other, columns.share[:, None])

        found = torch.lerp(place(rows.before), place(rows.after), rows.share[:, None, None])
        low, high = self.boxes[:, part]
        return (low + (high - low) * found.clamp(0, 1)).where(x[..., :1] > 0, torch.nan)


class Between(NamedTuple):
    """Cells of a grid that pixels' centres lie between, along one dimension."""

    before: Tensor  # (n,) int64
    after: Tensor  # (n,) int64
    share: Tensor  # (n,) of `after`, 0 to 1


def _between(pixels: int, scale: float, cells: int, device: torch.device) -> Between:
    """Of all pixels along a dimension, with `scale` cells a pixel."""
    at = ((torch.arange(pixels, device=device) + 0.5) * scale - 0.5).clamp(0, cells - 1)
    before = at.long()
    return Between(before, (before + 1).clamp(max=cells - 1), at - before)


def part_of(uv: Tensor, centres: Tensor) -> Tensor:
    """The part of each pixel of UV maps (B, 2, h, w), from 0; -1 off the body: (B, h, w)."""
    points = uv.nan_to_num(0).movedim(1, -1)
    nearest = torch.cdist(points.flatten(1, 2), centres).argmin(-1).unflatten(1, points.shape[1:3])
    return nearest.where(~uv.isnan().any(dim=1), -1)


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def save_poser(
    config: PoserConfig,
    networks: Mapping[str, nn.Module],
    origin: str,
    training_images: bytes | None = None,
) -> dict[str, bytes]:
    """The files of a checkpoint of networks["poser"], as `models.checkpoint.save`."""
    poser = networks["poser"]
    weights = safetensors.torch.save({k: x.contiguous() for k, x in poser.state_dict().items()})
    card = partial(_card, config, sum(p.numel() for p in poser.parameters()), origin)
    return folder({"poser": asdict(config)}, weights, card, training_images)


def load_poser(read: Read, device: torch.device | None = None) -> tuple[Poser, str]:
    """The poser of a checkpoint, ready to predict, and the SHA-256 of its weights.

    Raises ValueError, in one line, as `models.checkpoint.load`.
    """
    description = read_description(read)
    if "poser" not in description:
        raise ValueError("it holds no poser: train one with reposer train poser")
    try:
        poser = Poser(PoserConfig(**description["poser"]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{CONFIG} does not describe a poser: {error}") from error
    sha256 = str(description["sha256"])
    state = read_weights(read, sha256)
    check_state(WEIGHTS, state, {key: x.shape for key, x in poser.state_dict().items()})
    poser.load_state_dict(state)
    return poser.to(device or torch.device("cpu")).eval(), sha256


def _card(config: PoserConfig, parameters: int, origin: str, sha256: str) -> str:
    return f"""# A poser of reposer

Makes the UV map of a body from its skeleton, OpenPose's 18 points, after the paper's Ours-K
("Coordinate-based Texture Inpainting for Pose-Guided Human Image Generation", CVPR 2019).

{origin}

| | |
|---|---|
| UV layout | `{config.layout}` |
| bones | {config.bones} maps, and a heat map of each point |
| parts | {config.parts} regions of the sheet |
| network | {parameters:,} parameters, width {config.width}, a grid of {config.grid} cells |
| sha256 of `{WEIGHTS}` | `{sha256}` |

UV maps are (u, v) in [-1, 1], undefined off the body.
Use it as `reposer extract extractor=keypoints keypoints.model=URL_OF_THIS_FOLDER ...`.
"""
