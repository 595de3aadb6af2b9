"""f, which completes the coordinate map of a texture from the texels one photograph shows."""

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.coordinates import meshgrid
from models.layers import Conv, GatedBlock, resize


class Inpainter(nn.Module):
    """f: (C, C') -> D, a gated hourglass; 2,824,866 parameters at width 32.

    `channels` are those of the map it completes: 2 of coordinates, 3 of colours.

    Any texture size from 36 texels a side works: the widest dilation reflects 8 texels at a
    quarter of the resolution.
    """

    def __init__(self, width: int = 32, channels: int = 2):
        super().__init__()
        w = width
        self.encoder = nn.Sequential(
            GatedBlock(channels + 3, w, kernel=5),
            GatedBlock(w, 2 * w, stride=2),
            GatedBlock(2 * w, 2 * w),
            GatedBlock(2 * w, 4 * w, stride=2),
            GatedBlock(4 * w, 4 * w),
            GatedBlock(4 * w, 4 * w),
            *[GatedBlock(4 * w, 4 * w, dilation=dilation) for dilation in (2, 4, 8, 8)],
            GatedBlock(4 * w, 4 * w),
            GatedBlock(4 * w, 4 * w),
        )
        self.decoder = nn.ModuleList(
            [GatedBlock(4 * w, 2 * w), GatedBlock(2 * w, w), GatedBlock(w, w // 2)]
        )
        self.out = Conv(w // 2, channels, kernel=3)
        self._start_by_passing_on()

    @torch.no_grad()
    def _start_by_passing_on(self) -> None:
        """Add an identity to the random convolutions (Zagoruyko and Komodakis 2017, DiracNets).

        Most of what f is to answer it is shown; 16 random layers would take long to pass it on.
        """
        for block in [*self.encoder[1:], *self.decoder]:
            assert isinstance(block, GatedBlock)
            weight = block.features.weight
            weight += nn.init.dirac_(torch.empty_like(weight))

    def forward(self, seen: Tensor, known: Tensor) -> Tensor:
        """Complete C (B, channels, h, w) with C' (B, 1, h, w), 1 where C is known, else 0.

        Where it is not, C is 0, or a guess (`models.texture.answer`).

        Returns D (B, channels, h, w) in [-1, 1]: for every texel a point of the photograph (or
        its colour, black to white).
        """
        batch, _, height, width = seen.shape
        grid = meshgrid(height, width, seen.device).expand(batch, -1, -1, -1)
        x = self.encoder(torch.cat([seen, known, grid], dim=1))
        x = self.decoder[0](resize(x, ((height + 1) // 2, (width + 1) // 2)))
        x = self.decoder[1](resize(x, (height, width)))
        return self.out(self.decoder[2](x)).float().tanh()


def build_inpainter(config: ModelConfig) -> Inpainter | None:
    """The f of a model, with random weights; None where the variant has none."""
    if config.form.completes is None:
        return None
    return Inpainter(config.inpainter_width, config.form.completed_channels)
