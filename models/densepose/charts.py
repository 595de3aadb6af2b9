"""Charts over a box -> the part, U and V of each of its pixels, as the DensePose project does."""

import torch
from torch import Tensor

from models.densepose.heads import Charts

BAND = 1 << 19  # pixels resampled at a time, 27 numbers each: memory for any photograph

Taps = tuple[Tensor, Tensor, Tensor]  # for pixels: cell before, cell after, weight of the latter


def body_surface(charts: Charts, box: Tensor) -> tuple[Tensor, Tensor]:
    """The body surface at the whole pixels of a box (4,) of the photograph.

    `charts` are one person's, without their first axis. Returns labels (h, w) uint8, 0 off the
    body or a part 1..24, and uv (2, h, w) float32 in [0, 1], 0 off the body. The whole pixels
    begin at the box's corner, and are as many as its sides, all cut to integers (at least 1).
    """
    width, height = (max(int(side), 1) for side in (box[2:] - box[:2]).tolist())
    logits = torch.cat((charts.coarse, charts.fine))
    cells, device = logits.shape[1], logits.device
    rows, columns = _taps(cells, height, device), _taps(cells, width, device)
    low, high, weight = columns
    across = torch.eye(cells, device=device)
    across = torch.lerp(across[:, low], across[:, high], weight)
    labels = torch.empty(height, width, dtype=torch.uint8, device=device)
    uv = logits.new_zeros(2, height, width)
    for band in torch.arange(height, device=device).split(max(BAND // width, 1)):
        low, high, weight = (tap[band] for tap in rows)
        lines = torch.lerp(logits[:, low], logits[:, high], weight[:, None])
        coarse, fine = (lines @ across).split([2, len(logits) - 2])
        part = fine.max(dim=0).indices * (coarse[1] > coarse[0])  # max is faster than argmax
        labels[band] = part.to(torch.uint8)
        y, x = part.nonzero(as_tuple=True)
        at = part[y, x], _at(rows, band[y]), _at(columns, x)
        uv[0, band[y], x] = _sampled(charts.u, *at)
        uv[1, band[y], x] = _sampled(charts.v, *at)
    return labels, uv.clamp_(0, 1)


def _taps(cells: int, pixels: int, device: torch.device) -> Taps:
    """Where an axis of `pixels` reads one of `cells`: bilinear, without aligned corners."""
    position = (torch.arange(pixels, device=device) + 0.5) * (cells / pixels) - 0.5
    position = position.clamp(min=0)
    low = position.long()
    return low, (low + 1).clamp(max=cells - 1), position - low


def _at(taps: Taps, index: Tensor) -> Taps:
    low, high, weight = taps
    return low[index], high[index], weight[index]


def _sampled(chart: Tensor, part: Tensor, rows: Taps, columns: Taps) -> Tensor:
    """Values (N,) of a chart (25, cells, cells) for N pixels, each of its own part."""
    (y0, y1, down), (x0, x1, across) = rows, columns
    top = torch.lerp(chart[part, y0, x0], chart[part, y0, x1], across)
    bottom = torch.lerp(chart[part, y1, x0], chart[part, y1, x1], across)
    return torch.lerp(top, bottom, down)
