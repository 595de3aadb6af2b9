"""Garment transfer: the clothes of one person on another, whose head and hands stay.

Of the target's photograph a model is shown N', what must stay (`models.maps.Target`). Of the
source's it must not show head and hands, so these are taken out before anything is read from it.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.coordinates import body_mask, meshgrid
from models.generator import Painted, shown
from models.layouts import LAYOUTS, head_and_hands
from models.lookup import rebuild_lookup
from models.maps import Source, Target, Texture
from models.texture import extended

TEXELS = 256  # a side of the sheet
# How far from the UV map's head and hands a source's photograph still shows them (hair, most of
# all), as a share of its longer side.
REACH = 0.03


class Clothes:
    """What of people is dressed in clothes that move: all but head and hands.

    `lookup` (models.lookup) is for layout smpl, where it is rebuilt if not given (ValueError if
    that cannot be). UV maps must be on `device` (default: the CPU).
    """

    def __init__(
        self,
        layout: str,
        lookup: np.ndarray | None = None,
        device: torch.device | None = None,
    ):
        sheet = _sheet(layout) if lookup is None else _made(layout, lookup)
        self.sheet = sheet.to(device)

    def stays(self, uv: Tensor) -> Tensor:
        """Where a UV map (B, 2, H, W) shows head or hands, bool (B, 1, H, W)."""
        last = TEXELS - 1
        u, v = ((uv.nan_to_num(0) + 1) / 2 * last).round().long().clamp(0, last).unbind(1)
        return self.sheet[v, u][:, None] & (body_mask(uv) > 0)

    def uv(self, uv: Tensor) -> Tensor:
        """A UV map (B, 2, H, W) without head and hands."""
        return uv.masked_fill(self.stays(uv), torch.nan)

    def only(self, W_and_E: Texture, uv: Tensor) -> Texture:
        """W and E without head and hands of the target's UV map: there E leads to itself."""
        stays, (W, E) = self.stays(uv), W_and_E
        own = meshgrid(*uv.shape[-2:], device=uv.device)
        return Texture(W.masked_fill(stays, 0), torch.where(stays, own, E) if E.shape[1] else E)

    def of(self, source: Source) -> Source:
        """A source without head and hands: what is around them goes on in their place."""
        stays = self.stays(source.uv).float()
        reach = round(REACH * max(stays.shape[-2:]))
        clothes = body_mask(self.uv(source.uv))
        around = F.max_pool2d(stays, 2 * reach + 1, stride=1, padding=reach) * (1 - clothes)
        return Source(extended(source.photograph, 1 - around), self.uv(source.uv))


def laid_over(image: Tensor, revealed: Tensor, share: Tensor | float = 1.0) -> Tensor:
    """An image (B, 3, h, w) with N' (B, 4, h, w) over it, by a share (B, 1, h, w) of what stays."""
    colours, cover = revealed[:, :3], revealed[:, 3:]
    return image + share * (colours - cover * image)


def view(painted: Painted, W: Tensor, target: Target, clothes: Clothes | None) -> Tensor:
    """The new view N^ (B, 3, h, w): what g painted, W through it, and N' over it."""
    if clothes is None:
        return shown(painted, W, target.uv)
    image = shown(painted, W, clothes.uv(target.uv))
    return laid_over(image, target.revealed, painted.staying)


@cache
def _sheet(layout: str) -> Tensor:
    return _made(layout, rebuild_lookup() if LAYOUTS[layout].mirror == "charts" else None)


def _made(layout: str, lookup: np.ndarray | None) -> Tensor:
    return torch.from_numpy(head_and_hands(LAYOUTS[layout], TEXELS, lookup))
