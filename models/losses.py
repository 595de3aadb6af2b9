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
    x = torch.arange(-reach, reach + 1, device=image.device, dtype=torch.float32)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(4, 1, 1, -1)
    both = torch.cat([image * mask, mask], dim=1)
    both = F.conv2d(both, kernel, padding=(0, reach), groups=4)
    both = F.conv2d(both, kernel.transpose(2, 3), padding=(reach, 0), groups=4)
    return both[:, :3] / both[:, 3:].clamp(min=1e-6)


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
    flat = x.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[-1]


def nearest_neighbour(features: Tensor, expected: Tensor, window: int = 5) -> Tensor:
    """Each pixel's L1, summed over channels, to the nearest of the window around its place.

    Deformable GANs (Siarohin et al. 2018), eq. 9, divided by the channels: features (B, c, h, w)
    both. Small displacements cost nothing. A running minimum over the window's places takes a
    25th of the memory of an unfolded one.
    """
    reach = window // 2
    expected = expected.float()
    height, width = features.shape[-2:]
    # Beyond the border there is nothing to be near to.
    padded = F.pad(expected, 4 * [reach], value=float("inf"))
    nearest: Tensor | None = None
    for dy in range(window):
        for dx in range(window):
            moved = padded[..., dy : dy + height, dx : dx + width]
            distance = (features.float() - moved).abs().sum(dim=1)
            nearest = distance if nearest is None else torch.minimum(nearest, distance)
    assert nearest is not None
    return nearest.mean() / features.shape[1] / expected.abs().mean().clamp(min=1e-6)


def discriminator_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's hinge loss on its scores of photographs and of renders."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_hinge(fake: Tensor) -> Tensor:
    """The generator's side of it."""
    return -fake.mean()
