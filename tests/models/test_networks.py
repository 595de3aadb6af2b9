"""f, g and the whole model: sizes, the authors' outputs, batches, folding, training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from models.authors import generator_names, import_authors, inpainter_names
from models.checkpoint import load
from models.config import ModelConfig
from models.coordinates import COMPAT, CONSISTENT, body_mask, meshgrid
from models.generator import Generator, deformation_fields
from models.inference import folded
from models.inpainter import Inpainter
from models.maps import Source, Target, Texture
from models.reposer import CoordinateReposer
from models.winograd import transformed_weights, winograd_conv
from tests.helpers.ellipses import body
from tests.helpers.seeded import authors_states, golden_pair, write_authors_files

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def small() -> CoordinateReposer:
    torch.manual_seed(0)
    config = ModelConfig(inpainter_width=8, generator_width=64, texture_size=48)
    return CoordinateReposer(config, Inpainter(8), Generator(64), "0" * 64, CPU)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> CoordinateReposer:
    files = import_authors(*write_authors_files(tmp_path_factory.mktemp("authors")))
    return load(files.__getitem__, CPU)


def test_parameter_counts_are_the_releases() -> None:
    f, g = Inpainter(), Generator()
    trainable = sum(p.numel() for p in g.parameters())
    vectors = sum(b.numel() for b in g.buffers())
    assert sum(p.numel() for p in f.parameters()) == 2_824_866
    assert trainable == 11_332_611
    assert trainable + vectors == 11_382_984


def test_authors_keys_and_shapes_are_the_releases(golden: Path) -> None:
    released = json.loads((golden / "reference_state_dict_keys.json").read_text())
    for part, network, names in (
        ("f", Inpainter(), inpainter_names),
        ("g", Generator(), generator_names),
    ):
        ours = {
            name: list(tensor.shape)
            for key, tensor in network.state_dict().items()
            for name in names(key)
        }
        assert ours == released[part]


def test_seeded_spectral_norms_are_the_goldens(golden: Path) -> None:
    _, g = authors_states()
    with np.load(golden / "reference_outputs.npz") as outputs:
        for key in (k for k in g if k.endswith("weight_bar")):
            matrix, u, v = g[key].flatten(1), key.replace("_bar", "_u"), key.replace("_bar", "_v")
            expected = (
                torch.from_numpy(outputs[f"g/{u}"]) @ matrix @ torch.from_numpy(outputs[f"g/{v}"])
            )
            found = g[u] @ matrix @ g[v]
            assert found.item() == pytest.approx(expected.item(), rel=1e-3), key


@pytest.mark.parametrize("index", [0, 1])
def test_compat_renders_as_the_authors_code(
    seeded: CoordinateReposer, real: Path, golden: Path, index: int
) -> None:
    pair = golden_pair(real, golden, index)
    state = seeded.encode(Source(pair.photograph, pair.source_uv))
    image = seeded.render(state, [0], Target(pair.target_uv))
    T, D = state[0].texture
    torch.testing.assert_close(D, pair.inpainted_xy, atol=1e-4, rtol=0)
    torch.testing.assert_close(T, pair.pred_textures, atol=1e-4, rtol=0)
    torch.testing.assert_close(image, pair.refined, atol=1e-4, rtol=0)


def test_texture_is_the_photographs_body_read_at_the_coordinates(small: CoordinateReposer) -> None:
    # The golden textures are black: seeded coordinates fall off the bodies.
    S, M_S = torch.rand(1, 3, 40, 40), body(40, 40)
    (encoded,) = small.encode(Source(S, M_S))
    T, D = encoded.texture
    grid = D.permute(0, 2, 3, 1)
    expected = F.grid_sample(S * body_mask(M_S), grid, align_corners=True)
    assert expected.max() > 0.1
    assert torch.equal(T, expected)


def test_coordinates_off_the_body_name_the_pixel_itself() -> None:
    E = torch.full((1, 2, 8, 8), 0.5)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    fine, coarse = deformation_fields(E, mask, [torch.Size([8, 8]), torch.Size([4, 4])])
    assert fine[..., :4].eq(0.5).all()
    assert coarse[..., :2].eq(0.5).all()
    assert torch.equal(fine[..., 4:], meshgrid(8, 8)[..., 4:])
    assert torch.equal(coarse[..., 2:], meshgrid(4, 4)[..., 2:])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 46), (48, 30)])
def test_results_do_not_depend_on_the_batch(
    small: CoordinateReposer, height: int, width: int
) -> None:
    S = torch.rand(3, 3, height, width, generator=torch.Generator().manual_seed(4))
    M_S = torch.cat([body(height, width, lean) for lean in (-0.3, 0.0, 0.3)])
    M_N = torch.cat([body(37, 29, lean) for lean in (0.1, 0.2, 0.3, 0.4)])
    together = small.render(small.encode(Source(S, M_S)), [2, 0, 2, 1], Target(M_N))
    assert together.shape == (4, 3, 37, 29)
    assert together.min() >= 0
    assert together.max() <= 1
    for k, i in enumerate([2, 0, 2, 1]):
        state = small.encode(Source(S[i : i + 1].clone(), M_S[i : i + 1].clone()))
        alone = small.render(state, [0], Target(M_N[k : k + 1].clone()))
        assert torch.equal(alone[0], together[k])
    assert not torch.equal(together[0], together[1])


def test_a_person_nowhere_still_renders(small: CoordinateReposer) -> None:
    nobody = torch.full((1, 2, 32, 32), torch.nan)
    state = small.encode(Source(torch.rand(1, 3, 32, 32), nobody))
    image = small.render(state, [0], Target(nobody))
    assert image.isfinite().all()


@pytest.mark.parametrize("convention", [COMPAT, CONSISTENT], ids=lambda c: c.name)
def test_folding_changes_rounding_only(convention) -> None:
    torch.manual_seed(5)
    f, g = Inpainter(16).eval(), Generator(64).eval()
    with torch.no_grad():
        for norm in (m for m in f.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.load_state_dict(
                norm.state_dict() | {"running_mean": torch.randn(norm.num_features)}
            )
    fast_f, fast_g = folded(f, CPU), folded(g, CPU)
    uv, S, W = body(40, 36), torch.rand(1, 3, 40, 36), torch.rand(1, 3, 40, 36)
    E = meshgrid(40, 36) * body_mask(uv)
    maps = Texture(W, E), Target(uv), convention
    for _ in range(2):  # a second call must not drift
        with torch.no_grad():
            D = f(meshgrid(48, 48), torch.ones(1, 1, 48, 48))
            image, *_ = g(g.encode_source(Source(S, uv)), *maps)
        with torch.inference_mode():
            fast_D = fast_f(meshgrid(48, 48), torch.ones(1, 1, 48, 48))
            fast_image, *_ = fast_g(fast_g.encode_source(Source(S, uv)), *maps)
        torch.testing.assert_close(fast_D, D, atol=1e-5, rtol=0)
        torch.testing.assert_close(fast_image, image, atol=1e-4, rtol=0)


def test_networks_train() -> None:
    torch.manual_seed(6)
    f, g = Inpainter(8), Generator(16)
    uv, S = torch.cat([body(32, 32), body(32, 32, 0.3)]), torch.rand(2, 3, 32, 32)
    vector = "out.parametrizations.weight.0._u"
    u = g.state_dict()[vector].clone()
    D = f(meshgrid(64, 64).expand(2, -1, -1, -1), torch.ones(2, 1, 64, 64))
    E = D[..., ::2, ::2] * body_mask(uv)
    painted = g(g.encode_source(Source(S, uv)), Texture(S, E), Target(uv), CONSISTENT)
    loss = painted.colours.square().mean()
    loss.backward()
    for name, parameter in [*f.named_parameters(), *g.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert not torch.equal(g.state_dict()[vector], u)  # a step of the power iteration


@settings(max_examples=25)
@given(st.integers(2, 21), st.integers(2, 21), st.sampled_from([1, 24, 65]), st.integers(1, 2))
def test_winograd_is_conv2d(height: int, width: int, channels: int, batch: int) -> None:
    random = torch.Generator().manual_seed(height * 100 + width)
    x = torch.randn(batch, channels, height, width, generator=random)
    weights = torch.randn(5, channels, 3, 3, generator=random) / (9 * channels) ** 0.5
    bias = torch.randn(5, generator=random)
    padded = F.pad(x.double(), (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(padded, weights.double(), bias.double()).float()
    found = winograd_conv(x, transformed_weights(weights), bias)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_winograd_in_several_blocks_is_conv2d() -> None:
    random = torch.Generator().manual_seed(7)
    x = torch.randn(1, 2, 117, 190, generator=random)  # 30 x 48 tiles, several blocks
    weights, bias = torch.randn(3, 2, 3, 3, generator=random), torch.zeros(3)
    expected = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weights)
    found = winograd_conv(x, transformed_weights(weights), bias)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
