"""g, which paints the new view from the photograph and its texture, warped into the new pose."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from models.coordinates import OFF_BODY, Convention, body_mask, meshgrid, sample
from models.layers import Block, conv, resize

SOURCE_CHANNELS = 3 + 2 + 1 + 2  # S, M_S, its mask, meshgrid
TARGET_CHANNELS = 3 + 2 + 1 + 2 + 2  # W, M_N, its mask, E, meshgrid


class Generator(nn.Module):
    """g(S, M_S | W, E, M_N): two encoders, and one decoder with deformable skips.

    11,332,611 parameters at width 256, the same at all three resolutions. Any image size
    from 8 pixels a side works.
    """

    def __init__(self, width: int = 256):
        super().__init__()
        w = width
        self.source_encoder = _encoder(SOURCE_CHANNELS, w)
        self.target_encoder = _encoder(TARGET_CHANNELS, w)
        self.middle = nn.ModuleList([Block(w, w) for _ in range(6)])
        self.decoder = nn.ModuleList([Block(3 * w, w) for _ in range(3)])
        self.out = spectral_norm(conv(w, 3, kernel=3))

    def encode_source(self, photograph: Tensor, source_uv: Tensor) -> list[Tensor]:
        """S (B, 3, H, W) in [0, 1], M_S (B, 2, H, W) -> features, fine to coarse."""
        return _encode(self.source_encoder, _with_uv([photograph], source_uv, []))

    def forward(
        self,
        source_features: list[Tensor],
        warped: Tensor,
        coordinates: Tensor,
        target_uv: Tensor,
        convention: Convention,
    ) -> Tensor:
        """Paint the new view N^ (B, 3, h, w), in [0, 1].

        source_features as `encode_source` made them; W (B, 3, h, w) and E (B, 2, h, w), zero
        off the body; M_N (B, 2, h, w).
        """
        t1, t2, t3 = _encode(self.target_encoder, _with_uv([warped], target_uv, [coordinates]))
        s1, s2, s3 = source_features
        e1, e2, e3 = deformation_fields(
            coordinates, body_mask(target_uv), [t.shape[-2:] for t in (t1, t2, t3)]
        )
        before, x = t3, self.middle[0](t3)
        for block in self.middle[1:]:  # r2 = b2(t3 + r1), r3 = b3(r1 + r2), ...
            before, x = x, block(before + x)
        x = before + x
        for block, t, s, e in zip(
            self.decoder, (t3, t2, t1), (s3, s2, s1), (e3, e2, e1), strict=True
        ):
            x = resize(x, t.shape[-2:]) if x.shape != t.shape else x
            x = block(_join(x, t, sample(s, e, convention)))
        return self.out(x).float().sigmoid()


def deformation_fields(
    coordinates: Tensor, mask: Tensor, sizes: Sequence[torch.Size]
) -> list[Tensor]:
    """Where the deformable skips read the source's features, fine to coarse.

    E (B, 2, h, w) on the body, the pixel itself off it: a coordinate map (B, 2, *size) for
    every (height, width) of `sizes`, each halved from the one before.
    """
    fields = []
    for size in sizes:
        coordinates = resize(coordinates, size) if coordinates.shape[-2:] != size else coordinates
        mask = F.interpolate(mask, list(size), mode="nearest")
        own = meshgrid(*size, device=coordinates.device)
        fields.append(coordinates * mask + own * (1 - mask))
    return fields


def _encoder(inputs: int, width: int) -> nn.ModuleList:
    return nn.ModuleList(
        [
            Block(inputs, width, kernel=5),
            Block(width, width, stride=2),
            Block(width, width, stride=2),
        ]
    )


def _encode(encoder: nn.ModuleList, x: Tensor) -> list[Tensor]:
    features = []
    for block in encoder:
        x = block(x)
        features.append(x)
    return features


def _join(x: Tensor, *others: Tensor) -> Tensor:
    """Concatenate channels in x's memory format: `cat` of mixed formats is slow."""
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.cat([x, *(other.contiguous(memory_format=layout) for other in others)], dim=1)


def _with_uv(before: list[Tensor], uv: Tensor, after: list[Tensor]) -> Tensor:
    """The input of an encoder: `before`, the UV map and its mask, `after`, the meshgrid."""
    batch, _, height, width = uv.shape
    grid = meshgrid(height, width, uv.device).expand(batch, -1, -1, -1)
    return torch.cat([*before, uv.nan_to_num(nan=OFF_BODY), body_mask(uv), *after, grid], dim=1)
