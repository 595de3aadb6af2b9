"""The region proposal network: which boxes of a photograph are worth a second look.

Source: Ren et al., "Faster R-CNN", NIPS 2015, on a feature pyramid.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import batched_nms

from models.densepose.backbone import PYRAMID_CHANNELS
from models.densepose.boxes import clipped_boxes, not_empty, shifted_boxes

ASPECTS = (0.5, 1.0, 2.0)  # height / width of the anchors; their area is (8 strides)^2
CANDIDATES = 1000  # of each level of the pyramid, before overlapping ones are dropped
PROPOSALS = 1000  # of a photograph
LARGEST_OVERLAP = 0.7  # of two proposals of one level, as intersection over union


class ProposalHead(nn.Module):
    """How likely an object is at each anchor, and how it lies relative to it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3, padding=1)
        self.objectness_logits = nn.Conv2d(PYRAMID_CHANNELS, len(ASPECTS), 1)
        self.anchor_deltas = nn.Conv2d(PYRAMID_CHANNELS, 4 * len(ASPECTS), 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 256, H, W) -> logits (B, H * W * 3) and deltas (B, H * W * 3, 4)."""
        x = F.relu_(self.conv(features))
        logits = self.objectness_logits(x).permute(0, 2, 3, 1).flatten(1)
        deltas = self.anchor_deltas(x).permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, 4))
        return logits.float(), deltas.float()


class ProposalNetwork(nn.Module):
    """Proposals from the feature pyramid."""

    def __init__(self):
        super().__init__()
        self.rpn_head = ProposalHead()

    def forward(self, pyramid: list[Tensor], sizes: list[tuple[int, int]]) -> list[Tensor]:
        """p2..p6 of images of `sizes` (height, width) -> for each its proposals (N, 4)."""
        boxes, scores, levels = [], [], []
        for i, features in enumerate(pyramid):
            logits, deltas = self.rpn_head(features)
            top, index = logits.topk(min(CANDIDATES, logits.shape[1]), dim=1)
            chosen = deltas.gather(1, index[..., None].expand(-1, -1, 4))
            boxes.append(shifted_boxes(anchors(index, features.shape[3], 4 << i), chosen, (1, 1)))
            scores.append(top)
            levels.append(torch.full_like(index, i))
        parts = (torch.cat(part, dim=1) for part in (boxes, scores, levels))
        return [best_proposals(*image) for image in zip(*parts, sizes, strict=True)]


def anchors(index: Tensor, width: int, stride: int) -> Tensor:
    """The anchors (..., 4) of flat indices (row, column, aspect) into a map of `width` cells."""
    sides = [(8 * stride / math.sqrt(a), 8 * stride * math.sqrt(a)) for a in ASPECTS]
    shapes = index.new_tensor([(-w / 2, -h / 2, w / 2, h / 2) for w, h in sides], dtype=torch.float)
    cell = index // len(ASPECTS)
    corner = torch.stack((cell % width, cell // width), dim=-1) * float(stride)
    return torch.cat((corner, corner), dim=-1) + shapes[index % len(ASPECTS)]


def best_proposals(boxes: Tensor, scores: Tensor, levels: Tensor, size: tuple[int, int]) -> Tensor:
    """The best of one image's candidates (N, 4) that do not overlap within a level."""
    boxes = clipped_boxes(boxes, size)
    valid = boxes.isfinite().all(dim=1) & scores.isfinite() & not_empty(boxes)
    boxes, scores, levels = boxes[valid], scores[valid], levels[valid]
    return boxes[batched_nms(boxes, scores, levels, LARGEST_OVERLAP)[:PROPOSALS]]
