"""DensePose R-CNN as it runs in inference."""

import torch
from torch import Tensor, nn

from models.densepose.heads import NormedConv
from models.densepose.network import DensePoseRCNN
from models.winograd import transformed_weights, winograd_conv

WINOGRAD_CHANNELS = 64  # with fewer on either side its transforms cost more than they save


def prepared(network: DensePoseRCNN, device: torch.device, mixed: bool) -> DensePoseRCNN:
    """The network on its device, changed in place; with `mixed` precision it runs as it is.

    On a CPU in fp32, wide 3x3 convolutions use Winograd's algorithm, which differs by rounding
    only; on a GPU, cuDNN chooses.
    """
    if device.type == "cpu" and not mixed:
        _use_winograd(network)
    return network.to(device).to(memory_format=torch.channels_last)


def _use_winograd(network: nn.Module) -> None:
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and _wide(module):
            fast = WinogradConv(module)
            if isinstance(module, NormedConv):
                fast = nn.Sequential(fast, module.norm, nn.ReLU())
            network.set_submodule(name, fast)


class WinogradConv(nn.Module):
    """A 3x3 convolution at stride 1."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.U = nn.Buffer(transformed_weights(conv.weight))
        none = conv.weight.new_zeros(conv.out_channels)
        self.bias = nn.Buffer(none if conv.bias is None else conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution."""
        return winograd_conv(x, self.U, self.bias, "zeros")


def _wide(conv: nn.Conv2d) -> bool:
    plain = (conv.kernel_size, conv.stride, conv.dilation) == ((3, 3), (1, 1), (1, 1))
    return plain and min(conv.in_channels, conv.out_channels) >= WINOGRAD_CHANNELS
