"""What DensePose R-CNN computes under a box: is it a person, and which body surface is where.

Sources: Ren et al., "Faster R-CNN", NIPS 2015 (boxes); Güler et al., "DensePose", CVPR 2018
(charts); Kirillov et al., "Panoptic Feature Pyramid Networks", CVPR 2019 (decoder); Chen et al.,
"Rethinking Atrous Convolution for Semantic Image Segmentation", 2017 (the DeepLab head).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.densepose.backbone import PYRAMID_CHANNELS

PARTS = 24
BOX_POOL, CHART_POOL = 7, 28  # cells a side of the features under a box
BOX_WIDTH, CHART_WIDTH, CHART_LAYERS = 1024, 512, 8
DILATIONS = (6, 12, 56)
GROUPS = 32


class Charts(NamedTuple):
    """Of N people, 112x112 over each one's box; logits, and coordinates near 0..1."""

    coarse: Tensor  # (N, 2, 112, 112) off and on the body
    fine: Tensor  # (N, 25, 112, 112) off the body, parts 1..24
    u: Tensor  # (N, 25, 112, 112) of each part
    v: Tensor  # (N, 25, 112, 112)

    def people(self) -> list["Charts"]:
        """Each one's, without the first axis."""
        return [Charts(*person) for person in zip(*self, strict=True)]


class BoxHead(nn.Module):
    """Two layers over the features under a box."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(PYRAMID_CHANNELS * BOX_POOL**2, BOX_WIDTH)
        self.fc2 = nn.Linear(BOX_WIDTH, BOX_WIDTH)

    def forward(self, features: Tensor) -> Tensor:
        """(N, 256, 7, 7) -> (N, 1024)."""
        return F.relu(self.fc2(F.relu(self.fc1(features.flatten(1)))))


class BoxPredictor(nn.Module):
    """A person's probability, and how the person's box lies relative to the proposal."""

    def __init__(self):
        super().__init__()
        self.cls_score = nn.Linear(BOX_WIDTH, 2)
        self.bbox_pred = nn.Linear(BOX_WIDTH, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1024) -> scores (N,) in 0..1 and deltas (N, 4)."""
        return self.cls_score(x).float().softmax(dim=1)[:, 0], self.bbox_pred(x).float()


class Decoder(nn.Module):
    """The pyramid brought to one map at stride 4."""

    def __init__(self):
        super().__init__()
        for level in range(4):
            layers: list[nn.Module] = []
            for _ in range(max(level, 1)):
                layers.append(nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3, padding=1))
                double = nn.Upsample(scale_factor=2, mode="bilinear") if level else nn.Identity()
                layers.append(nn.Sequential(nn.ReLU(), double))
            self.add_module(f"p{level + 2}", nn.Sequential(*layers))
        self.predictor = nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 1)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """p2..p5 -> (B, 256, H, W) at stride 4."""
        x = self.get_submodule("p2")(pyramid[0])
        for level in range(1, 4):
            x += self.get_submodule(f"p{level + 2}")(pyramid[level])
        return self.predictor(x)


class PlainHead(nn.Sequential):
    """Eight convolutions (R_50_FPN_s1x)."""

    def __init__(self):
        super().__init__()
        inputs = PYRAMID_CHANNELS
        for i in range(CHART_LAYERS):
            self.add_module(f"body_conv_fcn{i + 1}", nn.Conv2d(inputs, CHART_WIDTH, 3, padding=1))
            self.add_module(f"relu{i + 1}", nn.ReLU())
            inputs = CHART_WIDTH


class NormedConv(nn.Conv2d):
    """A convolution, group norm and ReLU."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, outputs)

    def forward(self, input: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        return F.relu_(self.norm(super().forward(input)))


class AtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling: the same features seen at several widths, and their mean."""

    def __init__(self):
        super().__init__()
        c = PYRAMID_CHANNELS
        self.convs = nn.ModuleList([_normed(nn.Conv2d(c, c, 1, bias=False))])
        for d in DILATIONS:
            self.convs.append(_normed(nn.Conv2d(c, c, 3, padding=d, dilation=d, bias=False)))
        mean = nn.AdaptiveAvgPool2d(1)
        self.convs.append(nn.Sequential(mean, *_normed(nn.Conv2d(c, c, 1, bias=False))))
        views = len(self.convs)
        self.project = nn.Sequential(nn.Conv2d(views * c, c, 1, bias=False), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """(N, 256, H, W) -> the same shape."""
        views = [conv(x).expand_as(x) for conv in self.convs]
        return self.project(torch.cat(views, dim=1))


class DeepLabHead(nn.Sequential):
    """Atrous spatial pyramid pooling and eight convolutions (R_101_FPN_DL_s1x)."""

    def __init__(self):
        super().__init__()
        self.ASPP = AtrousPyramid()
        inputs = PYRAMID_CHANNELS
        for i in range(CHART_LAYERS):
            self.add_module(f"body_conv_fcn{i + 1}", NormedConv(inputs, CHART_WIDTH))
            inputs = CHART_WIDTH


class ChartPredictor(nn.Module):
    """The charts from a head's features."""

    def __init__(self):
        super().__init__()
        outputs = {"ann_index": 2, "index_uv": PARTS + 1, "u": PARTS + 1, "v": PARTS + 1}
        for name, channels in outputs.items():
            layer = nn.ConvTranspose2d(CHART_WIDTH, channels, 4, 2, padding=1)
            self.add_module(f"{name}_lowres", layer)

    def forward(self, x: Tensor) -> Charts:
        """(N, 512, 28, 28) -> charts of 112x112."""
        layers = [layer(x).float() for layer in self.children()]
        return Charts(*(F.interpolate(y, scale_factor=2.0, mode="bilinear") for y in layers))


def _normed(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.GroupNorm(GROUPS, conv.out_channels), nn.ReLU())
