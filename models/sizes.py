"""One picture at two sizes: photographs, UV maps and coordinates, made smaller or larger.

Sizes are (height, width). Both pictures show the same area, so the pixels of the one cover those of
the other; their centres do not coincide.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.coordinates import body_mask
from models.maps import Target
from models.uv_maps import JUMP

Size = tuple[int, int]


def size_of(image: Tensor) -> Size:
    """The size of an image (..., H, W)."""
    height, width = image.shape[-2:]
    return height, width


def of_longer_side(size: Size, longer: int) -> Size:
    """The size of the same shape whose longer side is `longer`."""
    height, width = (max(round(side * longer / max(size)), 1) for side in size)
    return height, width


def shrunk(image: Tensor, size: Size) -> Tensor:
    """An image (B, C, H, W) at a smaller size, by the means of what each new pixel covers."""
    if image.shape[-2:] == size:
        return image
    return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)


def shrunk_within(image: Tensor, mask: Tensor, size: Size) -> Tensor:
    """The same of what lies in a mask (B, 1, H, W) alone; 0 where a new pixel covers none of it."""
    return shrunk(image * mask, size) / shrunk(mask, size).clamp(min=1e-6)


def resized_uv(uv: Tensor, size: Size) -> Tensor:
    """A UV map (B, 2, H, W), NaN off the body, at another size.

    It is read bilinearly between pixels of one part of the body: a mean across an edge or a seam
    is no point of the surface. A larger map has a smooth outline, not the stairs of the old pixels.
    """
    if uv.shape[-2:] == size:
        return uv
    (y, below), (x, right) = (
        _between(*n, uv.device) for n in zip(uv.shape[-2:], size, strict=True)
    )
    inside = body_mask(uv)
    if max(size) > max(uv.shape[-2:]):
        inside = smoothed(inside, 0.25)
    inside = F.interpolate(inside, size, mode="bilinear", align_corners=False) >= 0.5
    values, weights = [], []
    for dy, across in ((0, 1 - below), (1, below)):
        for dx, along in ((0, 1 - right), (1, right)):
            corner = uv[..., y[dy][:, None], x[dx]]
            values.append(corner)
            weights.append(across[:, None] * along * body_mask(corner))
    value, weight = torch.stack(values).nan_to_num(0), torch.stack(weights)
    nearest = value.gather(0, weight.argmax(0, keepdim=True).expand_as(value[:1]))
    alike = ((value - nearest).abs().amax(2, keepdim=True) < JUMP) * weight
    mean = (value * alike).sum(0) / alike.sum(0).clamp(min=1e-6)
    return mean.where(inside & (weight.sum(0) > 0), torch.nan)


def resized(target: Target, size: Size) -> Target:
    """What renders of another size must follow. N' is shares of pixels, which have means."""
    M_N, revealed = target
    if revealed.shape[1] and size_of(revealed) != size:
        # Larger, it is read between pixels.
        revealed = F.interpolate(
            revealed, size, mode="bilinear", align_corners=False, antialias=True
        )
    return Target(resized_uv(M_N, size), revealed)


def smoothed(image: Tensor, share: float) -> Tensor:
    """An image (B, C, H, W) whose pixels take a share of each neighbour, along rows and columns."""
    for dim in (2, 3):
        end = image.shape[dim] - 1
        before = torch.cat([image.narrow(dim, 0, 1), image.narrow(dim, 0, end)], dim)
        after = torch.cat([image.narrow(dim, 1, end), image.narrow(dim, end, 1)], dim)
        image = (1 - 2 * share) * image + share * (before + after)
    return image


def _between(old: int, new: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of each of `new` pixels the two of `old` beside its centre (2, new), and the second's share.

    Beyond the outermost centres there is one pixel alone.
    """
    centre = ((torch.arange(new, device=device) + 0.5) * old / new - 0.5).clamp(0, old - 1)
    first = centre.floor().long().clamp(max=max(old - 2, 0))
    return torch.stack([first, (first + 1).clamp(max=old - 1)]), centre - first


def moved(coordinates: Tensor, old: Size, new: Size) -> Tensor:
    """Points (B, 2, h, w) of a picture of one size, as points of the same picture of another.

    Both are corner-aligned (`models.coordinates.CONSISTENT`): -1 and 1 are the centres of the
    outermost pixels, and these lie further out in the larger picture.
    """
    (h, w), (H, W) = old, new
    scale = coordinates.new_tensor([W / w * (w - 1) / (W - 1), H / h * (h - 1) / (H - 1)])
    return coordinates * scale.view(1, 2, 1, 1)
