"""RoIAlign: the features under boxes, brought to one size.

Sources: He et al., "Mask R-CNN", ICCV 2017; Lin et al., "Feature Pyramid Networks", CVPR 2017,
equation 1. The networks were trained with RoIAlign's first definition (`aligned` False), in
which the centre of a map's first cell lies at 0.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import roi_align

SAMPLES = 2  # a bin's value is the mean of 2x2 points


def pooled(features: list[Tensor], boxes: list[Tensor], size: int) -> Tensor:
    """The features under boxes, each from its level: (boxes of all images, C, size, size).

    `features` are maps (B, C, H, W) at strides 4, 8, ...; `boxes` an (N, 4) for each image.
    """
    images = torch.cat([b.new_full((len(b), 1), i) for i, b in enumerate(boxes)])
    regions = torch.cat((images, torch.cat(boxes)), dim=1)
    level = pyramid_levels(regions[:, 1:], len(features))
    output = features[0].new_empty(len(regions), size, size, features[0].shape[1])
    for i, feature in enumerate(features):
        here = (level == i).nonzero()[:, 0]
        align = align_on_cpu if feature.device.type == "cpu" else _align
        output[here] = align(feature, regions[here], size, 1 / (4 << i)).permute(0, 2, 3, 1)
    return output.permute(0, 3, 1, 2)


def pyramid_levels(boxes: Tensor, levels: int) -> Tensor:
    """Boxes (N, 4) -> (N,) which of p2, p3, ... shows each at some 7 cells a side."""
    sides = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
    level = torch.floor(4 + torch.log2(sides / 224 + 1e-8)) - 2
    return level.clamp(0, levels - 1).long()


def _align(feature: Tensor, regions: Tensor, size: int, scale: float) -> Tensor:
    return roi_align(feature, regions.to(feature.dtype), size, scale, SAMPLES, aligned=False)


def align_on_cpu(feature: Tensor, regions: Tensor, size: int, scale: float) -> Tensor:
    """torchvision's `roi_align`, several times faster on maps in channels-last memory.

    A bin is the weighted sum of 16 pixels, four for each of its points, which is what
    `embedding_bag` computes of a table whose rows are the map's pixels.
    """
    _, channels, height, width = feature.shape
    corner = regions[:, 1:3] * scale
    sides = (regions[:, 3:] * scale - corner).clamp(min=1)
    starts = corner[:, :, None] + torch.arange(size) * (sides / size)[:, :, None]  # of bins
    within = (torch.arange(SAMPLES) + 0.5) * (sides / size)[:, :, None] / SAMPLES
    points = starts[..., None] + within[:, :, None]  # (N, 2, size, SAMPLES)
    x, x_weight = _cells(points[:, 0], width)
    y, y_weight = _cells(points[:, 1], height)
    image = regions[:, 0].long()[:, None, None, None, None]
    bins = (len(regions), size, size, (2 * SAMPLES) ** 2)
    pixel = (image * height + y[:, :, None, :, None]) * width + x[:, None, :, None, :]
    weight = y_weight[:, :, None, :, None] * x_weight[:, None, :, None, :] / SAMPLES**2
    table = feature.permute(0, 2, 3, 1).reshape(-1, channels).float()
    pixel, weight = (t.reshape(-1, bins[-1]) for t in (pixel, weight))
    sums = F.embedding_bag(pixel, table, mode="sum", per_sample_weights=weight)
    return sums.view(*bins[:3], channels).permute(0, 3, 1, 2).to(feature.dtype)


def _cells(points: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Points (N, bins, 2) on an axis -> the cells they read and their weights, (N, bins, 4)."""
    outside = (points < -1) | (points > cells)
    points = points.clamp(0, cells - 1)
    low = points.long()
    cell = torch.stack((low, (low + 1).clamp(max=cells - 1)), dim=-1)
    weight = torch.stack((1 - (points - low), points - low), dim=-1)
    return cell.flatten(2), weight.masked_fill(outside[..., None], 0).flatten(2)
