"""PatchGAN (Isola et al. 2017): whether each patch of an image is a photograph."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.coordinates import OFF_BODY, body_mask
from models.layers import InstanceNorm


class PatchGAN(nn.Module):
    """Judges patches of 70 pixels, given the UV map that the image should follow.

    Spectral norm keeps it from winning too early (Miyato et al. 2018).
    """

    def __init__(self, width: int = 64):
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            _conv(3 + 2 + 1, w, stride=2),
            nn.LeakyReLU(0.2),
            _conv(w, 2 * w, stride=2),
            InstanceNorm(2 * w),
            nn.LeakyReLU(0.2),
            _conv(2 * w, 4 * w, stride=2),
            InstanceNorm(4 * w),
            nn.LeakyReLU(0.2),
            _conv(4 * w, 8 * w, stride=1),
            InstanceNorm(8 * w),
            nn.LeakyReLU(0.2),
            _conv(8 * w, 1, stride=1),
        )

    def forward(self, images: Tensor, uv: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] and UV maps (B, 2, H, W) -> scores (B, 1, h, w)."""
        maps = [2 * images - 1, uv.nan_to_num(nan=OFF_BODY), body_mask(uv)]
        return self.layers(torch.cat(maps, dim=1)).float()


def _conv(inputs: int, outputs: int, stride: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(inputs, outputs, 4, stride, padding=1))
