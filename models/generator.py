"""g, which paints the new view from the photograph and its texture, warped into the new pose."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from models.coordinates import OFF_BODY, Convention, body_mask, meshgrid, sample
from models.layers import Block, Conv, resize
from models.variants import Variant

SOURCE_CHANNELS = 3 + 2 + 1 + 2  # S, M_S, its mask, meshgrid
TARGET_CHANNELS = 3 + 2 + 1 + 2 + 2  # W, M_N, its mask, E, meshgrid


class SizeMismatch(ValueError):  # noqa: N818 - as a row's error_type is called
    """Source and target must be of one size, and are not."""


class Generator(nn.Module):
    """g(S, M_S | W, E, M_N): two encoders, and one decoder with deformable skips.

    11,332,611 parameters at width 256, the same at all three resolutions. Any image size
    from 8 pixels a side works. For the variants without deformable skips see `PlainGenerator`.
    With `blend` (not in the paper) W shows through what is painted, where g lets it.
    """

    def __init__(self, width: int = 256, blend: bool = False):
        super().__init__()
        w = width
        self.source_encoder = _encoder(SOURCE_CHANNELS, w, uv=[3, 4])
        self.target_encoder = _encoder(TARGET_CHANNELS, w, uv=[3, 4])
        self.middle = nn.ModuleList([Block(w, w) for _ in range(6)])
        self.decoder = nn.ModuleList([Block(3 * w, w) for _ in range(3)])
        self.out = _out(w, blend)

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
        x = _through(self.middle, t3)
        for block, t, s, e in zip(
            self.decoder, (t3, t2, t1), (s3, s2, s1), (e3, e2, e1), strict=True
        ):
            x = resize(x, t.shape[-2:]) if x.shape != t.shape else x
            x = block(_join(x, t, sample(s, e, convention)))
        return _image(self.out(x), warped, target_uv)


class PlainGenerator(nn.Module):
    """g without deformable skips: one encoder sees all maps (`models.variants`).

    `warped_channels` are those of W, and of E where the variant has one. Source and target have
    one size.
    """

    def __init__(self, width: int, warped_channels: int, blend: bool = False):
        super().__init__()
        w = width
        source = SOURCE_CHANNELS - 2  # one meshgrid is enough
        maps = source + warped_channels + 2 + 1 + 2  # M_N, its mask, meshgrid
        M_N = source + min(warped_channels, 3)  # after W
        self.target_encoder = _encoder(maps, w, uv=[3, 4, M_N, M_N + 1])
        self.middle = nn.ModuleList([Block(w, w) for _ in range(6)])
        self.decoder = nn.ModuleList([Block(2 * w, w) for _ in range(3)])
        self.out = _out(w, blend)

    def encode_source(self, photograph: Tensor, source_uv: Tensor) -> list[Tensor]:
        """S and M_S with its mask, as `forward` takes them: (B, 6, H, W)."""
        uv = source_uv.nan_to_num(nan=OFF_BODY)
        return [torch.cat([photograph, uv, body_mask(source_uv)], dim=1)]

    def forward(
        self,
        source_features: list[Tensor],
        warped: Tensor,
        coordinates: Tensor,
        target_uv: Tensor,
        convention: Convention,
    ) -> Tensor:
        """As `Generator.forward`; W and E have the channels that the variant gives them, or 0.

        SizeMismatch if the source's size is not the target's.
        """
        (source,) = source_features
        if source.shape[-2:] != target_uv.shape[-2:]:
            (h, w), (h2, w2) = source.shape[-2:], target_uv.shape[-2:]
            raise SizeMismatch(
                f"the photograph has {w}x{h} pixels, the target {w2}x{h2}: without deformable "
                "skips they must be equal"
            )
        maps = _with_uv([source, warped], target_uv, [coordinates])
        t1, t2, t3 = _encode(self.target_encoder, maps)
        x = _through(self.middle, t3)
        for block, t in zip(self.decoder, (t3, t2, t1), strict=True):
            x = resize(x, t.shape[-2:]) if x.shape != t.shape else x
            x = block(_join(x, t))
        return _image(self.out(x), warped, target_uv)


def build_generator(
    variant: Variant, width: int, blend: bool = False
) -> "Generator | PlainGenerator":
    """The g of a variant; `blend` wants one that has a W."""
    if variant.deformable:
        return Generator(width, blend)
    return PlainGenerator(width, variant.warped_channels, blend)


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


def _encoder(inputs: int, width: int, uv: list[int]) -> nn.ModuleList:
    """Three blocks; `uv` are the channels of its input that hold UV maps."""
    first = Block(inputs, width, kernel=5)
    # UV maps are OFF_BODY off the body: beside that a random layer would not see the colours.
    with torch.no_grad():
        weight = first.conv.get_parameter("parametrizations.weight.original")
        weight[:, uv] /= abs(OFF_BODY)
    return nn.ModuleList([first, Block(width, width, stride=2), Block(width, width, stride=2)])


def _out(width: int, blend: bool) -> nn.Module:
    """The last layer: RGB and, with `blend`, how much of W shows, at first nearly all of it."""
    layer = Conv(width, 3 + blend, kernel=3)
    assert layer.bias is not None
    with torch.no_grad():
        layer.bias[3:] = 2  # a share of 0.88
    return spectral_norm(layer)


def _image(out: Tensor, W: Tensor, M_N: Tensor) -> Tensor:
    """What the last layer answers, (B, 3 or 4, h, w), as an image (B, 3, h, w) in [0, 1]."""
    out = out.float().sigmoid()
    painted, share = out[:, :3], out[:, 3:]
    if not share.shape[1]:
        return painted
    return torch.lerp(painted, W, share * body_mask(M_N))


def _encode(encoder: nn.ModuleList, x: Tensor) -> list[Tensor]:
    features = []
    for block in encoder:
        x = block(x)
        features.append(x)
    return features


def _through(middle: nn.ModuleList, t3: Tensor) -> Tensor:
    """The middle convolutions with running sums: r2 = b2(t3 + r1), r3 = b3(r1 + r2), ..."""
    before, x = t3, middle[0](t3)
    for block in middle[1:]:
        before, x = x, block(before + x)
    return before + x


def _join(x: Tensor, *others: Tensor) -> Tensor:
    """Concatenate channels in x's precision and memory format: `cat` of mixed ones is slow."""
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.cat([x, *(o.to(x.dtype, memory_format=layout) for o in others)], dim=1)


def _with_uv(before: list[Tensor], uv: Tensor, after: list[Tensor]) -> Tensor:
    """The input of an encoder: `before`, the UV map and its mask, `after`, the meshgrid."""
    batch, _, height, width = uv.shape
    grid = meshgrid(height, width, uv.device).expand(batch, -1, -1, -1)
    return torch.cat([*before, uv.nan_to_num(nan=OFF_BODY), body_mask(uv), *after, grid], dim=1)
