"""The networks as they run in inference: folded, and on a CPU with faster operations."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.winograd import transformed_weights, winograd_conv

Network = TypeVar("Network", bound=nn.Module)

WINOGRAD_CHANNELS = 64  # with fewer on either side its transforms cost more than they save


def folded(network: Network, device: torch.device) -> Network:
    """A frozen copy of f or g for inference on `device`; its outputs differ by rounding only.

    Spectral norm is divided into the weights for good: in training it runs a power iteration
    a forward, and a network that did so in inference too would drift with the calls made to
    it. On a CPU, activations are kept in channels-last memory and wide 3x3 convolutions use
    Winograd's algorithm; on a GPU, cuDNN chooses.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d):
            wide = min(module.in_channels, module.out_channels) >= WINOGRAD_CHANNELS
            plain = (module.kernel_size, module.stride, module.dilation) == ((3, 3), (1, 1), (1, 1))
            fast = wide and plain and device.type == "cpu"
            network.set_submodule(name, WinogradConv(module) if fast else FoldedConv(module))
        elif isinstance(module, nn.InstanceNorm2d) and device.type == "cpu":
            network.set_submodule(name, ChannelsLastNorm(module.eps))
    return network.to(device)


class FoldedConv(nn.Module):
    """A convolution of `models.layers.Conv` with its final weights."""

    def __init__(self, trained: nn.Conv2d):
        super().__init__()
        assert trained.bias is not None
        self.weight = nn.Buffer(trained.weight.detach().clone())
        self.bias = nn.Buffer(trained.bias.detach().clone())
        self.stride, self.dilation = trained.stride, trained.dilation
        self.border = 4 * [trained.dilation[0] * (trained.kernel_size[0] // 2)]

    def forward(self, x: Tensor) -> Tensor:
        """As the trained convolution."""
        if x.device.type == "cpu":
            x = x.contiguous(memory_format=torch.channels_last)
        x = F.pad(x, self.border, mode="reflect")
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation)


class WinogradConv(nn.Module):
    """The same, 3x3 at stride 1, by Winograd's algorithm."""

    def __init__(self, trained: nn.Conv2d):
        super().__init__()
        assert trained.bias is not None
        self.U = nn.Buffer(transformed_weights(trained.weight.detach()))
        self.bias = nn.Buffer(trained.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """As the trained convolution."""
        return winograd_conv(x, self.U, self.bias)


class ChannelsLastNorm(nn.Module):
    """InstanceNorm in place; torch's own would copy to channels-first memory and stay there."""

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), overwritten: every channel of every sample to mean 0, variance 1."""
        x -= x.mean(dim=(2, 3), keepdim=True)
        # In parts, for the squares' memory; large ones, so that threads seldom wait.
        squares = [rows.square().sum(dim=(2, 3)) for rows in x.split(64, dim=2)]
        variance = torch.stack(squares).sum(dim=0) / x[0, 0].numel()
        return x.mul_((variance + self.eps).rsqrt()[:, :, None, None])
