"""The texture of a photograph: what of it is seen, what f makes of it, and how g gets it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.config import ModelConfig
from models.coordinates import (
    CONVENTIONS,
    Convention,
    body_mask,
    meshgrid,
    sample,
    splat,
    without_rim,
)
from models.inpainter import Inpainter
from models.layouts import symmetric
from models.variants import VARIANTS, Variant


def seen(config: ModelConfig, S: Tensor, M_S: Tensor) -> tuple[Tensor, Tensor]:
    """C (B, c, t, t) in [-1, 1] and C' (B, 1, t, t): what a photograph shows of the texture.

    S (B, 3, H, W) RGB in [0, 1], M_S (B, 2, H, W). C holds the pixels' coordinates, or their
    colours, black to white, where the variant completes colours.
    """
    if VARIANTS[config.variant].completes == "colours":
        values = 2 * S - 1
    else:
        values = meshgrid(*M_S.shape[-2:], device=M_S.device).expand(len(M_S), -1, -1, -1)
    size = (config.texture_size, config.texture_size)
    return splat(values, M_S, size, CONVENTIONS[config.convention])


def mirrored(C: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """On a symmetric sheet, the values of texels whose left/right mirror alone is seen.

    Returns them, 0 elsewhere, and the mask (B, 1, t, t) of these texels.
    """
    alone = known.flip(3) * (1 - known)
    return C.flip(3) * alone, alone


def answer(config: ModelConfig, f: torch.nn.Module, C: Tensor, known: Tensor) -> Tensor:
    """What f (an `Inpainter`) completes, (B, c, t, t) in [-1, 1].

    With `first_guess` C is full: an unseen texel holds what its left/right mirror would show (on a
    symmetric sheet), else the nearest; C' says what is seen. Else it is 0 there.
    """
    if config.first_guess:
        guess, there = C, known
        if symmetric(config.layout):
            values, alone = mirrored(C, known)
            guess, there = C + values, known + alone
        C = extended(guess, there)
    return f(C, known)


def extended(image: Tensor, mask: Tensor) -> Tensor:
    """An image (B, c, H, W) whose colours go on beyond a mask (B, 1, H, W), from the nearest.

    Off the mask a pixel gets the mean of the smallest block around it that reaches the mask
    (blocks double in size); 0 where the mask is empty.
    """
    if mask.shape[-2:] == (1, 1) or mask.all():
        return image * mask
    share = F.avg_pool2d(mask, 2, ceil_mode=True)
    means = F.avg_pool2d(image * mask, 2, ceil_mode=True) / share.clamp(min=1e-6)
    beyond = extended(means, (share > 0).to(mask.dtype))
    beyond = beyond.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    height, width = mask.shape[-2:]
    return torch.where(mask > 0, image, beyond[..., :height, :width])


def body_colours(config: ModelConfig, S: Tensor, M_S: Tensor) -> Tensor:
    """The photograph's body (B, 3, H, W), as D is read from it.

    Off the body it is black, or with `extend_body` the body's colours go on there.
    """
    mask = body_mask(M_S)
    return extended(S, mask) if config.extend_body else S * mask


def read_texture(config: ModelConfig, S: Tensor, M_S: Tensor, D: Tensor) -> Tensor:
    """T (B, 3, t, t), the photograph's body read at D (eq. 2)."""
    return sample(body_colours(config, S, M_S), D, CONVENTIONS[config.convention])


def complete(
    config: ModelConfig, inpainter: Inpainter | None, S: Tensor, M_S: Tensor
) -> tuple[Tensor, Tensor]:
    """The texture T (B, 3, t, t) in [0, 1], and D (B, 2, t, t) that it was read at.

    Without channels where the variant has no D, or no texture at all. In the paper f answers for
    all texels; with `keep_seen` those that the photograph shows stay as they are seen, exact
    whatever f has learnt. What only the body's outermost pixels show is left to f: half of such
    a pixel is background.
    """
    nothing = S.new_zeros(len(S), 0, config.texture_size, config.texture_size)
    if inpainter is None:
        return nothing, nothing
    completed = answer(config, inpainter, *seen(config, S, M_S))
    if config.keep_seen:
        C, known = seen(config, S, without_rim(M_S, 1))
        completed = torch.where(known > 0, C, completed)
    if VARIANTS[config.variant].completes == "colours":
        return (completed + 1) / 2, nothing
    return read_texture(config, S, M_S, completed), completed


def warp_all(
    config: ModelConfig, body: Tensor, T: Tensor, D: Tensor, M_N: Tensor
) -> tuple[Tensor, Tensor]:
    """W (B, 3, h, w) and E (B, 2, h, w), without channels where there is no T or D.

    `body` are the photograph's `body_colours`. With `warp_once` W is the body read at E, where
    there is one: T, read at M_N (eq. 3), is the photograph interpolated twice.
    """
    convention = CONVENTIONS[config.convention]
    E = warp(D, M_N, convention)
    if config.warp_once and D.shape[1]:
        return sample(body, E, convention) * body_mask(M_N), E
    return warp(T, M_N, convention), E


def warp(texture: Tensor, M_N: Tensor, convention: Convention) -> Tensor:
    """A map over the texture (B, c, t, t) in the target's pose, 0 off the body (eqs. 3 and 4).

    T becomes W, D becomes E: (B, c, h, w) for M_N (B, 2, h, w).
    """
    if texture.shape[1] == 0:
        return M_N.new_zeros(len(M_N), 0, *M_N.shape[-2:])
    return sample(texture, M_N, convention) * body_mask(M_N)


def build_inpainter(variant: Variant, width: int) -> Inpainter | None:
    """The f of a variant; None where it has none."""
    return Inpainter(width, variant.completed_channels) if variant.completes else None


def parameters(*networks: torch.nn.Module | None) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for network in networks if network for p in network.parameters())
