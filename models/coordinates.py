"""Coordinate maps: pixels [x, y] of a photograph, texels [u, v] of a body texture.

A coordinate map holds points of some image, channel 0 across and channel 1 down, in
[-1, 1]. UV maps are NaN off the body. Everything here is float32, also under autocast:
bfloat16 near 1 resolves 1/256, half a pixel at 256x256.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

OFF_BODY = -10.0  # stands for NaN where a network or a sampler reads a UV map: out of range
EMPTY = 1e-10  # a texel that gathered no more splat weight than this is unknown


@dataclass(frozen=True)
class Convention:
    """Which point of an image a coordinate of [-1, 1] means.

    Corner-aligned, -1 and 1 are the centres of the outermost pixels, as in `meshgrid`.
    Otherwise the authors' mixture holds, which their weights were trained with: `splat`
    puts -1 and 1 at pixels 0 and `size`, `sample` at the outer edges of the outermost
    pixels. A point that is splat and read back so lands about one pixel off.
    """

    name: str
    corner_aligned: bool


COMPAT = Convention("compat", corner_aligned=False)
CONSISTENT = Convention("consistent", corner_aligned=True)
CONVENTIONS = {c.name: c for c in (COMPAT, CONSISTENT)}


def meshgrid(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """The coordinate map (1, 2, height, width) in which every pixel names itself."""
    x = torch.arange(width, device=device, dtype=torch.float32) * 2 / (width - 1) - 1
    y = torch.arange(height, device=device, dtype=torch.float32) * 2 / (height - 1) - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]


def body_mask(uv: Tensor) -> Tensor:
    """1 where a UV map (B, 2, H, W) is on the body, 0 where it is NaN: (B, 1, H, W)."""
    return (~uv.isnan()).any(dim=1, keepdim=True).to(uv.dtype)


def without_rim(uv: Tensor, pixels: int) -> Tensor:
    """A UV map (B, 2, H, W) whose body has lost what is within `pixels` of the outside."""
    outside = 1 - body_mask(uv)
    near_outside = F.max_pool2d(outside, 2 * pixels + 1, stride=1, padding=pixels)
    return torch.where(near_outside > 0, torch.nan, uv)


def sample(image: Tensor, at: Tensor, convention: Convention) -> Tensor:
    """Read an image bilinearly at the points of a coordinate map (eqs. 2-4).

    image (B, C, H, W), at (B, 2, h, w) -> (B, C, h, w); 0 outside the image and at NaN.
    """
    if torch.compiler.is_compiling() and not at.requires_grad:
        return gathered(image, at, convention)
    grid = at.float().nan_to_num(nan=OFF_BODY).permute(0, 2, 3, 1)
    return F.grid_sample(
        image.float(),
        grid,
        mode="bilinear",
        padding_mode="zeros",
        align_corners=convention.corner_aligned,
    )


def gathered(image: Tensor, at: Tensor, convention: Convention) -> Tensor:
    """`sample` in operations that a compiler can join with what is around them.

    No gradient reaches `at`. The image stays in channels-last memory, which a GPU's own operation,
    and its gradient, would leave.
    """
    batch, _, height, width = image.shape
    _, _, *size = at.shape
    sides = torch.arange(2, device=at.device).view(2, 1, 1, 1)  # of a point: before and after
    corners = []
    for values, extent in zip(
        at.nan_to_num(nan=OFF_BODY).unbind(dim=1), (width, height), strict=True
    ):
        if convention.corner_aligned:
            place = (values + 1) / 2 * (extent - 1)
        else:
            place = ((values + 1) * extent - 1) / 2
        number = place.floor() + sides  # (2, B, h, w)
        inside = (number >= 0) & (number < extent)
        weight = (1 - (place - number).abs()) * inside
        corners.append((number.clamp(0, extent - 1).long(), weight))
    (x, across), (y, down) = corners
    image_number = torch.arange(batch, device=at.device).view(-1, 1, 1)
    pixel = (image_number * height + y[:, None]) * width + x  # (2, 2, B, h, w)
    weight = down[:, None] * across
    pixels = image.float().permute(0, 2, 3, 1).flatten(0, 2).index_select(0, pixel.flatten())
    mean = (pixels.view(4, batch, *size, -1) * weight.view(4, batch, *size, 1)).sum(dim=0)
    return mean.permute(0, 3, 1, 2)


def splat(
    values: Tensor, to: Tensor, size: tuple[int, int], convention: Convention
) -> tuple[Tensor, Tensor]:
    """Scatter values to the points of a coordinate map: the reverse of `sample`.

    Each value goes to the four texels around its point with bilinear weights; a texel holds
    the mean of what reached it. Values at NaN go nowhere.

    values (B, C, H, W), to (B, 2, H, W), size (h, w) -> the means (B, C, h, w), 0 where
    nothing came, and the known-texel mask (B, 1, h, w) of 0 and 1. Not differentiable.
    """
    batch, channels, *_ = values.shape
    height, width = size
    margin = 1 if convention.corner_aligned else 0
    on_body = ~to.isnan().any(dim=1).flatten()
    image = torch.arange(batch, device=to.device).repeat_interleave(to[0, 0].numel())
    point = to.float().nan_to_num(nan=OFF_BODY).movedim(1, -1).reshape(-1, 2)
    # A last channel of ones gathers the weights themselves.
    weighed = torch.cat([values.float(), values.new_ones(batch, 1, *values.shape[2:])], dim=1)
    weighed = weighed.movedim(1, -1).reshape(-1, channels + 1)
    if values.device.type == "cpu" and not torch.compiler.is_compiling():
        # The body alone, a fifth of a photograph: a third of the time. A GPU would have to be
        # waited for, to tell how much that is.
        rows = on_body.nonzero()[:, 0]
        on_body, image, point, weighed = (x[rows] for x in (on_body, image, point, weighed))
    weighed = weighed.double()
    across, down = point.unbind(dim=1)
    across, down = (across + 1) / 2 * (width - margin), (down + 1) / 2 * (height - margin)

    # Sums in fixed point: integers add up to the same in any order, so a GPU's unordered
    # additions, too, give the same bits every time. 2^40 leaves room for 2^23 values a texel.
    texels, each = batch * height * width, torch.arange(channels + 1, device=to.device)
    sums = torch.zeros(texels * len(each), dtype=torch.int64, device=to.device)
    # What goes nowhere adds 0, all over: additions to one texel would wait for each other.
    nowhere = torch.arange(len(point), device=to.device) % texels
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = across.floor() + dx, down.floor() + dy
            weight = (1 - (across - x).abs()) * (1 - (down - y).abs())
            inside = on_body & (x >= 0) & (x < width) & (y >= 0) & (y < height)
            texel = (image * height + y.long()) * width + x.long()
            share = (weighed * weight[:, None] * 2.0**40).round().long()
            # Compiled for a GPU this stays what it is; `index_add_` would sort.
            texel, share = texel.where(inside, nowhere), share.where(inside[:, None], 0)
            sums.scatter_add_(0, (texel[:, None] * len(each) + each).flatten(), share.flatten())
    total = sums.view(batch, height, width, channels + 1).movedim(-1, 1).double() / 2.0**40
    known = total[:, -1:] > EMPTY
    mean = (total[:, :-1] / total[:, -1:].where(known, 1.0)).where(known, 0.0)
    return mean.float(), known.float()
