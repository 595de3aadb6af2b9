"""The paper's variants, from layers to files: what is trained is what is served."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

from models.checkpoint import load, load_networks, save
from models.config import ModelConfig
from models.coordinates import CONSISTENT, body_mask, sample
from models.generator import Generator, build_generator
from models.inpainter import Inpainter, build_inpainter
from models.layers import Conv, GatedBlock, InstanceNorm, reflected
from models.maps import Source, Target, Texture
from models.texture import (
    answer,
    body_colours,
    complete,
    extended,
    mirrored,
    seen,
    warp,
    warped,
)
from models.variants import VARIANTS
from pipelines.cli import main
from tests.helpers.catalogs import body_uv, rows_of, write_catalog, write_pairs
from workers.data.storage import Store
from workers.training.generator import Painter

CPU = torch.device("cpu")
FORMATS = [torch.contiguous_format, torch.channels_last]


def networks(variant: str, blend: bool = False) -> tuple[ModelConfig, Inpainter | None, Generator]:
    torch.manual_seed(3)
    config = ModelConfig(
        variant=variant,
        inpainter_width=4,
        generator_width=8,
        texture_size=40,
        warp_once=blend,
        blend=blend,
    )
    return config, build_inpainter(config), build_generator(config)


def saved(config: ModelConfig, f: Inpainter | None, g: Generator | None) -> dict[str, bytes]:
    networks = {"inpainter": f, "generator": g}
    return save(config, {k: v for k, v in networks.items() if v}, "Made for a test.")


def checkpoint(variant: str, folder: Path) -> str:
    for name, data in saved(*networks(variant)).items():
        Store(str(folder)).put(name, data)
    return str(folder)


def people(size: int = 32) -> tuple[Source, Target]:
    """One of each."""
    S = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    uv = [torch.from_numpy(body_uv(seed, size)).movedim(2, 0)[None] for seed in (1, 2)]
    return Source(S, uv[0]), Target(uv[1])


@pytest.mark.parametrize(
    ("variant", "blend"), [*((v, False) for v in VARIANTS), ("full", True), ("no-deform", True)]
)
def test_what_is_trained_is_what_is_served(variant: str, blend: bool) -> None:
    config, f, g = networks(variant, blend)
    files = saved(config, f, g)
    again = load_networks(files.__getitem__)
    assert save(again.config, again.networks, "Made for a test.") == files
    assert f"`{variant}`" in files["README.md"].decode()
    source, target = people()
    served = load(files.__getitem__, CPU)
    found = served.render(served.encode(source), [0], target)
    if f:
        f.eval()
    with torch.no_grad():
        body = body_colours(source, config.extend_body)
        W_and_E = warped(config, body, complete(config, f, source), target)
        expected = Painter(g.eval(), CONSISTENT, None)(source, W_and_E, target)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("variant", "texture", "coordinates"),
    [("full", 3, 2), ("no-deform", 3, 2), ("rgb-inpainting", 3, 0), ("no-textures", 0, 0)],
)
def test_variants_complete_what_the_paper_says(
    variant: str, texture: int, coordinates: int
) -> None:
    config, f, g = networks(variant)
    source, target = people()
    T, D = complete(config, f, source)
    assert (T.shape[1], D.shape[1]) == (texture, coordinates)
    W, E = (warp(x, target.uv, CONSISTENT).requires_grad_() for x in (T.detach(), D.detach()))
    g(g.encode_source(source), Texture(W, E), target, CONSISTENT).colours.sum().backward()
    for x in (W, E):  # what there is, g looks at
        assert x.numel() == 0 or (x.grad is not None and x.grad.abs().max() > 0)
    assert (g.source_encoder is not None) == (variant == "full")


@pytest.mark.parametrize("variant", ["full", "rgb-inpainting"])
def test_seen_texels_are_kept_and_the_others_completed(variant: str) -> None:
    config, f, _ = networks(variant)
    source, _ = people()
    inside = ndimage.binary_erosion(body_mask(source.uv)[0, 0], np.ones((3, 3)), border_value=1)
    core = torch.where(torch.from_numpy(inside), source.uv, torch.nan)
    C, known = seen(config, source._replace(uv=core))
    (T, D), (free_T, free_D) = (
        complete(replace(config, keep_seen=keep), f, source) for keep in (True, False)
    )
    kept, free = (D, free_D) if variant == "full" else (2 * T - 1, 2 * free_T - 1)
    where = known.bool().expand_as(kept)
    torch.testing.assert_close(kept[where], C[where])
    assert torch.equal(kept[~where], free[~where])
    assert not torch.allclose(free[where], C[where], atol=0.05)


def test_w_read_at_e_is_the_texture_warped_but_sharper() -> None:
    config, _, _ = networks("full")
    config = replace(config, texture_size=20)
    source, _ = people()
    S, M_S = source
    C, known = seen(config, source)
    D = extended(C, known)  # the source's own coordinates: in its own pose W is the photograph
    body = body_colours(source, extend=False)
    texture = Texture(sample(body, D, CONSISTENT), D)
    on = torch.from_numpy(ndimage.binary_erosion(body_mask(M_S)[0, 0], iterations=2))
    errors = {}
    for once in (True, False):
        W, E = warped(replace(config, warp_once=once), body, texture, Target(M_S))
        assert torch.equal(E, warp(D, M_S, CONSISTENT))
        assert not W[:, :, body_mask(M_S)[0, 0] == 0].any()
        errors[once] = (W - S)[:, :, on].abs().mean()
    assert errors[True] < 0.5 * errors[False]


class Echo(nn.Module):
    """An f that answers what it is shown."""

    def forward(self, C: Tensor, known: Tensor) -> Tensor:
        return C


@pytest.mark.parametrize("variant", ["full", "rgb-inpainting"])
def test_f_is_shown_a_guess_of_what_is_not_seen(variant: str) -> None:
    config, _, _ = networks(variant)
    source, _ = people()
    source.uv[:, :, :, 16:] = torch.nan  # half a person, so that mirrors have something to tell
    C, known = seen(config, source)
    values, alone = mirrored(C, known)
    assert 0 < alone.sum() < known.sum()
    assert not (alone * known).any()
    guessing = replace(config, first_guess=True)
    shown = answer(guessing, Echo(), C, known)
    where = (known > 0).expand_as(C)
    assert torch.equal(shown[where], C[where])
    where = (alone > 0).expand_as(C)
    assert torch.equal(shown[where], C.flip(3)[where])
    assert torch.equal(values[where], shown[where])
    assert (shown == 0).float().mean() < 0.05
    assert torch.equal(answer(config, Echo(), C, known), C)
    smpl = answer(replace(guessing, layout="smpl"), Echo(), C, known)  # its sheet has no symmetry
    assert torch.equal(smpl, extended(C, known))


@pytest.mark.parametrize("channels", [2, 3])
def test_an_untrained_f_answers_from_what_it_is_shown_there(channels: int) -> None:
    torch.manual_seed(0)
    C = torch.rand(1, channels, 40, 40).requires_grad_()
    y = Inpainter(width=8, channels=channels).train()(C, torch.ones(1, 1, 40, 40))
    (pull,) = torch.autograd.grad(y[..., 20, 20].sum(), C)
    near = pull[..., 16:25, 16:25].abs().sum() / pull.abs().sum()
    assert near > 1.5 * 9**2 / 40**2  # of all texels alike it would be once


def blobs(size: tuple[int, int]) -> Tensor:
    """A mask (1, 1, *size) with a blob at the left and one at the right."""
    mask = torch.zeros(1, 1, *size)
    mask[..., 5:9, 2:6] = 1
    mask[..., 3:12, -8:-3] = 1
    return mask


@pytest.mark.parametrize("size", [(32, 32), (17, 45), (64, 33)])
def test_colours_go_on_beyond_the_body_from_what_is_near(size: tuple[int, int]) -> None:
    mask = blobs(size)
    across = torch.arange(size[1]) * 2 < size[1]
    image = torch.where(across, 0.25, 0.75).expand(1, 3, *size) + 5 * (1 - mask)  # 5: no colour
    found = extended(image, mask)
    where = (mask > 0).expand_as(image)
    assert torch.equal(found[where], image[where])
    assert found.min() >= 0.25 - 1e-6
    assert found.max() <= 0.75 + 1e-6
    off = mask[0, 0].numpy() == 0
    nearest = ndimage.distance_transform_edt(off, return_distances=False, return_indices=True)
    expected = image[0, 0].numpy()[tuple(np.asarray(nearest))]
    near = np.asarray(ndimage.binary_dilation(~off, iterations=5), bool)
    assert np.isclose(found[0, 0].numpy(), expected, atol=1e-4)[near].mean() > 0.9
    assert not extended(image, torch.zeros_like(mask)).any()
    assert torch.equal(extended(image, torch.ones_like(mask)), image)


def test_a_texture_read_beyond_the_body_is_black_or_of_its_colour() -> None:
    mask = blobs((32, 32))
    S = torch.full((1, 3, 32, 32), 0.5)
    M_S = torch.where(mask > 0, 0.0, torch.nan).expand(1, 2, 32, 32)
    D = torch.tensor([0.0, -0.9]).view(1, 2, 1, 1).expand(1, 2, 40, 40)  # above everybody
    black, T = (
        sample(body_colours(Source(S, M_S), extend), D, CONSISTENT) for extend in (False, True)
    )
    assert not black.any()
    torch.testing.assert_close(T, torch.full_like(T, 0.5))


def test_colours_are_completed_between_black_and_white() -> None:
    config, f, _ = networks("rgb-inpainting")
    source, _ = people()
    T, _ = complete(config, f, source)
    assert 0 <= T.min() < T.max() <= 1


@pytest.mark.parametrize("variant", ["full", "no-deform", "rgb-inpainting"])
def test_a_blending_g_shows_w_on_the_body_and_paints_elsewhere(variant: str) -> None:
    config, f, g = networks(variant, blend=True)
    source, target = people()
    assert f
    T, D = complete(config, f.eval(), source)
    W, E = (warp(x, target.uv, CONSISTENT) for x in (T, D))
    bias = g.out.bias
    assert isinstance(bias, Tensor)
    images = {}
    with torch.no_grad():
        for share in (-50, 2, 50):
            bias[3] = share
            images[share] = Painter(g.eval(), CONSISTENT, None)(source, Texture(W, E), target)
    on = body_mask(target.uv).bool().expand_as(W)
    torch.testing.assert_close(images[50][on], W[on])
    assert not torch.allclose(images[-50][on], W[on], atol=0.05)
    assert ((images[2] - W)[on].abs() < (images[-50] - W)[on].abs()).float().mean() > 0.9
    torch.testing.assert_close(images[50][~on], images[-50][~on])


def test_without_a_texture_there_is_nothing_to_blend() -> None:
    with pytest.raises(ValueError, match="no-textures has no texture to blend"):
        ModelConfig(variant="no-textures", blend=True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_render_takes_a_checkpoint_of_every_variant(variant: str, tmp_path: Path) -> None:
    ids = write_catalog(f"{tmp_path}/catalog", 2)
    wide = write_catalog(f"{tmp_path}/wide", 1, prefix="wide", size=48)
    model = checkpoint(variant, tmp_path / "model")
    call = ["render", f"catalog={tmp_path}/catalog", f"model={model}", "execution.engine=local"]
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], ids[1]), (ids[1], ids[0])])
    assert main([*call, f"pairs={pairs}", f"out={tmp_path}/same"]) == 0
    assert [r["status"] for r in rows_of(f"{tmp_path}/same")] == ["ok", "ok"]
    other = write_pairs(tmp_path / "w.csv", [(ids[0], wide[0])])
    code = main(
        [
            *call,
            f"pairs={other}",
            f"poses={tmp_path}/wide",
            f"out={tmp_path}/other",
            "max_failed_fraction=1",
        ]
    )
    assert code == 0
    (row,) = rows_of(f"{tmp_path}/other")
    if variant == "full":  # the skips read the source wherever E points
        assert (row["status"], row["width"]) == ("ok", 48)
    else:
        assert (row["status"], row["error_type"]) == ("failed", "SizeMismatch")
        assert "32x32" in row["error_message"]
        assert "48x48" in row["error_message"]


def test_f_alone_is_no_model_to_render_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, f, _ = networks("full")
    assert f
    files = saved(config, f, None)
    for name, data in files.items():
        Store(f"{tmp_path}/f").put(name, data)
    ids = write_catalog(f"{tmp_path}/catalog", 2)
    pairs = write_pairs(tmp_path / "p.csv", [(ids[0], ids[1])])
    call = ["render", f"catalog={tmp_path}/catalog", f"model={tmp_path}/f", f"pairs={pairs}"]
    assert main([*call, f"out={tmp_path}/o"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "holds f alone: train g on it, with reposer train generator" in line
    assert "holds f alone" in files["README.md"].decode()
    again = load_networks(files.__getitem__, "inpainter").networks["inpainter"]
    assert torch.equal(again.state_dict()["out.weight"], f.state_dict()["out.weight"])


def gradients(output: Tensor, *of: Tensor) -> list[Tensor]:
    """Of a function of the output that weighs all its values unequally."""
    weights = torch.rand(output.shape, generator=torch.Generator().manual_seed(5))
    return list(torch.autograd.grad((output * weights).sum(), of))


@pytest.mark.parametrize("memory", FORMATS, ids=str)
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(3, 1, 1), (5, 1, 1), (3, 2, 1), (3, 1, 2), (3, 1, 4)]
)
def test_convolutions_are_torchs_with_reflection(
    kernel: int, stride: int, dilation: int, memory: torch.memory_format
) -> None:
    ours = Conv(3, 5, kernel, stride, dilation).double()
    theirs = nn.Conv2d(
        3, 5, kernel, stride, dilation * (kernel // 2), dilation, padding_mode="reflect"
    ).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 11, 8).double().contiguous(memory_format=memory).requires_grad_()
    found, expected = ours(x), theirs(x)
    torch.testing.assert_close(found, expected)
    for a, b in zip(
        gradients(found, x, ours.weight), gradients(expected, x, theirs.weight), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_reflection_has_the_gradient_of_its_values() -> None:
    x = torch.rand(1, 2, 5, 4).double().requires_grad_()
    assert torch.equal(reflected(x, 3), F.pad(x, 4 * [3], mode="reflect"))
    assert torch.autograd.gradcheck(lambda x: reflected(x, 3), x)


@pytest.mark.parametrize("memory", FORMATS, ids=str)
def test_instance_norm_is_torchs(memory: torch.memory_format) -> None:
    x = torch.rand(3, 4, 7, 6).double().contiguous(memory_format=memory).requires_grad_()
    found, expected = InstanceNorm(4)(x), nn.InstanceNorm2d(4)(x)
    assert found.is_contiguous(memory_format=memory)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(found, x), gradients(expected, x))


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_the_gated_block_is_the_papers(stride: int, dilation: int) -> None:
    block = GatedBlock(3, 4, stride=stride, dilation=dilation).double().train()
    x = torch.rand(2, 3, 12, 9).double().requires_grad_()
    plain = copy.deepcopy(block)
    found = block(x)
    expected = plain.norm(F.elu(plain.features(x)) * torch.sigmoid(plain.gate(x)))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        gradients(found, x, *block.parameters()), gradients(expected, x, *plain.parameters())
    )
    torch.testing.assert_close(dict(block.norm.named_buffers()), dict(plain.norm.named_buffers()))


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_untrained_g_sees_colours_as_well_as_poses(variant: str) -> None:
    _, _, g = networks(variant)
    source, target = people()
    kind = VARIANTS[variant]
    W = torch.zeros(1, 3 if kind.completes else 0, 32, 32)
    E = torch.zeros(1, 2 if kind.completes == "coordinates" else 0, 32, 32)

    @torch.no_grad()
    def painted(source: Source, target: Target) -> Tensor:
        return g(g.encode_source(source), Texture(W, E), target, CONSISTENT).colours

    before = painted(source, target)
    other = source._replace(photograph=source.photograph.flip(1))
    colours = (painted(other, target) - before).abs().mean()
    pose = (painted(source, Target(target.uv.flip(3))) - before).abs().mean()
    assert colours > pose / 2
