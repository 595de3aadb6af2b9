"""Boxes (x0, y0, x1, y1) in pixels: their regression and their clipping.

Source: Ren et al., "Faster R-CNN", NIPS 2015.
"""

import math

import torch
from torch import Tensor

LARGEST_GROWTH = math.log(1000 / 16)  # of a side: a box of 16 pixels becomes one of 1,000


def shifted_boxes(boxes: Tensor, deltas: Tensor, weights: tuple[float, float]) -> Tensor:
    """Boxes (..., 4) moved by a network's deltas (dx, dy, dw, dh) (..., 4).

    Centres move by dx, dy sides of the box, sides grow by exp(dw), exp(dh), after division of
    the deltas by `weights` (of dx and dy, of dw and dh).
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    centres = boxes[..., :2] + 0.5 * sides
    deltas = deltas.float()
    centres = centres + deltas[..., :2] / weights[0] * sides
    sides = sides * (deltas[..., 2:] / weights[1]).clamp(max=LARGEST_GROWTH).exp()
    return torch.cat((centres - 0.5 * sides, centres + 0.5 * sides), dim=-1)


def clipped_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) cut to an image of a height and width."""
    height, width = size
    return boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))


def not_empty(boxes: Tensor) -> Tensor:
    """Boxes (..., 4) -> (...) whether both sides are longer than 0."""
    return (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)
