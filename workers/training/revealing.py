"""N' in training: what stays of the target's photograph, told by a parsing that errs."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from configs.train import Augmentation
from models.revealed import Clothes
from workers.data.staying import staying
from workers.data.views import View
from world.labels import BACKGROUND

# Bits of a pixel: what stays, by parsing and UV map and by the UV map alone; and who is there.
STAYS, STAYS_BY_MAP, PERSON = 1, 2, 4
# Pixels that an edge is moved by, at most, as a share of the longer side.
OFF = 0.012


def told(view: View, layout: str) -> np.ndarray:
    """These bits, uint8 (H, W), of a view with `stored_uv` and `segmentation`."""
    uv, labels, clothes = view["stored_uv"], view["segmentation"], Clothes(layout)
    return (
        staying(uv, clothes, labels) * STAYS
        | staying(uv, clothes, None) * STAYS_BY_MAP
        | (labels != BACKGROUND) * PERSON
    ).astype(np.uint8)


def erring(config: Augmentation, side: int, rng: np.random.Generator) -> np.ndarray:
    """How the parsing of a target errs, int64 (4,): all 0 where it does not.

    Whether all is missing that the UV map does not tell, hair most of all; whether the mask is too
    large (1) or too small (-1); and the pixels down and to the right that it is off.
    """
    errs, hairless = rng.random() < config.parsing, rng.random() < 0.25
    size, reach = rng.integers(-1, 2), reach_of(side)
    off = rng.integers(-reach, reach + 1, 2)
    return errs * np.array([hairless, size, *off], np.int64)


def reach_of(side: int) -> int:
    """The pixels that an edge may be off, for photographs of this longer side."""
    return max(round(OFF * side), 1)


def revealed(photographs: Tensor, bits: Tensor, errors: Tensor) -> Tensor:
    """N' (B, 4, H, W) of photographs (B, 3, H, W), with `told` bits (B, H, W), under `erring`."""
    hairless, size, down, right = errors.view(-1, 4, 1, 1, 1).unbind(1)
    mask = ((bits & torch.where(hairless[..., 0] > 0, STAYS_BY_MAP, STAYS)) > 0).float()[:, None]
    mask = _moved(mask, down[:, 0, 0, 0], right[:, 0, 0, 0])
    reach = reach_of(max(mask.shape[-2:]))
    larger, smaller = _dilated(mask, reach), 1 - _dilated(1 - mask, reach)
    mask = torch.where(size > 0, larger, torch.where(size < 0, smaller, mask))
    return torch.cat([photographs * mask, mask], dim=1)


def on_white(photographs: Tensor, bits: Tensor) -> Tensor:
    """Photographs (B, 3, H, W) whose background is white, which is where nobody is."""
    return torch.where((bits & PERSON)[:, None] > 0, photographs, 1)


def _dilated(mask: Tensor, pixels: int) -> Tensor:
    return F.max_pool2d(mask, 2 * pixels + 1, stride=1, padding=pixels)


def _moved(mask: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Masks (B, 1, H, W), each moved by pixels (B,); at the border they are repeated."""
    height, width = mask.shape[-2:]
    rows = torch.arange(height, device=mask.device) - down[:, None]
    columns = torch.arange(width, device=mask.device) - right[:, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    at = (rows[:, :, None] * width + columns[:, None]).flatten(1)
    return mask.flatten(2).gather(2, at[:, None]).view(mask.shape)
