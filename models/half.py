"""g in float16 for GPUs, by the same weights and to the same interface as `models.generator`."""

import copy
from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import passes
from models.coordinates import Convention, body_mask
from models.generator import Encoder, Generator, Painted, deformation_fields, laid_together
from models.layers import Block, Conv
from models.maps import Source, Target, Texture, named
from models.passes import Raw, Read

MULTIPLE = 8  # of channels: cuDNN's tensor cores read 16 bytes at a time


def halved(generator: Generator, device: torch.device, kernels: bool) -> "HalfGenerator":
    """A frozen copy of g for inference in float16 on `device`.

    `kernels`: all between the convolutions by Triton, else by torch's own operations.
    """
    if not kernels:
        return HalfGenerator(generator, device, passes)
    from models import fused  # needs Triton, which comes with torch for Linux

    return HalfGenerator(generator, device, fused)


class HalfGenerator:
    """`Generator`, frozen. `made_by` has the passes of `models.passes`."""

    def __init__(self, trained: Generator, device: torch.device, made_by: ModuleType):
        g = copy.deepcopy(trained).eval().requires_grad_(False)
        self.made_by = made_by
        source, target = g.source_encoder, g.target_encoder
        self.source_maps = HalfEncoder(source, device) if source else None
        self.target_maps = HalfEncoder(target, device, g.of_revealed)
        self.middle = [_half(block, device) for block in g.middle]
        self.decoder = [_half(block, device) for block in g.decoder]
        self.blend, self.out = g.blend, HalfConv(g.out, device, outputs=g.staying)

    def encode_source(self, source: Source) -> list[Tensor]:
        """As `Generator.encode_source`; features are float16."""
        if self.source_maps is None:
            return list(source)
        results = self._encoded(self.source_maps, named(source=source))
        return [self._joined([Read(raw)], raw.y.shape[-2:], 0) for raw in results]

    def __call__(
        self, encoded: list[Tensor], warped: Texture, target: Target, convention: Convention
    ) -> Painted:
        """As `Generator.forward`."""
        maps = named(warped=warped, target=target)
        if self.source_maps is None:
            maps |= named(source=Source(*encoded))
        levels = self._encoded(self.target_maps, maps)
        sizes = [raw.y.shape[-2:] for raw in levels]
        fields: list[Tensor] = []
        if self.source_maps is not None:
            fields = deformation_fields(warped.coordinates, body_mask(target.uv), sizes)
        x = self._through_middle(levels[-1])
        for level, conv in zip((2, 1, 0), self.decoder, strict=True):
            reads = [x, Read(levels[level])]
            if fields:
                reads.append(Read(Raw(encoded[level]), at=fields[level].contiguous()))
            x = Read(self._block(conv, reads, sizes[level], convention.corner_aligned))
        out = self.made_by.painted(x.raw, self.out.weight, self.out.bias)
        blended = 3 + self.blend
        return Painted(out[:, :3], out[:, 3:blended], out[:, blended:])

    def _encoded(self, encoder: "HalfEncoder", maps: dict[str, Tensor]) -> list[Raw]:
        shown = laid_together(encoder.maps, maps)
        if encoder.reveals:
            shown = torch.cat([shown, maps["target.revealed"]], dim=1)
        channels = encoder.first.weight.shape[1]
        x = self.made_by.laid_out(shown, encoder.first.border, channels)
        results = [self.made_by.normed(encoder.first(x))]
        for conv in encoder.others:
            results.append(self._block(conv, [Read(results[-1])], results[-1].y.shape[-2:]))
        return results

    def _through_middle(self, t3: Raw) -> Read:
        """As `models.generator`: running sums r2 = b2(t3 + r1), r3 = b3(r1 + r2), ..."""
        size = t3.y.shape[-2:]
        before, x = t3, self._block(self.middle[0], [Read(t3)], size)
        for conv in self.middle[1:]:
            before, x = x, self._block(conv, [Read(before, plus=x)], size)
        return Read(before, plus=x)

    def _block(
        self, conv: "HalfConv", reads: Sequence[Read], size: Sequence[int], aligned: bool = True
    ) -> Raw:
        return self.made_by.normed(conv(self._joined(reads, size, conv.border, aligned)))

    def _joined(
        self, reads: Sequence[Read], size: Sequence[int], border: int, aligned: bool = True
    ) -> Tensor:
        return self.made_by.joined(reads, size, border, aligned)


class HalfEncoder:
    """The convolutions of `Encoder`."""

    def __init__(self, trained: Encoder, device: torch.device, of_revealed: Conv | None = None):
        self.maps, self.reveals = trained.maps, of_revealed is not None
        first, *others = trained
        self.first = _half(first, device, of_revealed, fill=True)
        self.others = [_half(block, device) for block in others]


class HalfConv:
    """A convolution of input that has its border; without its bias, which InstanceNorm undoes.

    `inputs` is another convolution, whose result is added: its input channels come last; `outputs`
    one of the same input, whose output channels come last. With `fill`, input channels are added
    up to a `MULTIPLE`, with weights of 0.
    """

    def __init__(
        self,
        trained: nn.Module,
        device: torch.device,
        inputs: Conv | None = None,
        outputs: Conv | None = None,
        fill: bool = False,
    ):
        assert isinstance(trained, Conv)
        assert trained.bias is not None
        weight, bias = trained.weight.detach(), trained.bias.detach()
        if inputs:
            weight = torch.cat([weight, inputs.weight.detach()], dim=1)
        if outputs and outputs.bias is not None:
            weight = torch.cat([weight, outputs.weight.detach()])
            bias = torch.cat([bias, outputs.bias.detach()])
        empty = -weight.shape[1] % MULTIPLE if fill else 0
        weight = F.pad(weight, (0, 0, 0, 0, 0, empty))
        self.weight = weight.to(device, torch.float16, memory_format=torch.channels_last)
        self.bias = bias.to(device, copy=True)
        self.stride, self.border = trained.stride, trained.border

    def __call__(self, padded: Tensor) -> Tensor:
        """(B, C, H + 2 border, W + 2 border) -> (B, K, H / stride, W / stride), rounded up."""
        return F.conv2d(padded, self.weight, None, self.stride)


def _half(
    block: nn.Module, device: torch.device, inputs: Conv | None = None, fill: bool = False
) -> HalfConv:
    """The convolution of a `Block`; `inputs` as in `HalfConv`."""
    assert isinstance(block, Block)
    return HalfConv(block.conv, device, inputs, fill=fill)
