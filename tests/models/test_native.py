"""Pictures of the photograph's own size: sizes, coordinates, and cloth that is read natively."""

import math
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from assets import NETWORKS, SAMPLE
from models.checkpoint import load
from models.config import ModelConfig
from models.coordinates import CONSISTENT, body_mask, meshgrid, without_rim
from models.maps import Source, Target
from models.native import NativeReposer, reads_cloth
from models.sizes import moved, of_longer_side, resized_uv, shrunk, shrunk_within, size_of
from models.texture import warp
from workers.data.catalog import Catalog
from workers.data.storage import Store
from workers.tensors import stacked

SIDE = 64  # of the copies: the sample's pictures have 256 pixels
NAN = float("nan")
SIZES = st.tuples(st.integers(9, 60), st.integers(9, 60))


@cache
def native() -> NativeReposer:
    return NativeReposer(load(Store(str(NETWORKS)).read, torch.device("cpu")), SIDE)


@cache
def person(number: int) -> Source:
    """A view of the sample; eight of each item follow each other."""
    catalog = Catalog(str(SAMPLE))
    name = catalog.images.ids[number].as_py()
    return stacked(Source, [catalog.view(name, Source._fields, "anny")])


# --- sizes


def ramp(height: int, width: int) -> Tensor:
    """How far each pixel's centre is across and down an image, in (0, 1)."""
    x, y = (torch.arange(width) + 0.5) / width, (torch.arange(height) + 0.5) / height
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]


@given(SIZES, st.integers(1, 9))
def test_the_longer_side_is_as_asked_and_the_shape_stays(
    size: tuple[int, int], longer: int
) -> None:
    height, width = of_longer_side(size, longer)
    assert max(height, width) == longer
    assert abs(height - longer * size[0] / max(size)) <= 1


@given(SIZES, SIZES)
def test_moved_points_lie_at_the_same_place_of_the_picture(
    old: tuple[int, int], new: tuple[int, int]
) -> None:
    at = moved(meshgrid(*old), old, new)  # the old pixels' centres
    pixels = (at + 1) / 2 * (torch.tensor([new[1], new[0]]) - 1).view(1, 2, 1, 1)
    place = (pixels + 0.5) / torch.tensor([new[1], new[0]]).view(1, 2, 1, 1)
    torch.testing.assert_close(place, ramp(*old), atol=1e-4, rtol=0)
    torch.testing.assert_close(moved(at, new, old), meshgrid(*old))


@given(SIZES, st.floats(0.3, 1))
def test_a_smaller_copy_shows_the_same_places(size: tuple[int, int], scale: float) -> None:
    copy = of_longer_side(size, round(max(size) * scale))
    small = shrunk(ramp(*size), copy)
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(small[inner], ramp(*copy)[inner], atol=0.2 / min(size), rtol=0)


def test_means_within_a_mask_know_nothing_of_what_is_outside() -> None:
    mask = torch.zeros(1, 1, 50, 30)
    mask[..., 10:33, 5:21] = 1
    image = 0.7 * mask + 100 * (1 - mask)
    means = shrunk_within(image, mask, (13, 8))
    covered = shrunk(mask, (13, 8)) > 0
    torch.testing.assert_close(means[covered], torch.full((int(covered.sum()),), 0.7))
    assert means[~covered].abs().max() == 0


@given(SIZES, SIZES)
def test_a_uv_map_means_the_same_points_at_another_size(
    old: tuple[int, int], new: tuple[int, int]
) -> None:
    uv, left = 0.3 * ramp(*old), old[1] // 3  # the body lies right of column `left`
    uv[..., :left] = NAN
    resized = resized_uv(uv, new)
    assert size_of(resized) == new
    x, y = ramp(*new)[0] * torch.tensor([old[1], old[0]]).view(2, 1, 1)  # in old pixels
    body = body_mask(resized)[0, 0] > 0
    assert body[x > left + 0.01].all()
    assert not body[x < left - 0.01].any()
    # Between centres of the body's pixels exact; beyond the outermost it stays as it is there.
    off = (resized - 0.3 * ramp(*new))[0].abs().amax(0)
    between = (x > left + 0.5) & (x < old[1] - 0.5) & (y > 0.5) & (y < old[0] - 0.5)
    assert off[between].max() < 1e-5
    assert off[body].max() < 0.3 * 0.51 / min(old)


def test_no_point_of_a_larger_uv_map_is_a_mean_across_a_seam() -> None:
    uv = torch.full((1, 2, 20, 20), -0.8)
    uv[..., 7:] = 0.8
    for size in ((20, 20), (77, 31), (13, 13)):
        torch.testing.assert_close(resized_uv(uv, size).abs(), torch.full((1, 2, *size), 0.8))


def test_the_outline_of_a_larger_uv_map_has_no_stairs() -> None:
    small, large = (ramp(side, side).sub(0.5).norm(dim=1)[0] < 0.3 for side in (32, 128))
    uv = torch.where(small, 0.0, NAN).expand(1, 2, -1, -1)
    wrong = (body_mask(resized_uv(uv, (128, 128)))[0, 0] > 0) ^ large
    stairs = small.repeat_interleave(4, 0).repeat_interleave(4, 1) ^ large
    assert wrong.sum() < 0.7 * stairs.sum()


# --- cloth


@pytest.mark.parametrize("number", [0, 13])
def test_a_photograph_in_its_own_pose_reads_itself(number: int) -> None:
    """Within a quarter of a native pixel, though the networks see a quarter of them."""
    source = person(number)
    source = Source(source.photograph[..., 20:230], source.uv[..., 20:230])  # not square
    (state,) = native().encode(source)
    height, width = size_of(source.uv)
    E = warp(state.coordinates, source.uv, CONSISTENT)
    off = (E - meshgrid(height, width)) / 2 * torch.tensor([width, height]).view(1, 2, 1, 1)
    inner = body_mask(without_rim(source.uv, 4))[0, 0] > 0
    distance = off.square().sum(1).sqrt()[0][inner]
    assert distance.median() < 0.25
    assert (distance < 1).float().mean() > 0.9


def test_cloth_is_sharper_and_nearer_than_the_copy_brought_up() -> None:
    model = native()
    for number in (0, 9, 18):
        source, truth = person(number), person(number + 1)
        state = model.encode(source)
        ours = model.render(state, [0], Target(truth.uv))
        small = model.render(state, [0], Target(resized_uv(truth.uv, (SIDE, SIDE))))
        upsampled = F.interpolate(small, (256, 256), mode="bicubic").clamp(0, 1)
        body = body_mask(without_rim(truth.uv, 2))
        errors = [((x - truth.photograph) * body).abs().sum() for x in (ours, upsampled)]
        assert errors[0] < errors[1]
        wanted = detail(truth.photograph, body)
        ratios = [abs(math.log(detail(x, body) / wanted)) for x in (ours, upsampled)]
        assert ratios[0] < ratios[1] / 2


def detail(image: Tensor, body: Tensor) -> float:
    """The energy of an image's Laplacian over the body."""
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).expand(3, 1, 3, 3)
    return float((F.conv2d(image, kernel, padding=1, groups=3) * body).square().sum())


def test_at_the_copys_own_size_the_better_cloth_is_seen_too() -> None:
    """The copy's photograph has lost what native means of the cloth keep."""
    model = native()
    errors = torch.zeros(2)
    for number in (0, 9, 18, 27):
        source, truth = person(number), person(number + 1)
        target = Target(resized_uv(truth.uv, (SIDE, SIDE)))
        small = Source(shrunk(source.photograph, (SIDE, SIDE)), resized_uv(source.uv, (SIDE, SIDE)))
        expected = shrunk(truth.photograph, (SIDE, SIDE))
        for n, shown in enumerate((source, small)):
            image = model.render(model.encode(shown), [0], target)
            errors[n] += ((image - expected) * body_mask(target.uv)).abs().mean()
    assert errors[0] < errors[1]


def test_sizes_are_free() -> None:
    source, target = person(0), person(9)
    tall = Source(source.photograph[..., 30:210], source.uv[..., 30:210])
    wide = Target(resized_uv(target.uv[..., 40:200, :], (110, 176)))
    image = native().render(native().encode(tall), [0, 0], Target(wide.uv.expand(2, -1, -1, -1)))
    assert image.shape == (2, 3, 110, 176)
    assert image.isfinite().all()
    assert image.min() >= 0
    assert image.max() <= 1


def test_nobody_in_the_photograph_is_no_crash() -> None:
    nobody = Source(torch.rand(1, 3, 80, 60), torch.full((1, 2, 80, 60), NAN))
    image = native().render(native().encode(nobody), [0], Target(person(0).uv))
    assert image.isfinite().all()


def test_a_pairs_image_does_not_depend_on_its_batch() -> None:
    model, people = native(), [person(n) for n in (0, 9, 18)]
    source = Source(*map(torch.cat, zip(*people, strict=True)))
    targets, index = source.uv[[1, 2, 0]], [2, 0, 1]
    together = model.render(model.encode(source), index, Target(targets))
    for k, i in enumerate(index):
        alone = model.render(model.encode(people[i]), [0], Target(targets[[k]]))
        assert torch.equal(alone[0], together[k])


def test_only_coordinates_that_g_blends_tell_where_cloth_is() -> None:
    assert reads_cloth(ModelConfig(blend=True))
    assert not reads_cloth(ModelConfig())
    assert not reads_cloth(ModelConfig(blend=True, variant="rgb-inpainting"))
    assert not reads_cloth(ModelConfig(blend=True, convention="compat"))


def test_the_hash_names_what_decides_pixels() -> None:
    networks = native().networks
    hashes = {networks.sha256, native().sha256, NativeReposer(networks, 2 * SIDE).sha256}
    assert len(hashes) == 3
