"""Splat and sample, against direct sums, each other, and the authors' outputs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.coordinates import (
    COMPAT,
    CONSISTENT,
    Convention,
    body_mask,
    gathered,
    meshgrid,
    sample,
    splat,
)
from tests.helpers.seeded import golden_pair

BOTH = pytest.mark.parametrize("convention", [COMPAT, CONSISTENT], ids=lambda c: c.name)


def splat_by_loops(values: Tensor, to: Tensor, size: tuple[int, int], margin: int) -> Tensor:
    """The definition, pixel by pixel, for one image; NaN where nothing came."""
    h, w = size
    sums, weights = np.zeros((values.shape[0], h, w)), np.zeros((h, w))
    for i in range(to.shape[1]):
        for j in range(to.shape[2]):
            x, y = (
                (to[0, i, j].item() + 1) / 2 * (w - margin),
                (to[1, i, j].item() + 1) / 2 * (h - margin),
            )
            for row in range(h):
                for column in range(w):
                    weight = max(0.0, 1 - abs(x - column)) * max(0.0, 1 - abs(y - row))
                    weights[row, column] += weight
                    sums[:, row, column] += weight * values[:, i, j].numpy()
    with np.errstate(invalid="ignore"):
        return torch.from_numpy(sums / weights)


def test_meshgrid_names_pixels_corner_aligned() -> None:
    grid = meshgrid(3, 5)
    assert grid.shape == (1, 2, 3, 5)
    assert grid[0, 0, 1].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert grid[0, 1, :, 2].tolist() == [-1, 0, 1]


@BOTH
def test_splat_is_the_weighted_mean_of_the_definition(convention: Convention) -> None:
    random = torch.Generator().manual_seed(1)
    values = torch.rand(2, 3, 6, 7, generator=random)
    to = torch.rand(2, 2, 6, 7, generator=random) * 2 - 1
    to[:, :, 2, 3] = torch.nan
    mean, known = splat(values, to, (5, 9), convention)
    for k in range(2):
        visible = to[k].clone().nan_to_num(nan=-10)
        expected = splat_by_loops(values[k], visible, (5, 9), int(convention.corner_aligned))
        assert torch.equal(known[k, 0] > 0, ~expected[0].isnan())
        torch.testing.assert_close(
            mean[k], expected.nan_to_num(nan=0.0).float(), atol=1e-4, rtol=1e-4
        )


@BOTH
def test_splat_of_no_body_knows_nothing(convention: Convention) -> None:
    nowhere = torch.full((1, 2, 4, 4), torch.nan)
    mean, known = splat(meshgrid(4, 4), nowhere, (8, 8), convention)
    assert not mean.any()
    assert not known.any()


def test_splat_reads_no_values_on_the_host_but_on_a_cpu() -> None:
    """The meta device has none to read: whatever depended on them would fail."""
    values, to = (torch.empty(2, c, 6, 7, device="meta") for c in (3, 2))
    mean, known = splat(values, to, (5, 9), CONSISTENT)
    assert mean.shape == (2, 3, 5, 9)
    assert known.shape == (2, 1, 5, 9)


def test_two_values_at_one_texel_average() -> None:
    to = torch.zeros(1, 2, 1, 2)  # both pixels show the middle texel of a 3x3 texture
    mean, known = splat(torch.tensor([[[[1.0, 4.0]]]]), to, (3, 3), CONSISTENT)
    assert mean[0, 0, 1, 1] == 2.5
    assert known.sum() == 1


@settings(max_examples=30)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(2, 12), st.integers(2, 12))
def test_splat_keeps_constants_and_range(h: int, w: int, height: int, width: int) -> None:
    to = meshgrid(h, w) * 0.9
    values = torch.cat([torch.full((1, 1, h, w), 0.25), meshgrid(h, w)], dim=1)
    mean, known = splat(values, to, (height, width), CONSISTENT)
    torch.testing.assert_close(mean[0, 0], known[0, 0] * 0.25)
    assert mean.abs().max() <= 1 + 1e-6


def test_consistent_identity_splat_and_sample_are_exact() -> None:
    image = torch.rand(1, 3, 9, 13, generator=torch.Generator().manual_seed(2))
    own = meshgrid(9, 13)
    torch.testing.assert_close(sample(image, own, CONSISTENT), image, atol=1e-5, rtol=0)
    mean, known = splat(image, own, (9, 13), CONSISTENT)
    torch.testing.assert_close(mean, image, atol=1e-5, rtol=0)
    assert known.all()


@BOTH
def test_sample_is_zero_off_the_body_and_outside(convention: Convention) -> None:
    at = torch.tensor([[torch.nan, 3.0], [0.0, 0.0]]).view(1, 2, 1, 2)
    assert not sample(torch.ones(1, 1, 4, 4), at, convention).any()


@BOTH
def test_gathered_samples_are_samples_and_so_are_their_gradients(convention: Convention) -> None:
    random = torch.Generator().manual_seed(4)
    image = torch.rand(2, 3, 6, 9, generator=random).requires_grad_()
    at = torch.rand(2, 2, 7, 5, generator=random) * 2.6 - 1.3
    at[:, :, 2, 3] = torch.nan
    weights = torch.rand(2, 3, 7, 5, generator=random)
    both = sample(image, at, convention), gathered(image, at, convention)
    torch.testing.assert_close(*both)
    torch.testing.assert_close(*(torch.autograd.grad((x * weights).sum(), image) for x in both))


@BOTH
def test_batches_are_independent(convention: Convention) -> None:
    random = torch.Generator().manual_seed(3)
    to = torch.rand(3, 2, 16, 16, generator=random) * 2.2 - 1.1
    values = meshgrid(16, 16).expand(3, -1, -1, -1)
    together = splat(values, to, (8, 8), convention)
    for k in range(3):
        alone = splat(values[k : k + 1], to[k : k + 1], (8, 8), convention)
        assert torch.equal(together[0][k], alone[0][0])
        assert torch.equal(together[1][k], alone[1][0])


def test_consistent_round_trip_of_real_maps_is_within_half_a_pixel(real: Path) -> None:
    files = sorted((real / "official_samples/source_uv").glob("*.npy"))
    assert len(files) == 5
    for file in files:
        uv = torch.from_numpy(np.load(file)).float().movedim(-1, 0)[None]
        errors = {c.name: round_trip_error(uv, c) for c in (COMPAT, CONSISTENT)}
        assert errors["consistent"] <= 0.4, file.name
        assert errors["compat"] > 0.8, file.name


def round_trip_error(uv: Tensor, convention: Convention) -> float:
    """Median distance, in pixels, of source coordinates splat and read back, on the body."""
    pixels = meshgrid(256, 256)
    C, _ = splat(pixels, uv, (256, 256), convention)
    distance = (sample(C, uv, convention) - pixels).norm(dim=1, keepdim=True) * 255 / 2
    return distance[body_mask(uv) > 0].median().item()


@pytest.mark.parametrize("index", [0, 1])
def test_compat_splat_is_the_authors(real: Path, golden: Path, index: int) -> None:
    pair = golden_pair(real, golden, index)
    C, _ = splat(meshgrid(256, 256), pair.source_uv, (256, 256), COMPAT)
    torch.testing.assert_close(C, pair.source_xy_textures, atol=1e-4, rtol=0)
