"""What f and g are trained to make small. All in float32, also under autocast."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_l1(values: Tensor, expected: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of maps (B, c, h, w) where mask (B, 1, h, w) is 1; 0 if nowhere."""
    difference = (values - expected).abs() * mask
    return difference.sum() / (mask.sum() * values.shape[1]).clamp(min=1)


def body_distance(mask: Tensor, reach: int) -> Tensor:
    """How far each pixel is from the body: (B, 1, H, W) of 0 and 1 -> pixels, at most `reach`.

    Chebyshev's distance: diagonal steps count as one. Every distance is a sum of powers of two,
    and `side` pixels lead to anywhere in a square of that half side.
    """
    distance = (1 - mask) * reach
    for side in (2**n for n in range((reach - 1).bit_length())):
        nearest = -distance
        for square in ((2 * side + 1, 1), (1, 2 * side + 1)):
            padding = [size // 2 for size in square]
            nearest = F.max_pool2d(nearest, square, stride=1, padding=padding)
        distance = torch.minimum(distance, side - nearest)
    return distance


def blurred(image: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """An image (B, 3, H, W) blurred within a mask (B, 1, H, W): its colours go on beyond it.

    A Gaussian of `sigma` pixels, cut at three of them; 0 where nothing of the mask is so near.
    """
    if sigma == 0:
        return image * mask
    reach = math.ceil(3 * sigma)
    x = torch.arange(reach + 1, device=image.device, dtype=torch.float32)  # the kernel is symmetric
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = kernel / (2 * kernel.sum() - 1)
    down, across = (_band(kernel, size) for size in image.shape[2:])
    both = down @ torch.cat([image * mask, mask], dim=1) @ across
    return both[:, :3] / both[:, 3:].clamp(min=1e-6)


def _band(kernel: Tensor, size: int) -> Tensor:
    """(size, size): a symmetric kernel, from its middle on, around every place of a row.

    A blur by such matrices takes a sixth of a convolution's time, channel by channel.
    """
    place = torch.arange(size, device=kernel.device)
    apart = (place[:, None] - place).abs()
    return kernel[apart.clamp(max=len(kernel) - 1)] * (apart < len(kernel))


def perceptual(features: Sequence[Tensor], expected: Sequence[Tensor]) -> Tensor:
    """Mean L1 of features, each depth relative to its own magnitude (Johnson et al. 2016).

    Depths differ in scale by orders of magnitude; divided by their mean they count alike.
    """
    terms = [
        F.l1_loss(a.float(), b.float()) / b.float().abs().mean().clamp(min=1e-6)
        for a, b in zip(features, expected, strict=True)
    ]
    return torch.stack(terms).mean()


def style(features: Sequence[Tensor], expected: Sequence[Tensor]) -> Tensor:
    """Mean L1 of the Gram matrices of features (Gatys et al. 2016), relative as `perceptual`."""
    terms = []
    for a, b in zip(features, expected, strict=True):
        gram = _gram(b)
        terms.append(F.l1_loss(_gram(a), gram) / gram.abs().mean().clamp(min=1e-6))
    return torch.stack(terms).mean()


def _gram(x: Tensor) -> Tensor:
    """(B, c, h, w) -> (B, c, c): how often two channels are high together."""
    pixels = x.float().permute(0, 2, 3, 1).flatten(1, 2)  # in channels-last memory as they lie
    return pixels.transpose(1, 2) @ pixels / pixels.shape[1]


def nearest_neighbour(features: Tensor, expected: Tensor, window: int = 5) -> Tensor:
    """Each pixel's L1, summed over channels, to the nearest of the window around its place.

    Deformable GANs (Siarohin et al. 2018), eq. 9, divided by the channels: features (B, c, h, w)
    both. Small displacements cost nothing. No gradient reaches `expected`.
    """
    expected = expected.float()
    with torch.no_grad():
        found = _nearest(features.float(), expected, window // 2)
    distance = (features.float() - found).abs().sum(dim=1)
    return distance.mean() / features.shape[1] / expected.abs().mean().clamp(min=1e-6)


def _nearest(features: Tensor, expected: Tensor, reach: int) -> Tensor:
    """Of each pixel, what the place of the window around it holds that is nearest in L1."""
    height, width = features.shape[-2:]
    # Beyond the border there is nothing to be near to.
    padded = F.pad(expected, 4 * [reach], value=float("inf"))
    side = padded.shape[-1]
    least = torch.full_like(features[:, 0], float("inf"))
    step = torch.zeros_like(least, dtype=torch.int64)  # to it, from the window's first place
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            moved = padded[..., dy : dy + height, dx : dx + width]
            distance = (features - moved).abs().sum(dim=1)
            nearer = distance < least
            least, step = distance.where(nearer, least), (dy * side + dx) * nearer + step * ~nearer
    rows, columns = (torch.arange(n, device=step.device) for n in (height, width))
    at = (step + rows[:, None] * side + columns).flatten(1)
    pixels = padded.permute(0, 2, 3, 1).flatten(1, 2)
    found = pixels.gather(1, at[..., None].expand(-1, -1, pixels.shape[2]))
    return found.unflatten(1, (height, width)).permute(0, 3, 1, 2)


def discriminator_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's hinge loss on its scores of photographs and of renders."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_hinge(fake: Tensor) -> Tensor:
    """The generator's side of it."""
    return -fake.mean()
