"""Skeletons and their UV maps for training: which, and how they are varied."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from configs.train_poser import PoseAugmentation, TrainPoserConfig
from models.layouts import symmetric
from models.skeleton import POINTS, mirrored
from models.uv_maps import LEVELS, dequantised
from workers.data.catalog import Catalog
from workers.training.data import Data, Opened, Rngs, Sample

# How often OpenPose misses a point on photographs of DeepFashion: the shares of the 3,421 of the
# 4,061 rows of the 8,670 test pairs' annotations that have any point. Where legs are not in the
# picture both knees and both ankles are missing, so these are dropped together.
LEGS = 0.60
ANKLES = 0.28  # of those whose knees are there
MISSED = {
    "nose": 0.105, "elbow": 0.13, "wrist": 0.18, "hip": 0.036, "eye": 0.18, "ear": 0.26,
    "shoulder": 0.003,
}  # fmt: skip
_OFTEN = np.array([MISSED.get(name.rsplit("_", maxsplit=1)[-1], 0) for name in POINTS])
_KNEES, _ANKLES = (
    [n for n, name in enumerate(POINTS) if name.endswith(part)] for part in ("knee", "ankle")
)
NECK, HIPS = POINTS.index("neck"), [POINTS.index("right_hip"), POINTS.index("left_hip")]


class Batch(NamedTuple):
    """Skeletons and the maps that the poser should make of them."""

    skeletons: Tensor  # (B, 18, 2) float32, in pixels of the maps, NaN where a point is missing
    uv: Tensor  # (B, 2, h, w) float32 in [-1, 1], NaN off the body


class Skeletons(NamedTuple):
    """The same, as the host hands it over."""

    skeletons: Tensor
    uv: Tensor  # int16, the bits of the catalog's uint16

    def to(self, device: torch.device) -> "Skeletons":
        """The same on a device, on their way there while the caller goes on."""
        return Skeletons(*(x.to(device, non_blocking=True) for x in self))

    def varied(self) -> Batch:
        """What the network sees."""
        return Batch(self.skeletons, dequantised(self.uv))


def training_skeletons(config: TrainPoserConfig) -> tuple[list[Sample], int]:
    """The images to train on, in the catalog's order, and how many cannot be used.

    One needs keypoints and a good UV map. ValueError if none is left.
    """
    catalog = Catalog(config.catalog)
    listed = catalog.uv_maps.ids.to_pylist()
    usable = set(catalog.usable(photographs=False)) & set(catalog.annotations.ids.to_pylist())
    if not usable:
        raise ValueError(
            f"{config.catalog}: no row of uv_maps has keypoints beside it, in annotations "
            "(synthesize and extract extractor=bodyfit write them)"
        )
    return [(name,) for name in listed if name in usable], len(listed) - len(usable)


def read_skeletons(
    config: TrainPoserConfig, layout: str, samples: Sequence[Sample], rngs: Rngs, opened: Opened
) -> Skeletons:
    """Read skeletons and maps, on the poser's grid; raises what `Catalog.view` raises."""
    catalog, skeletons, maps = opened(config.catalog), [], []
    for (name,), rng in zip(samples, rngs, strict=True):
        stored, points = catalog.stored_uv(name, layout), catalog.keypoints(name)
        flip = config.augmentation.flip and symmetric(layout)
        skeleton, uv = varied(points, stored, config.grid, config.augmentation, flip, rng)
        skeletons.append(skeleton)
        maps.append(uv)
    return Skeletons(
        torch.from_numpy(np.stack(skeletons)), torch.from_numpy(np.stack(maps).view("<i2"))
    )


def varied(
    points: np.ndarray,
    stored: np.ndarray,
    grid: int,
    how: PoseAugmentation,
    flip: bool,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A skeleton (18, 3) x, y, visible and its map (2, H, W), varied, on a grid of (grid, grid).

    Returns (18, 2) float32, NaN where missing, and (2, grid, grid) uint16. The map's values are
    those of its nearest pixels, so that nothing is averaged over a seam.
    """
    shape = np.array(stored.shape[:0:-1])  # width, height
    seen, places = _kept(points, how, rng), points[:, :2].astype(np.float64)
    torso = np.linalg.norm(places[NECK] - places[HIPS].mean(0))
    places += rng.normal(0, 1, places.shape) * how.jitter * np.nan_to_num(torso)
    # A cell's centre c, counted from the grid's middle, shows the pixel c / scale + middle.
    low, high = np.log(how.scale)
    scale = np.exp(rng.uniform(low, high)) * grid / shape.max()
    middle = rng.uniform(-how.shift, how.shift, 2) * shape.max() + (shape - 1) / 2
    cells = np.arange(grid) - (grid - 1) / 2
    columns, rows = (np.rint(cells / scale + m).astype(int) for m in middle)
    width, height = shape
    uv = stored[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
    inside = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    uv = np.where(inside, uv, 0).astype("<u2")
    skeleton = (places - middle) * scale + (grid - 1) / 2
    skeleton[~seen | (skeleton < -0.5).any(1) | (skeleton > grid - 0.5).any(1)] = np.nan
    if rng.random() < 0.5 and flip:
        skeleton = mirrored(torch.from_numpy(skeleton)[None], grid)[0].numpy()
        across, down = uv[:, :, ::-1]
        uv = np.stack([np.where(across > 0, LEVELS + 2 - across.astype(int), 0), down])
    return skeleton.astype(np.float32), uv.astype("<u2")


def _kept(points: np.ndarray, how: PoseAugmentation, rng: np.random.Generator) -> np.ndarray:
    """Which points (18,) are shown; a point of a catalog is missing where it is NaN."""
    kept = np.all(np.isfinite(points[:, :2]), axis=1)
    if rng.random() < how.hidden:
        kept &= points[:, 2] > 0
    if rng.random() < how.missing:
        kept &= rng.random(len(POINTS)) >= _OFTEN
        legs = rng.random()
        kept[_ANKLES] &= legs >= LEGS + (1 - LEGS) * ANKLES
        kept[_KNEES] &= legs >= LEGS
    return kept


SKELETONS = Data(
    "skeletons", "they lack keypoints or a good UV map", training_skeletons, read_skeletons
)
