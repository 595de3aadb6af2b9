"""The texture of a photograph: what of it is seen, what f makes of it, and how g gets it."""

import torch
from torch import Tensor

from models.coordinates import Convention, body_mask, meshgrid, sample, splat
from models.inpainter import Inpainter
from models.variants import Variant


def seen(
    variant: Variant, S: Tensor, M_S: Tensor, size: int, convention: Convention
) -> tuple[Tensor, Tensor]:
    """C (B, c, size, size) in [-1, 1] and C' (B, 1, size, size): what a photograph shows.

    S (B, 3, H, W) RGB in [0, 1], M_S (B, 2, H, W). C holds the pixels' coordinates, or their
    colours, black to white, where the variant completes colours.
    """
    if variant.completes == "colours":
        values = 2 * S - 1
    else:
        values = meshgrid(*M_S.shape[-2:], device=M_S.device).expand(len(M_S), -1, -1, -1)
    return splat(values, M_S, (size, size), convention)


def read_texture(S: Tensor, M_S: Tensor, D: Tensor, convention: Convention) -> Tensor:
    """T (B, 3, t, t), the photograph's body read at D (eq. 2); black where D leaves it."""
    return sample(S * body_mask(M_S), D, convention)


def complete(
    variant: Variant,
    inpainter: Inpainter | None,
    S: Tensor,
    M_S: Tensor,
    size: int,
    convention: Convention,
    keep_seen: bool,
) -> tuple[Tensor, Tensor]:
    """The texture T (B, 3, size, size) in [0, 1], and D (B, 2, size, size) that it was read at.

    Without channels where the variant has no D, or no texture at all. In the paper f answers for
    all texels; with `keep_seen` those that the photograph shows stay as they are seen, exact
    whatever f has learnt.
    """
    nothing = S.new_zeros(len(S), 0, size, size)
    if inpainter is None:
        return nothing, nothing
    C, known = seen(variant, S, M_S, size, convention)
    completed = inpainter(C, known)
    if keep_seen:
        completed = torch.where(known > 0, C, completed)
    if variant.completes == "colours":
        return (completed + 1) / 2, nothing
    return read_texture(S, M_S, completed, convention), completed


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
