"""The texture of a photograph: what of it is seen, what f makes of it, and how g gets it."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional as F

from models.config import ModelConfig
from models.coordinates import (
    CONSISTENT,
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
from models.maps import Source, Target, Texture

# Source coordinates (of [-1, 1]) further apart than this, of one texel or of two neighbours on a
# sheet of 256, belong to different parts of the body: their mean points at nothing.
JUMP = 0.06


def seen(config: ModelConfig, source: Source) -> tuple[Tensor, Tensor]:
    """C (B, c, t, t) in [-1, 1] and C' (B, 1, t, t): what a photograph shows of the texture.

    C holds the pixels' coordinates, or their colours, black to white, where the variant completes
    colours.
    """
    S, M_S = source
    if config.form.completes == "colours":
        values = 2 * S - 1
    else:
        values = meshgrid(*M_S.shape[-2:], device=M_S.device).expand(len(M_S), -1, -1, -1)
    size = (config.texture_size, config.texture_size)
    return splat(values, M_S, size, CONVENTIONS[config.convention])


def seen_coordinates(M_S: Tensor, texels: int, rim: int) -> tuple[Tensor, Tensor]:
    """C (B, 2, t, t) and the mask (B, 1, t, t) of texels where it can be trusted.

    These are shown by other pixels than the body's outermost `rim`, and all by one part of it.
    """
    xy = meshgrid(*M_S.shape[-2:], device=M_S.device).expand(len(M_S), -1, -1, -1)
    values = torch.cat([xy, xy.square().sum(dim=1, keepdim=True)], dim=1)
    mean, known = splat(values, without_rim(M_S, rim), (texels, texels), CONSISTENT)
    C = mean[:, :2]
    variance = mean[:, 2:] - C.square().sum(dim=1, keepdim=True)
    return C, known * (variance < (JUMP / 2) ** 2)


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
    if mask.shape[-2:] == (1, 1):
        return image * mask
    share = F.avg_pool2d(mask, 2, ceil_mode=True)
    means = F.avg_pool2d(image * mask, 2, ceil_mode=True) / share.clamp(min=1e-6)
    beyond = extended(means, (share > 0).to(mask.dtype))
    beyond = beyond.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    height, width = mask.shape[-2:]
    return torch.where(mask > 0, image, beyond[..., :height, :width])


def nearest(known: np.ndarray) -> np.ndarray:
    """The indices (2, h, w), row and column, of the known texel (h, w) nearest to each."""
    return np.asarray(distance_transform_edt(~known, return_distances=False, return_indices=True))


def body_colours(source: Source, extend: bool) -> Tensor:
    """The photograph's body (B, 3, H, W), as D is read from it.

    Off the body it is black or, with `extend`, the body's colours go on there.
    """
    mask = body_mask(source.uv)
    return extended(source.photograph, mask) if extend else source.photograph * mask


def complete(config: ModelConfig, inpainter: Inpainter | None, source: Source) -> Texture:
    """T (eq. 2) and D; neither where the variant has no f, no D where f completes colours.

    In the paper f answers for all texels; with `keep_seen` those that the photograph shows stay as
    they are seen, exact whatever f has learnt. What only the body's outermost pixels show is left
    to f: half of such a pixel is background.
    """
    nothing = source.uv.new_zeros(len(source.uv), 0, config.texture_size, config.texture_size)
    if inpainter is None:
        return Texture(nothing, nothing)
    completed = answer(config, inpainter, *seen(config, source))
    if config.keep_seen:
        C, known = seen(config, source._replace(uv=without_rim(source.uv, 1)))
        completed = torch.where(known > 0, C, completed)
    if config.form.completes == "colours":
        return Texture((completed + 1) / 2, nothing)
    body = body_colours(source, config.extend_body)
    return Texture(sample(body, completed, CONVENTIONS[config.convention]), completed)


def warped(config: ModelConfig, body: Tensor, texture: Texture, target: Target) -> Texture:
    """W and E: T and D in the target's pose (eqs. 3 and 4).

    `body` are the photograph's `body_colours`. With `warp_once` W is the body read at E, where
    there is one: T, read at M_N, is the photograph interpolated twice.
    """
    convention, M_N = CONVENTIONS[config.convention], target.uv
    E = warp(texture.coordinates, M_N, convention)
    if config.warp_once and E.shape[1]:
        return Texture(sample(body, E, convention) * body_mask(M_N), E)
    return Texture(warp(texture.colours, M_N, convention), E)


def warp(texture: Tensor, M_N: Tensor, convention: Convention) -> Tensor:
    """A map over the texture (B, c, t, t) in the target's pose, 0 off the body (eqs. 3 and 4).

    T becomes W, D becomes E: (B, c, h, w) for M_N (B, 2, h, w).
    """
    if texture.shape[1] == 0:
        return M_N.new_zeros(len(M_N), 0, *M_N.shape[-2:])
    return sample(texture, M_N, convention) * body_mask(M_N)


def warped_coordinates(D: Tensor, M_N: Tensor) -> Tensor:
    """E = D at M_N (eq. 4), bilinear where the four texels around a point belong together.

    Across a seam or a fold their mean would point at nothing: there, the nearest texel counts.
    """
    t = D.shape[-1]
    smooth = sample(D, M_N, CONSISTENT)
    grid = M_N.nan_to_num(0).permute(0, 2, 3, 1)
    sharp = F.grid_sample(D, grid, mode="nearest", align_corners=True)
    largest = F.max_pool2d(D, 2, stride=1)
    smallest = -F.max_pool2d(-D, 2, stride=1)
    spread = (largest - smallest).amax(dim=1)  # (K, t - 1, t - 1), a cell of four texels each
    x, y = ((grid + 1) / 2 * (t - 1)).long().clamp(0, t - 2).unbind(dim=-1)
    pair = torch.arange(len(D), device=D.device).view(-1, 1, 1)
    return torch.where((spread[pair, y, x] < JUMP * 256 / t)[:, None], smooth, sharp)
