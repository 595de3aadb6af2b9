"""Texels behind another part of the body: a hip behind a hand does not look like the hand."""

import numpy as np
import torch
from scipy.ndimage import find_objects
from torch import Tensor
from torch.nn import functional as F

from models.coordinates import CONSISTENT, OFF_BODY, sample
from models.layouts import parts
from models.texture import extended, nearest

OTHER_COLOUR = 0.13  # the distance of RGB in [0, 1] from which cloth is not the same
AROUND = 2  # texels: the edge of what is in front is neither


def uncovered(D: Tensor, known: Tensor, M_S: Tensor, body: Tensor, layout: str) -> Tensor:
    """D (B, 2, t, t) that does not read what hides a texel.

    f continues the body behind a hand or a sleeve, where the photograph shows those. A texel that
    is not `known` (B, 1, t, t), and that reads another part of the body and another colour than is
    seen around it, takes what its part of the body shows beside it, reflected at the edge.
    `body` (B, 3, H, W) is the photograph that D reads, with the UV map M_S.
    """
    part = parts(layout, D.shape[-1])
    if not part.any():
        return D
    wrong = _reads_another(D, M_S, torch.from_numpy(part).to(D.device))
    colours = sample(body, D, CONSISTENT)
    expected = extended(colours * known, known)
    wrong &= _far_apart(colours, expected)
    wrong = F.max_pool2d(wrong.float(), 2 * AROUND + 1, 1, AROUND) * (1 - known) > 0
    if not wrong.any():
        return D
    pairs = zip(D.cpu().numpy(), wrong[:, 0].cpu().numpy(), strict=True)
    return torch.from_numpy(np.stack([_reflected(d, w, part) for d, w in pairs])).to(D.device)


def _far_apart(colours: Tensor, expected: Tensor) -> Tensor:
    """Where colours (B, 3, t, t) are other ones (B, 1, t, t), not the same in another light."""
    light = (colours * expected).sum(1, keepdim=True)
    light = (light / colours.square().sum(1, keepdim=True).clamp(min=1e-6)).clamp(0.5, 2)
    return (light * colours - expected).norm(dim=1, keepdim=True) > OTHER_COLOUR


def _reads_another(D: Tensor, M_S: Tensor, part: Tensor) -> Tensor:
    """Which texels (B, 1, t, t) read a pixel of another part of the body than their own."""
    uv = F.grid_sample(
        M_S.nan_to_num(OFF_BODY), D.permute(0, 2, 3, 1), mode="nearest", align_corners=True
    )
    last = len(part) - 1
    u, v = ((uv + 1) / 2 * last).round().long().clamp(0, last).unbind(1)
    on_body = uv[:, :1] > OFF_BODY / 2
    return on_body & (part[v, u] != part)[:, None]


def _reflected(D: np.ndarray, wrong: np.ndarray, part: np.ndarray) -> np.ndarray:
    """D (2, t, t) with its wrong texels (t, t) reflected, within each part, from the others."""
    D = D.copy()
    for number, box in enumerate(find_objects(part + 1), start=0):
        if box is None:
            continue
        here = part[box] == number
        holes, right = here & wrong[box], here & ~wrong[box]
        if not holes.any() or not right.any():
            continue
        edge = nearest(right)[:, holes]
        there = 2 * edge - np.stack(np.nonzero(holes))
        inside = ((there >= 0) & (there < np.array(here.shape)[:, None])).all(axis=0)
        there = np.where(inside, there, edge)
        there = np.where(right[*there], there, edge)
        view = D[:, *box]  # written through
        view[:, holes] = view[:, *there]
    return D
