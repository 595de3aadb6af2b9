"""UV maps of ellipses."""

import torch
from torch import Tensor

from models.coordinates import meshgrid


def body(height: int, width: int, lean: float = 0.0) -> Tensor:
    """A UV map (1, 2, height, width) of an ellipse, NaN around it."""
    x, y = meshgrid(height, width)[0]
    uv = torch.stack([(x - lean * y) / 0.5, y / 0.9])
    return uv.where(uv.norm(dim=0) < 1, torch.nan)[None]
