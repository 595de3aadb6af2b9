"""ResNet and feature pyramid (FPN) of DensePose R-CNN.

Modules are named as in the model zoo's files. The backbone's batch norms are frozen there, and
divided into its convolutions when weights are loaded (`models.densepose.weights`).
Sources: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; Lin et al.,
"Feature Pyramid Networks for Object Detection", CVPR 2017.
"""

from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}  # residual blocks of res2..res5, by depth
PYRAMID_CHANNELS = 256


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution around a shortcut; the first carries the stride (MSRA's way)."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, stride)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv3 = nn.Conv2d(width, outputs, 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, 4 width, H / stride, W / stride)."""
        y = F.relu_(self.conv1(x))
        y = F.relu_(self.conv2(y))
        y = self.conv3(y)
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu_(y)


class ResNet(nn.Module):
    """Features at strides 4, 8, 16 and 32."""

    def __init__(self, depth: int):
        super().__init__()
        self.stem = nn.ModuleDict({"conv1": nn.Conv2d(3, 64, 7, 2, padding=3)})
        inputs = 64
        for stage, blocks in enumerate(BLOCKS[depth]):
            width, layers = 64 << stage, []
            for block in range(blocks):
                layers.append(Bottleneck(inputs, width, 2 if stage > 0 and block == 0 else 1))
                inputs = 4 * width
            self.add_module(f"res{stage + 2}", nn.Sequential(*layers))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> res2..res5, of 256, 512, 1024 and 2048 channels."""
        x = F.max_pool2d(F.relu_(self.stem["conv1"](images)), 3, 2, padding=1)
        features = []
        for stage in range(2, 6):
            x = self.get_submodule(f"res{stage}")(x)
            features.append(x)
        return features


class Pyramid(nn.Module):
    """FPN over a ResNet: maps of one width at strides 4 to 64."""

    def __init__(self, depth: int):
        super().__init__()
        self.bottom_up = ResNet(depth)
        for stage in range(2, 6):
            lateral = nn.Conv2d(64 << stage, PYRAMID_CHANNELS, 1)
            output = nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3, padding=1)
            self.add_module(f"fpn_lateral{stage}", lateral)
            self.add_module(f"fpn_output{stage}", output)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W), sides divisible by 32 -> p2..p6 (B, 256, H / stride, W / stride)."""
        merged, pyramid = None, []
        for stage, features in reversed(list(enumerate(self.bottom_up(images), start=2))):
            lateral = self.get_submodule(f"fpn_lateral{stage}")(features)
            if merged is not None:
                lateral += F.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = lateral
            pyramid.insert(0, self.get_submodule(f"fpn_output{stage}")(merged))
        return [*pyramid, pyramid[-1][..., ::2, ::2]]
