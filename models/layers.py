"""The building blocks of f and g."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size (at stride 2: halves it, rounding up)."""
    return nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        dilation=dilation,
        padding=dilation * (kernel // 2),
        padding_mode="reflect",
    )


class GatedBlock(nn.Module):
    """The block of f: ELU(features) * sigmoid(gate), then BatchNorm."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
    ):
        super().__init__()
        self.features = conv(inputs, outputs, kernel, stride, dilation)
        self.gate = conv(inputs, outputs, kernel, stride, dilation)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride), rounded up."""
        return self.norm(F.elu(self.features(x)) * self.gate(x).sigmoid())


class Block(nn.Module):
    """The block of g: spectral-norm convolution, InstanceNorm, LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1):
        super().__init__()
        self.conv = spectral_norm(conv(inputs, outputs, kernel, stride))
        self.norm = nn.InstanceNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride), rounded up."""
        return F.leaky_relu_(self.norm(self.conv(x)), 0.01)


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear resize to (height, width), pixel areas aligned."""
    return F.interpolate(x, list(size), mode="bilinear", align_corners=False)
