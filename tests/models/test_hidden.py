"""Texels behind another part of the body."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models.coordinates import CONSISTENT, body_mask, meshgrid, sample
from models.hidden import uncovered
from models.layouts import parts

NAN = float("nan")
TEXELS = 64
BLUE, RED = torch.tensor([0.1, 0.2, 0.8]), torch.tensor([0.8, 0.3, 0.1])


def photograph(hand: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A blue trunk, a hand of a colour before its middle, and their true D.

    Returns S, M_S, the D of the trunk read through the hand, and which texels are seen.
    """
    M_S = meshgrid(128, 128) * torch.tensor([0.2, 0.6]).view(1, 2, 1, 1)  # the trunk fills it
    x, y = meshgrid(128, 128)[0]
    before = (x.abs() < 0.3) & (y.abs() < 0.2)
    M_S[0, :, before] = torch.stack([0.7 + x[before] / 10, 0.3 + y[before] / 10])
    S = torch.where(before, hand[:, None, None], BLUE[:, None, None])[None]
    # A texel (u, v) of the trunk lies at (u / 0.2, v / 0.6).
    texels = meshgrid(TEXELS, TEXELS)
    D = (texels / torch.tensor([0.2, 0.6]).view(1, 2, 1, 1)).clamp(-1, 1)
    on_trunk = (texels[:, :1].abs() < 0.2) & (texels[:, 1:].abs() < 0.6)
    through = (D[:, :1].abs() < 0.3) & (D[:, 1:].abs() < 0.2)
    return S, M_S, D, (on_trunk & ~through).float()


def read(S: Tensor, D: Tensor) -> Tensor:
    """The colours (n, 3) of the trunk's texels."""
    u, v = meshgrid(TEXELS, TEXELS)[0]
    return sample(S, D, CONSISTENT)[0, :, (u.abs() < 0.19) & (v.abs() < 0.59)].T


def test_a_hip_behind_a_hand_shows_what_is_beside_it() -> None:
    S, M_S, D, known = photograph(RED)
    assert (read(S, D) - RED).norm(dim=1).min() < 0.01
    mended = uncovered(D, known, M_S, S, "anny")
    assert (read(S, mended) - BLUE).norm(dim=1).max() < 0.01
    seen = known.bool().expand_as(D)
    assert torch.equal(mended[seen], D[seen])


@pytest.mark.parametrize("shade", [1.0, 0.6])
def test_a_sleeve_of_the_same_cloth_may_stand_in(shade: float) -> None:
    S, M_S, D, known = photograph(BLUE * shade)
    assert torch.equal(uncovered(D, known, M_S, S, "anny"), D)


def test_a_layout_whose_limbs_are_unknown_is_left_alone() -> None:
    S, M_S, D, known = photograph(RED)
    assert torch.equal(uncovered(D, known, M_S, S, "smpl"), D)


def test_limbs_are_symmetric_and_the_trunk_is_the_middle() -> None:
    part = parts("anny", TEXELS)
    np.testing.assert_array_equal(part, part[:, ::-1])
    assert part[TEXELS // 2, TEXELS // 2] == 0
    assert len(np.unique(part)) == 5
    assert not parts("smpl", TEXELS).any()


def test_nothing_seen_is_no_crash() -> None:
    S, M_S, D, known = photograph(RED)
    nobody = torch.full_like(M_S, NAN)
    assert not body_mask(nobody).any()
    assert uncovered(D, torch.zeros_like(known), nobody, S, "anny").isfinite().all()
