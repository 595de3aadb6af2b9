"""The building blocks of f and g."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


def on_gpu(x: Tensor) -> bool:
    """Whether layers take the form that is for GPUs."""
    return x.device.type != "cpu"


class Conv(nn.Conv2d):
    """A convolution that keeps the size (at stride 2: halves it, rounding up).

    What lies beyond the border is the image, reflected.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1):
        super().__init__(inputs, outputs, kernel, stride, dilation=dilation)

    def forward(self, input: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride), rounded up."""
        padded = reflected(input, self.border)
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation)

    @property
    def border(self) -> int:
        """Pixels to add on each side."""
        return self.dilation[0] * (self.kernel_size[0] // 2)


def reflected(x: Tensor, border: int) -> Tensor:
    """(B, C, H, W) with a reflected border, (B, C, H + 2 border, W + 2 border)."""
    return _Reflected.apply(x, border)  # pyright: ignore[reportReturnType]


class _Reflected(torch.autograd.Function):
    """Reflection padding in the precision and the memory format that its input has.

    Autocast would turn torch's own into float32, and its gradient would leave channels-last
    memory: together a third of a training step on a CPU. On a GPU it would leave it at once.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, border: int) -> Tensor:
        ctx.border = border
        if on_gpu(x) and _layout(x) == torch.channels_last:
            return reflected_pixels(x, border)
        with torch.autocast(x.device.type, enabled=False):
            return F.pad(x, 4 * [border], mode="reflect")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        p, g = ctx.border, gradients[0].clone()
        for dim in (2, 3):  # fold the borders back to where they came from
            size = g.shape[dim] - 2 * p
            g.narrow(dim, p + 1, p).add_(g.narrow(dim, 0, p).flip(dim))
            g.narrow(dim, size - 1, p).add_(g.narrow(dim, size + p, p).flip(dim))
            g = g.narrow(dim, p, size)
        return g.contiguous(memory_format=_layout(gradients[0])), None


def reflected_pixels(x: Tensor, border: int) -> Tensor:
    """What `reflected` returns, pixel by pixel with all its channels, in channels-last memory."""
    rows, columns = (
        last - (last - torch.arange(-border, last + 1 + border, device=x.device).abs()).abs()
        for last in (size - 1 for size in x.shape[2:])
    )
    at = (rows[:, None] * x.shape[3] + columns).flatten()
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2).index_select(1, at)
    return pixels.unflatten(1, (len(rows), len(columns))).permute(0, 3, 1, 2)


class GatedBlock(nn.Module):
    """The block of f: ELU(features) * sigmoid(gate), then BatchNorm."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
    ):
        super().__init__()
        self.features = Conv(inputs, outputs, kernel, stride, dilation)
        self.gate = Conv(inputs, outputs, kernel, stride, dilation)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride), rounded up."""
        if isinstance(self.features, Conv):
            features, gate = _both(x, self.features, self.gate)
        else:  # as `models.inference` has them
            features, gate = self.features(x), self.gate(x)
        return self.norm(F.elu(features) * gate.sigmoid())


def _both(x: Tensor, a: Conv, b: Conv) -> list[Tensor]:
    """Two convolutions of one input as one: padded once, and with twice the channels faster."""
    assert a.bias is not None
    assert b.bias is not None
    weight, bias = torch.cat([a.weight, b.weight]), torch.cat([a.bias, b.bias])
    y = F.conv2d(reflected(x, a.border), weight, bias, a.stride, 0, a.dilation)
    if on_gpu(y):
        # Halves of pixels, so that the gradient, too, is in channels-last memory.
        return [half.permute(0, 3, 1, 2) for half in y.permute(0, 2, 3, 1).chunk(2, dim=3)]
    # Apart in memory: elementwise operations on halves of every pixel are slow.
    return [half.contiguous(memory_format=_layout(y)) for half in y.chunk(2, dim=1)]


def _layout(x: Tensor) -> torch.memory_format:
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format


class Block(nn.Module):
    """The block of g: spectral-norm convolution, InstanceNorm, LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1):
        super().__init__()
        self.conv = spectral_norm(Conv(inputs, outputs, kernel, stride))
        self.norm = InstanceNorm(outputs)

    def forward(self, x: Tensor, more: Tensor | None = None) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride), rounded up.

        `more` is added to what the convolution makes.
        """
        x = self.conv(x)
        return F.leaky_relu_(self.norm(x if more is None else x + more), 0.01)


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm that stays in channels-last memory."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W): every channel of every sample to mean 0, variance 1."""
        if on_gpu(input):
            # torch's own would go by channels-first memory; compiled, this is two passes.
            x = input.float()
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
            return ((x - mean) * (variance + self.eps).rsqrt()).to(input.dtype)
        # It is batch norm of each sample alone.
        rows = input.split(1)
        return torch.cat([F.batch_norm(x, None, None, training=True, eps=self.eps) for x in rows])


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear resize to (height, width), pixel areas aligned."""
    if torch.compiler.is_compiling() and list(size) == [2 * side for side in x.shape[2:]]:
        return doubled(x)
    return F.interpolate(x, list(size), mode="bilinear", align_corners=False)


def doubled(x: Tensor) -> Tensor:
    """`resize` to twice the size: (B, C, H, W) -> (B, C, 2 H, 2 W).

    Compiled it is a part of what comes next, in channels-last memory. The gradient of torch's own
    would be added up pixel by pixel in memory, a fifth of a step of f on a GPU.
    """
    y = x.float().permute(0, 2, 3, 1)
    for dim in (1, 2):
        size = y.shape[dim]
        before = torch.cat([y.narrow(dim, 0, 1), y.narrow(dim, 0, size - 1)], dim)
        after = torch.cat([y.narrow(dim, 1, size - 1), y.narrow(dim, size - 1, 1)], dim)
        halves = [0.75 * y + 0.25 * neighbour for neighbour in (before, after)]
        y = torch.stack(halves, dim + 1).flatten(dim, dim + 1)
    return y.to(x.dtype).permute(0, 3, 1, 2)
