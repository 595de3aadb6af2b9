"""Left/right symmetry: the layouts' mirrors, and the completer that rests on them."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image

from models import lookup as lookup_module
from models.coordinates import meshgrid
from models.layouts import LAYOUTS, mirror_map
from models.maps import Source, Target
from models.symmetry import TEXTURE_SIZE, SymmetryReposer
from models.texture import warped_coordinates

CPU = torch.device("cpu")
NAN = float("nan")
UPWARDS = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)


@pytest.fixture(scope="module")
def reposer() -> SymmetryReposer:
    return SymmetryReposer("anny", CPU)


# --- mirrors


def test_the_symmetric_sheet_is_mirrored_at_its_middle():
    x, y = mirror_map(LAYOUTS["anny"], 8)
    np.testing.assert_array_equal(x, np.tile(np.arange(7, -1, -1), (8, 1)))
    np.testing.assert_array_equal(y, np.tile(np.arange(8)[:, None], (1, 8)))


def test_smpls_mirror_undoes_itself(lookup):
    mirror = mirror_map(LAYOUTS["smpl"], 256, lookup)
    rows, columns = np.nonzero(~np.isnan(mirror[0]))
    assert 0.7 < len(rows) / 256**2 < 0.85  # the rest of the sheet is empty
    x, y = np.rint(mirror[:, rows, columns]).astype(int)
    back = mirror[:, y, x]
    assert not np.isnan(back).any()
    assert np.quantile(np.hypot(back[0] - columns, back[1] - rows), 0.99) < 1.5


def test_smpls_mirror_is_that_of_its_mesh(lookup):
    """SMPL's triangles are their own mirror image; the mirror vertex is found through them.

    One pair of mirrored edges decides all others: walk the mesh, and the mirrored mesh the other
    way round. Then no DensePose label is needed to know where a vertex's mirror lies.
    """
    folder = lookup_module._data_folder()
    mirror_of = _mesh_mirror(folder)
    assert len(mirror_of) == 6890
    assert all(mirror_of[mirror_of[v]] == v for v in mirror_of)

    places = lookup_module._plain_pickle(folder / "normal.pickle")
    inner = [v for v in mirror_of if len(places[v]) == len(places[mirror_of[v]]) == 1]
    here, there = (
        np.array([places[v][0] for v in vertices]) * [1, -1] + [0, 1]
        for vertices in (inner, [mirror_of[v] for v in inner])
    )
    mirror = mirror_map(LAYOUTS["smpl"], 256, lookup)
    x, y = np.rint(here * 255).astype(int).T
    distance = np.hypot(*(mirror[:, y, x] - there.T * 255))
    assert np.isnan(distance).mean() < 0.03
    assert np.nanmedian(distance) < 1
    assert np.nanquantile(distance, 0.95) < 3


def _mesh_mirror(folder: Path) -> dict[int, int]:
    mesh = scipy.io.loadmat(folder / "UV_Processed.mat")
    vertex = mesh["All_vertices"][0].astype(int) - 1
    corners = mesh["All_Faces"].astype(int) - 1
    faces, chart = vertex[corners], mesh["All_FaceIndices"][:, 0]
    opposite = {}
    for a, b, c in faces.tolist():
        opposite |= {(a, b): c, (b, c): a, (c, a): b}
    # Two edges that mirror each other: charts 9 and 10 lie over each other.
    place = np.stack([mesh["All_U_norm"][:, 0], mesh["All_V_norm"][:, 0]], axis=-1)
    first = corners[chart == 9][0]
    others = np.unique(corners[chart == 10])
    seed = [others[np.square(place[others] - place[c]).sum(-1).argmin()] for c in first[:2]]
    a, b = vertex[first[:2]].tolist()
    mirror_of = dict(zip((a, b), vertex[seed].tolist(), strict=True))
    edges, seen = [(a, b)], set()
    while edges:
        a, b = edges.pop()
        if (a, b) in seen or (a, b) not in opposite:
            continue
        seen.add((a, b))
        c = opposite[a, b]
        mirrored = opposite[mirror_of[b], mirror_of[a]]
        assert mirror_of.setdefault(c, mirrored) == mirrored
        edges += [(c, b), (a, c)]
    return mirror_of


def test_a_mirror_through_charts_needs_the_lookup():
    with pytest.raises(ValueError, match="needs the DensePose lookup"):
        mirror_map(LAYOUTS["smpl"], 256)


# --- the completer


def _photograph(size: int = 256) -> torch.Tensor:
    """Smooth and different everywhere, (1, 3, size, size)."""
    x, y = (meshgrid(size, size)[0] + 1) / 2
    return torch.stack([x, y, (x + y) / 2])[None]


def _left_only(size: int = 256) -> torch.Tensor:
    """A UV map whose pixels name themselves, defined on a patch left of the middle."""
    uv = meshgrid(size, size)
    u, v = uv[0]
    return uv.where((u > -0.8) & (u < -0.2) & (v.abs() < 0.7), NAN)


def _core(uv: torch.Tensor, margin: int = 4) -> torch.Tensor:
    """The pixels (H, W) of the body that are further than `margin` from its outline."""
    off = uv.isnan().any(dim=1, keepdim=True).float()
    return torch.nn.functional.max_pool2d(off, 2 * margin + 1, 1, margin)[0, 0] == 0


def test_a_seen_texel_shows_the_photograph(reposer):
    photograph, uv = _photograph(), _left_only()
    image = reposer.render(reposer.encode(Source(photograph, uv)), [0], Target(uv))
    core = _core(uv)
    assert (image - photograph)[0, :, core].abs().max() < 0.01


def test_an_unseen_texel_shows_its_mirror(reposer):
    photograph, uv = _photograph(), _left_only()
    unseen = uv * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)  # in each pixel its mirror's texel
    image = reposer.render(reposer.encode(Source(photograph, uv)), [0], Target(unseen))
    core = _core(uv)
    assert (image - photograph)[0, :, core].abs().max() < 0.02


def test_an_unseen_back_shows_the_front():
    """With a table that exchanges the sheet's upper and lower half, rows upside down."""
    y, x = np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE].astype(np.float32)
    reposer = SymmetryReposer("anny", CPU, opposite=np.stack([x, TEXTURE_SIZE - 1 - y]))
    photograph, uv = _photograph(), _left_only()
    uv = uv.where(uv[:, 1:] > 0.1, NAN)
    image = reposer.render(reposer.encode(Source(photograph, uv)), [0], Target(uv * UPWARDS))
    core = _core(uv)
    assert (image - photograph)[0, :, core].abs().max() < 0.02
    assert reposer.sha256 != SymmetryReposer("anny", CPU).sha256


def test_what_has_no_mirror_shows_the_nearest_texel(reposer):
    photograph = _photograph()
    state = reposer.encode(Source(photograph, _left_only()))
    beyond = torch.full((1, 2, 1, 1), 0.0)
    beyond[0, :, 0, 0] = torch.tensor([-0.5, 0.95])  # below the patch
    colour = reposer.render(state, [0], Target(beyond))[0, :, 0, 0]
    expected = torch.tensor([0.25, 0.85, 0.55])  # straight above, on the patch's lower edge
    assert (colour - expected).abs().max() < 0.03


def test_off_the_body_lies_the_background():
    reposer = SymmetryReposer("anny", CPU, background=(255, 0, 51))
    uv = _left_only(64)
    image = reposer.render(reposer.encode(Source(_photograph(64), uv)), [0], Target(uv))
    off = uv.isnan().any(dim=1)[0]
    expected = torch.tensor([1, 0, 0.2])[:, None].expand(3, int(off.sum()))
    torch.testing.assert_close(image[0][:, off], expected)


def test_the_background_of_the_photograph_stays_out(reposer):
    """The source map is 2 pixels too large on every side, as DensePose's maps are."""
    uv = _left_only()
    photograph = (~_core(uv, 2)).float().expand(1, 3, -1, -1)  # all black before a white wall
    image = reposer.render(reposer.encode(Source(photograph, uv)), [0], Target(meshgrid(256, 256)))
    assert image.max() < 0.01


def test_sizes_are_free(reposer):
    uv = _left_only(64)
    state = reposer.encode(Source(_photograph(64)[..., :48], uv[..., :48]))
    target = Target(uv[..., :32].expand(2, -1, -1, -1))
    assert reposer.render(state, [0, 0], target).shape == (2, 3, 64, 32)


def test_nobody_in_the_photograph_is_no_crash(reposer):
    nobody = torch.full((1, 2, 32, 32), NAN)
    state = reposer.encode(Source(_photograph(32), nobody))
    image = reposer.render(state, [0], Target(meshgrid(32, 32)))
    assert torch.isfinite(image).all()


def test_no_coordinate_is_a_mean_across_a_seam():
    coordinates = torch.full((1, 2, TEXTURE_SIZE, TEXTURE_SIZE), -0.9)
    coordinates[..., 100:] = 0.9
    across = meshgrid(64, 999)
    sampled = warped_coordinates(coordinates, across)
    torch.testing.assert_close(sampled.abs(), torch.full_like(sampled, 0.9))


def test_a_pairs_image_does_not_depend_on_its_batch(reposer):
    photographs = torch.cat([_photograph(64), 1 - _photograph(64), _photograph(64).flip(-1)])
    uv = torch.cat([_left_only(64), _left_only(64).roll(3, -1), _left_only(64) * 0.9])
    index = [2, 0, 1, 1]
    targets = uv[[0, 1, 2, 0]]
    together = reposer.render(reposer.encode(Source(photographs, uv)), index, Target(targets))
    for k, source in enumerate(index):
        state = reposer.encode(Source(photographs[[source]], uv[[source]]))
        assert torch.equal(reposer.render(state, [0], Target(targets[[k]]))[0], together[k])


def test_the_hash_names_what_decides_pixels(reposer):
    assert reposer.sha256 == SymmetryReposer("anny", CPU).sha256
    assert reposer.sha256 != SymmetryReposer("anny", CPU, background=(0, 0, 0)).sha256
    assert len(reposer.sha256) == 64


@pytest.mark.real
def test_real_photographs_come_back_in_their_own_pose(lookup, real):
    """Median error of a colour on the body below 6 of 255, on every real sample."""
    reposer = SymmetryReposer("smpl", CPU, lookup)
    for path in sorted((real / "official_samples/source_img").glob("*.jpg")):
        pixels = np.array(Image.open(path), np.float32) / 255
        photograph = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        array = np.load(real / f"official_samples/source_uv/{path.stem}.npy")
        uv = torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1)[None]
        image = reposer.render(reposer.encode(Source(photograph, uv)), [0], Target(uv))
        body = ~uv.isnan().any(dim=1)[0]
        error = (image - photograph)[0, :, body].abs() * 255
        assert error.median() < 6


@pytest.mark.parametrize("layout", ["prnet", "face468"])
def test_gaps_between_the_texels_that_a_face_shows_are_no_unseen_texels(layout: str) -> None:
    """A face of 64 pixels on a sheet of 256 texels, dark to the left and light to the right."""
    places = torch.linspace(-0.8, 0.8, 64)
    v, u = torch.meshgrid(places, places + 0.01, indexing="ij")
    photograph = ((u + 1) / 2).expand(1, 3, 64, 64)
    uv = torch.stack([u, v])[None]
    between = uv + 0.4 / 64  # where none of the photograph's pixels lies
    reposer = SymmetryReposer(layout, CPU)
    image = reposer.render(reposer.encode(Source(photograph, uv)), [0], Target(between))
    off = (image - (between[:, :1] + 1) / 2).abs()[..., 4:-4, 4:-4]
    assert off.max() < 0.03
