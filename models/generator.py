"""g, which paints the new view from the photograph and its texture, warped into the new pose."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from models.config import ModelConfig
from models.coordinates import OFF_BODY, Convention, body_mask, meshgrid, sample
from models.layers import Block, Conv, resize
from models.maps import CHANNELS, Source, Target, Texture, named
from models.variants import VARIANTS, Variant


class Painted(NamedTuple):
    """What g answers. A share that a model does not have has no channels."""

    colours: Tensor  # (B, 3, h, w) RGB in [0, 1]
    share: Tensor  # (B, 1, h, w) in [0, 1]: how much of W shows, with `blend`
    staying: Tensor  # (B, 1, h, w) in [0, 1]: how much of what stays shows, with `reveals`


class Generator(nn.Module):
    """g(S, M_S | W, E, M_N): one decoder, and the encoders of a variant (`models.variants`).

    The paper's, with deformable skips, has 11,332,611 parameters at width 256, the same at all
    three resolutions. Any image size from 8 pixels a side works; without deformable skips source
    and target must have one size. With `blend` (not in the paper) W shows through what is painted,
    where g lets it; this wants a variant that has a W.

    With `reveals` g sees N', what stays of the target's photograph (section 3 of the paper, on
    garment transfer), and lets it show, at first nearly all of it (not in the paper). What reads
    N' are convolutions of their own, of weights that are 0 at first: as channels among the others
    it would change how their sums are rounded, and how spectral norm scales them.
    """

    def __init__(
        self,
        width: int = 256,
        variant: Variant = VARIANTS["full"],
        blend: bool = False,
        reveals: bool = False,
    ):
        super().__init__()
        w = width
        self.blend = blend
        self.source_encoder = Encoder(variant.source_maps, w) if variant.source_maps else None
        self.target_encoder = Encoder(variant.target_maps, w)
        self.middle = nn.ModuleList([Block(w, w) for _ in range(6)])
        inputs = (3 if self.source_encoder else 2) * w  # with the skips
        self.decoder = nn.ModuleList([Block(inputs, w) for _ in range(3)])
        self.out = _out(w, blend)
        inputs = CHANNELS["target.revealed"]
        self.of_revealed = _zero(Conv(inputs, w, kernel=5)) if reveals else None
        # A share of 0.98.
        self.staying = _zero(Conv(w, 1, kernel=3), bias=4) if reveals else None

    def encode_source(self, source: Source) -> list[Tensor]:
        """What `forward` needs of the source: its features, fine to coarse.

        Without deformable skips these are the source's maps themselves.
        """
        if self.source_encoder is None:
            return list(source)
        return self.source_encoder(named(source=source))

    def forward(
        self, encoded: list[Tensor], warped: Texture, target: Target, convention: Convention
    ) -> Painted:
        """Paint the new view; `shown` makes an image of it.

        `encoded` as `encode_source` made it; W and E are zero off the body.
        """
        maps = named(warped=warped, target=target)
        if self.source_encoder is None:
            maps |= named(source=Source(*encoded))
        more = self.of_revealed(target.revealed) if self.of_revealed else None
        levels = self.target_encoder(maps, more)
        sizes = [t.shape[-2:] for t in levels]
        fields: list[Tensor] = []
        if self.source_encoder is not None:
            fields = deformation_fields(warped.coordinates, body_mask(target.uv), sizes)
        x = _through(self.middle, levels[-1])
        for level, block in zip((2, 1, 0), self.decoder, strict=True):
            t = levels[level]
            x = resize(x, t.shape[-2:]) if x.shape != t.shape else x
            skips = [sample(encoded[level], fields[level], convention)] if fields else []
            x = block(_join(x, t, *skips))
        out = self.out(x).float().sigmoid()
        staying = self.staying(x).float().sigmoid() if self.staying else out[:, :0]
        return Painted(out[:, :3], out[:, 3:], staying)


class Encoder(nn.ModuleList):
    """Three blocks. The first sees maps by name and, last, the meshgrid."""

    def __init__(self, maps: Sequence[str], width: int):
        inputs, uv = 0, []  # channels, and those that hold UV maps
        for name in maps:
            if _is_uv(name):
                uv += [inputs, inputs + 1]
                inputs += 1  # its mask follows it
            inputs += CHANNELS[name]
        first = Block(inputs + 2, width, kernel=5)
        # UV maps are OFF_BODY off the body: beside that a random layer would not see the colours.
        with torch.no_grad():
            weight = first.conv.get_parameter("parametrizations.weight.original")
            weight[:, uv] /= abs(OFF_BODY)
        super().__init__([first, Block(width, width, stride=2), Block(width, width, stride=2)])
        self.maps = tuple(maps)

    def forward(self, given: Mapping[str, Tensor], more: Tensor | None = None) -> list[Tensor]:
        """Maps (B, c, H, W) of one size -> features, fine to coarse, each halved from the last.

        `more` (B, width, H, W) is what another convolution sees.
        """
        first, *others = self
        features = [first(laid_together(self.maps, given), more)]
        for block in others:
            features.append(block(features[-1]))
        return features


def laid_together(names: Sequence[str], given: Mapping[str, Tensor]) -> Tensor:
    """What an encoder sees of maps (B, c, H, W): those of the names, and the meshgrid."""
    shown = []
    for name in names:
        x = given[name]
        shown += [x.nan_to_num(nan=OFF_BODY), body_mask(x)] if _is_uv(name) else [x]
    batch, _, height, width = shown[0].shape
    grid = meshgrid(height, width, shown[0].device).expand(batch, -1, -1, -1)
    return torch.cat([*shown, grid], dim=1)


def shown(painted: Painted, W: Tensor, M_N: Tensor) -> Tensor:
    """The new view N^ (B, 3, h, w) in [0, 1]: what g painted, and W through it on the body M_N.

    What stays is yet to be laid over it (`models.revealed.laid_over`).
    """
    if not painted.share.shape[1]:
        return painted.colours
    return torch.lerp(painted.colours, W, painted.share * body_mask(M_N))


def build_generator(config: ModelConfig) -> Generator:
    """The g of a model, with random weights."""
    return Generator(config.generator_width, config.form, config.blend, config.reveals)


def begin_with(g: Generator, trained: Generator) -> None:
    """Give g the weights of another one, which may not know N': it answers as that one did."""
    g.load_state_dict(g.state_dict() | trained.state_dict())


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


def _is_uv(name: str) -> bool:
    return name.endswith(".uv")


def _out(width: int, blend: bool) -> nn.Module:
    """The last layer: RGB and, with `blend`, how much of W shows, at first nearly all of it."""
    layer = Conv(width, 3 + blend, kernel=3)
    assert layer.bias is not None
    with torch.no_grad():
        layer.bias[3:] = 2  # a share of 0.88
    return spectral_norm(layer)


def _zero(layer: Conv, bias: float = 0) -> Conv:
    """The layer, which answers `bias` to everything until it is trained."""
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.fill_(bias)
    return layer


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
