"""Views of a catalog as the tensors that models take."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.maps import Maps
from models.uv_maps import LEVELS
from workers.data.catalog import View

CPU = torch.device("cpu")


def stacked(kind: type[Maps], views: Sequence[View], device: torch.device = CPU) -> Maps:
    """Views of one size as a batch: the maps that a `Source` or `Target` names, float32."""
    return kind(*(_tensor(name, [view[name] for view in views], device) for name in kind._fields))


def photographs(views: Sequence[View], device: torch.device = CPU) -> Tensor:
    """The photographs of views of one size, (B, 3, H, W) RGB in [0, 1]."""
    return _tensor("photograph", [view["photograph"] for view in views], device)


def _tensor(name: str, arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    x = torch.from_numpy(np.stack(arrays)).to(device)  # as bytes, where they are bytes
    return x.permute(0, 3, 1, 2).float() / 255 if name == "photograph" else x


def from_stored(uv: Tensor) -> Tensor:
    """UV maps (..., 2, N) as they are stored -> float32 in [-1, 1], NaN off the body.

    int16 with the bits of the catalog's uint16, of which torch knows little. The same numbers as
    `models.uv_maps.dequantise`.
    """
    stored = uv.int() & 0xFFFF
    on_body = (stored > 0).all(dim=-2, keepdim=True)
    return ((stored.double() - 1) / LEVELS * 2 - 1).float().where(on_body, torch.nan)
