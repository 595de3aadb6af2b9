"""Pairs of photographs for training: which, read how, varied how."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from configs.train import Augmentation, TrainPairsConfig
from models.layouts import symmetric
from models.maps import Source, Target
from models.uv_maps import dequantised
from workers.data.catalog import Catalog
from workers.data.errors import SizeMismatch
from workers.data.names import as_known, short
from workers.data.storage import Store
from workers.data.user_tables import read_pairs
from workers.training.data import Data, Opened, Rngs, Sample
from workers.training.revealing import erring, on_white, revealed, told

WANTED = ("photograph", "stored_uv")  # of the source and of the target
# The same where the network is shown what stays of the target.
REVEALING = (("photograph", "clothes_uv"), ("photograph", "stored_uv", "segmentation"))


class Pictures(NamedTuple):
    """Pairs of photographs of one person each, all of one size, as they are stored.

    Bytes, so that little has to be moved to a GPU; `varied` makes them what networks see.
    """

    photographs: Tensor  # (2, B, H, W, 3) uint8 RGB: of the sources, then of the targets
    uv: Tensor  # (2, B, 2, H, W) int16, the bits of the catalog's uint16: 0 off the body
    mirrored: Tensor  # (B,) bool: whether source and target are mirrored
    moved: Tensor  # (2, B, 2) int64: the pixels down and to the right that each is moved by
    gain: Tensor  # (B, 3) float32, what colours are multiplied by
    # Where the network is shown what stays, of the targets (`workers.training.revealing`):
    told: Tensor = torch.empty(0, dtype=torch.uint8)  # (B, H, W), the bits of its pixels
    errors: Tensor = torch.empty(0, dtype=torch.int64)  # (B, 4), how they are wrong

    def to(self, device: torch.device) -> "Pictures":
        """The same on a device, on their way there while the caller goes on."""
        return Pictures(*(x.to(device, non_blocking=True) for x in self))

    def varied(self) -> "Batch":
        """See `varied`."""
        return varied(self)


class Batch(NamedTuple):
    """Pairs of photographs of one person each, all of one size, as networks see them."""

    source: Source
    target: Target
    # N (B, 3, H, W), the photograph that a render in the target's pose should be; on white where
    # the network is shown what stays of it.
    expected: Tensor


def training_pairs(config: TrainPairsConfig) -> tuple[list[Sample], int]:
    """The pairs to train on, in the order of their list, and how many cannot be used.

    A pair needs a photograph and a good UV map at both ends, also where the targets' maps are
    another catalog's. ValueError if none is left, or if a network is to be shown what stays, and
    the catalog has no segmentation to tell it.
    """
    url = config.pairs or f"{config.catalog}/pairs"
    if config.pairs is None and not Store(url).list():
        raise ValueError(
            f"{url}: no pairs there (synthesize writes them, extract does not): put a Parquet "
            "table from,to there; those of catalog= may also be named by pairs=TABLE, those of "
            "held_out= by held_out_pairs=TABLE"
        )
    listed = read_pairs(url)
    catalog = Catalog(config.catalog)
    if config.reveals and not catalog.has_segmentation():
        raise ValueError(
            f"{config.catalog} has no segmentation: training with reveal needs one, for hair and a "
            "white background (extractor=bodyfit writes one, and synthesize)"
        )
    usable = set(catalog.usable(photographs=True))
    spelled = (as_known(listed[end], usable) for end in ("from", "to"))
    pairs = [(a, b) for a, b in zip(*spelled, strict=True) if {a, b} <= usable]
    if config.targets != config.catalog:
        posed = set(Catalog(config.targets).usable(photographs=False))
        pairs = [(a, b) for a, b in pairs if b in posed]
    if not pairs:
        raise ValueError(
            f"{url}: none of its {len(listed)} pairs has two usable rows in {config.catalog}"
            + (f" and a map in {config.targets}" if config.targets != config.catalog else "")
        )
    return pairs, len(listed) - len(pairs)


def read_pictures(
    config: Any, layout: str, pairs: Sequence[Sample], rngs: Rngs, opened: Opened
) -> Pictures:
    """Read pairs of photographs; raises what `Catalog.view` raises, and SizeMismatch."""
    catalog, poses = opened(config.catalog), opened(config.targets)
    wants = REVEALING if config.reveals else (WANTED, WANTED)
    views = [
        [catalog.view(name, wanted, layout) for name in end]
        for end, wanted in zip(zip(*pairs, strict=True), wants, strict=True)
    ]
    if config.targets != config.catalog:
        for view, (_, name) in zip(views[1], pairs, strict=True):
            view["stored_uv"] = poses.stored_uv(name, layout)
    uv = [
        [view["clothes_uv" if "clothes_uv" in view else "stored_uv"] for view in end]
        for end in views
    ]
    for pair, *both in zip(pairs, *uv, strict=True):
        if any(map_.shape != uv[0][0].shape for map_ in both):
            said = ", ".join(map(short, pair))
            raise SizeMismatch(f"{said}: training wants photographs of one size")
    side = max(uv[0][0].shape)
    mirrored, moved, gains = zip(
        *(variation(config.augmentation, layout, side, rng) for rng in rngs), strict=True
    )
    pictures = (
        np.stack([[view["photograph"] for view in end] for end in views]),
        np.stack(uv).view("<i2"),
        np.array(mirrored),
        np.stack(moved, axis=1),
        np.stack(gains),
    )
    if config.reveals:
        bits = np.stack([told(view, layout) for view in views[1]])
        pictures += bits, np.stack([erring(config.augmentation, side, rng) for rng in rngs])
    return Pictures(*map(torch.from_numpy, pictures))


def variation(
    config: Augmentation, layout: str, side: int, rng: np.random.Generator
) -> tuple[bool, np.ndarray, np.ndarray]:
    """How a pair is varied: mirrored or not, moved by (2, 2) pixels, colours multiplied by (3,).

    Pixels move whole, so that no UV map is interpolated over a seam; a mirrored person has left
    and right of the UV map exchanged.
    """
    mirrored = rng.random() < 0.5 and config.flip and symmetric(layout)
    gain = 1 + config.colour * rng.uniform(-1, 1) + config.colour / 2 * rng.uniform(-1, 1, 3)
    reach = round(config.shift * side)
    moved = np.stack([rng.integers(-reach, reach + 1, 2) for _ in range(2)])
    return mirrored, moved, gain.astype(np.float32)


def varied(pictures: Pictures) -> Batch:
    """What networks see of a step's pictures, on their device.

    Both images of a pair change together with their UV maps, which stay true. At the border a
    moved photograph is repeated, and no UV map is defined: what was not in the picture stays out.
    """
    photographs, uv, mirrored, moved, gain, bits, errors = pictures
    ends, pairs, height, width, _ = photographs.shape
    device = photographs.device
    rows = torch.arange(height, device=device) - moved[..., :1]  # (2, B, H), of the stored ones
    columns = torch.arange(width, device=device) - moved[..., 1:]
    inside = ((rows >= 0) & (rows < height))[..., None] & ((columns >= 0) & (columns < width))[
        :, :, None
    ]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns)
    at = (rows[..., None] * width + columns[:, :, None]).flatten(2)  # (2, B, H * W)
    shape = (ends, pairs, -1, height, width)
    colours = (
        photographs.flatten(2, 3).movedim(3, 2).gather(3, at[:, :, None].expand(-1, -1, 3, -1))
    )
    coordinates = dequantised(uv.flatten(3).gather(3, at[:, :, None].expand(-1, -1, 2, -1)), 2)
    coordinates = coordinates.view(shape).where(inside[:, :, None], torch.nan)
    across = torch.where(mirrored[:, None, None], -coordinates[:, :, 0], coordinates[:, :, 0])
    coordinates = torch.stack([across, coordinates[:, :, 1]], dim=2)
    lit = (colours.view(shape).float() / 255 * gain[..., None, None]).clamp(0, 1)
    source, M_N, expected = Source(lit[0], coordinates[0]), coordinates[1], lit[1]
    if not len(bits):
        return Batch(source, Target(M_N), expected)
    bits = bits.flatten(1).gather(1, at[1]).view(-1, height, width) * inside[1]
    return Batch(source, Target(M_N, revealed(expected, bits, errors)), on_white(expected, bits))


PAIRS = Data("pairs", "they lack a photograph or a good UV map", training_pairs, read_pictures)
