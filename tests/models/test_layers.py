"""The forms that layers take on a GPU, against those that they take on a CPU."""

import pytest
import torch
from torch.nn import functional as F

from models.layers import doubled, reflected_pixels


@pytest.mark.parametrize("border", [1, 2, 8])
def test_pixels_are_reflected_in_the_memory_that_they_have(border: int) -> None:
    x = torch.rand(2, 5, 9, 12).to(memory_format=torch.channels_last)
    found = reflected_pixels(x, border)
    assert torch.equal(found, F.pad(x, 4 * [border], mode="reflect"))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_doubling_is_interpolation_and_so_is_its_gradient() -> None:
    x, weights = torch.rand(2, 5, 9, 12, requires_grad=True), torch.rand(2, 5, 18, 24)
    both = doubled(x), F.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(*both)
    gradients = [torch.autograd.grad((y * weights).sum(), x)[0] for y in both]
    torch.testing.assert_close(*gradients)
