"""The sample world: exact UV maps, honest labels, pictures that depend on nothing but their key."""

import io
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from configs.synthesize import SynthesizeConfig
from models.raster import interpolate, rasterise
from models.uv_maps import dequantise
from pipelines.synthesize import TABLES
from tests.conftest import ROOT
from workers.data.tables import SCHEMAS
from workers.map_errors import places
from workers.shards.shard import made_tables
from workers.synthesis import SynthesizeWorker, image_ids
from world import bodies, figures, labels, scene, sides, studio, wardrobe
from world.fabrics import PATTERNS, Fabric
from world.keypoints import EYE, NAMES

SAMPLE = ROOT / "assets" / "sample"
SIZE = 96


def photograph(item: int = 0, number: int = 0, seed: int = 5) -> scene.Photograph:
    figure = figures.dress(wardrobe.look(seed, item, item))
    return scene.render(figure, studio.view(seed, item, number), SIZE)


@pytest.fixture(scope="module")
def front() -> scene.Photograph:
    return photograph(number=0)


@pytest.fixture(scope="module")
def back() -> scene.Photograph:
    return photograph(number=3)


# The rasteriser


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_attributes_are_perspective_correct(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-1, 1, (3, 3)) + np.array((0, 0, 3))
    screen = np.stack(
        [
            16 + 20 * corners[:, 0] / corners[:, 2],
            16 + 20 * corners[:, 1] / corners[:, 2],
            corners[:, 2],
        ],
        axis=1,
    )
    faces = np.array([[0, 1, 2]], np.int32)
    face, weights, depth = rasterise(screen, faces, 32, 32)
    rows, columns = np.nonzero(face >= 0)
    points = interpolate(corners, faces, face[rows, columns], weights[rows, columns])
    # The interpolated 3D point projects to the centre of its own pixel.
    np.testing.assert_allclose(16 + 20 * points[:, 0] / points[:, 2], columns, atol=1e-6)
    np.testing.assert_allclose(16 + 20 * points[:, 1] / points[:, 2], rows, atol=1e-6)
    np.testing.assert_allclose(points[:, 2], depth[rows, columns])


def test_the_nearest_triangle_wins_whatever_the_order() -> None:
    near = np.array([[0.0, 0, 1], [9, 0, 1], [0, 9, 1]])
    screen = np.concatenate([near + np.array((0, 0, 1)), near])
    for faces in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        face, _, depth = rasterise(screen, np.array(faces, np.int32), 10, 10)
        assert depth[2, 2] == 1
        assert faces[face[2, 2]] == [3, 4, 5]
        assert face[9, 9] == -1


# The body and its sheet


def test_sheet_is_its_own_mirror_image() -> None:
    sheet = bodies.template().sheet
    assert sheet.residual < 2e-3  # half a texel of a 256-texel texture
    mirrored = sheet.uv[sheet.mirror] * [-1, 1] + [1, 0]
    np.testing.assert_allclose(mirrored, sheet.uv, atol=5e-4)
    left = bodies.template().canonical[sheet.faces, 0].mean(1) > 0.01
    assert (sheet.uv[sheet.uv_faces][left, :, 0] > 0.5).mean() > 0.999
    assert 0 < sheet.uv.min() < sheet.uv.max() < 1


def test_traits_shape_the_body() -> None:
    def height(traits: bodies.Traits) -> float:
        return float(np.ptp(bodies.rest(traits).vertices[bodies.template().kept, 2]))

    assert height(bodies.Traits(height=0.8)) > height(bodies.Traits(height=0.3)) + 0.1
    assert 1.5 < height(bodies.Traits(gender=1.0)) < height(bodies.Traits(gender=0.0)) < 2.1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_rest_shapes_are_annys_own(tmp_path, monkeypatch) -> None:
    anny = pytest.importorskip("anny")
    monkeypatch.setattr(anny.paths, "_ANNY_CACHE_DIR", [tmp_path])
    model = anny.Anny(phenotypes="all")
    traits = bodies.Traits(gender=0.9, age=0.3, weight=0.7, asian=0.0, height=0.6)
    values = {name: value for name, value in vars(traits).items() if name != "age"}
    theirs = model(phenotype_kwargs=values | {"age": 2 / 3 + traits.age / 3})["rest_vertices"][0]
    ours = bodies.rest(traits).vertices[model.base_mesh_vertex_indices.numpy()]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


# One photograph


def test_uv_maps_are_exact(front: scene.Photograph) -> None:
    """Look a pixel's texture coordinate up on the sheet, and project that place of the body."""
    sheet = bodies.template().sheet
    rows, columns = np.nonzero(~np.isnan(front.uv[..., 0]))
    chosen = np.random.default_rng(0).choice(len(rows), 200, replace=False)
    corners = sheet.uv[sheet.uv_faces].astype(np.float64)
    for row, column in zip(rows[chosen], columns[chosen], strict=True):
        u, v = front.uv[row, column].astype(np.float64)
        point = np.array([(u + 1) / 2, (1 - v) / 2])
        places = _places_at(point, corners, sheet.faces, front.vertices)
        screen = front.camera.project(places)[:, :2]
        assert np.linalg.norm(screen - [column, row], axis=1).min() < 0.5


def _places_at(point, corners, faces, vertices) -> np.ndarray:
    """3D places of every triangle of the sheet that holds a point (seams are shared)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        wb = _cross(point - a, c - a) / _cross(b - a, c - a)
        wc = _cross(b - a, point - a) / _cross(b - a, c - a)
    inside = (wb >= -1e-3) & (wc >= -1e-3) & (wb + wc <= 1 + 1e-3)
    assert inside.any()
    weights = np.stack([1 - wb - wc, wb, wc], axis=1)[inside]
    return (vertices[faces[inside]] * weights[..., None]).sum(1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def test_labels_cover_the_body_and_name_what_is_worn(front: scene.Photograph) -> None:
    on_body = ~np.isnan(front.uv[..., 0])
    assert (front.labels[on_body] != labels.BACKGROUND).mean() > 0.98
    assert set(np.unique(front.labels)) <= set(labels.NAMES)
    assert {labels.BACKGROUND, labels.FACE, labels.HAIR, labels.SHOES} <= set(
        np.unique(front.labels)
    )
    # Hair, skirts and shoes reach beyond the body, and have no UV there.
    assert (front.labels[~on_body] == labels.HAIR).any()


def test_keypoints_know_left_from_right(front, back) -> None:
    at = {name: n for n, name in enumerate(NAMES)}
    seen, turned = front.keypoints, back.keypoints
    assert seen[at["nose"], 2] == 1
    assert turned[at["nose"], 2] == 0
    for part in ("shoulder", "hip"):
        assert seen[at[f"left_{part}"], 0] > seen[at[f"right_{part}"], 0]
        assert turned[at[f"left_{part}"], 0] < turned[at[f"right_{part}"], 0]
    assert seen[at["nose"], 1] < seen[at["neck"], 1] < seen[at["left_hip"], 1]
    column, row = np.rint(seen[at["nose"], :2]).astype(int)
    assert front.labels[row, column] == labels.FACE


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_patterns_are_colours(pattern: str) -> None:
    fabric = Fabric(pattern, ((0.2, 0.3, 0.5), (0.9, 0.9, 0.8), (0.8, 0.2, 0.1)), 0.05, 3, "HI")
    rng = np.random.default_rng(0)
    cloth = rng.uniform(-0.3, 0.6, (4000, 2))
    points = np.stack([cloth[:, 0], np.full(4000, -0.1), cloth[:, 1]], axis=1)
    colours = fabric.paint(cloth, points)
    assert colours.shape == (4000, 3)
    assert 0 <= colours.min() <= colours.max() <= 1
    spread = colours.std(0).max()
    assert spread < 0.05 if pattern == "plain" else spread > 0.03


# The worker


@pytest.mark.parametrize("stock", ["training", "held_out"])
def test_bold_fabrics_leave_no_garment_plain_and_keep_to_their_stock(stock: str) -> None:
    palettes, _ = wardrobe.STOCKS[stock]
    for item in range(60):
        mixed = wardrobe.look(3, item, item, stock)
        bold = wardrobe.look(3, item, item, stock, "bold")
        clothes, before = (
            [g for g in look.layers if g.label not in (labels.SHOES, labels.SOCKS)]
            for look in (bold, mixed)
        )
        assert {g.fabric.pattern for g in clothes} <= set(wardrobe.BOLD)
        for garment in clothes:
            assert len(set(garment.fabric.colours)) == 3
            assert any(set(garment.fabric.colours[1:]) <= set(p) for p in palettes)
        if bold.skirt:
            assert bold.skirt.fabric in [g.fabric for g in clothes]
        assert [(g.kind, g.hem) for g in clothes] == [(g.kind, g.hem) for g in before]
        assert (bold.traits, bold.hair) == (mixed.traits, mixed.hair)


@pytest.mark.parametrize("uv", ["body", "mixed"])
def test_rows_depend_on_their_key_alone(uv: Literal["body", "mixed"]) -> None:
    config = SynthesizeConfig(
        out="unused", items=2, views=2, size=64, seed=11, uv=uv, uv_noise=0.08
    )
    keys = image_ids(config)
    assert keys[:3] == ["item-000000_view-00", "item-000000_view-01", "item-000001_view-00"]
    together = made_tables(TABLES, SynthesizeWorker(config)([(key,) for key in keys]))
    alone = [made_tables(TABLES, SynthesizeWorker(config)([(key,)])) for key in reversed(keys)]
    for name, table in together.items():
        assert table.schema.equals(SCHEMAS[name], check_metadata=True)
        assert pa.concat_tables([tables[name] for tables in reversed(alone)]).equals(table)
    pairs = set(zip(*together["pairs"].to_pydict().values(), strict=True))
    assert pairs == {(a, b) for a in keys for b in keys if a != b and a[:11] == b[:11]}


def test_other_seeds_are_other_worlds() -> None:
    rows = [
        next(
            SynthesizeWorker(SynthesizeConfig(out="unused", size=64, seed=seed))(
                [("item-000000_view-00",)]
            )
        )
        for seed in (0, 1)
    ]
    assert rows[0]["images"][0]["image"] != rows[1]["images"][0]["image"]


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="'photo7' is no image of the sample world"):
        next(SynthesizeWorker(SynthesizeConfig(out="unused"))([("photo7",)]))


# Front and back


@pytest.fixture(scope="module")
def both_sides() -> tuple[np.ndarray, np.ndarray]:
    """The places (N, 3) of texels that have an opposite, and those of the opposites."""
    size = 256
    there = sides.opposite(size)
    row, column = np.nonzero(~np.isnan(there[0]))
    here = places(texels_as_uv(np.stack([column, row], axis=-1), size))
    return here, places(texels_as_uv(np.moveaxis(there, 0, -1)[row, column], size))


def test_the_other_side_lies_straight_behind(both_sides) -> None:
    """A place of torso and limbs and its opposite share x and z, and are far apart in y."""
    here, other = (points[both_sides[0][:, 2] < 0.7] for points in both_sides)
    assert len(here) > 10_000
    off = np.abs(other - here)
    assert np.median(off[:, [0, 2]].max(1)) < 0.005
    assert np.quantile(off[:, [0, 2]].max(1), 0.95) < 0.02
    torso = (np.abs(here[:, 0]) < 0.08) & (here[:, 2] > 0.1) & (here[:, 2] < 0.5)
    assert off[torso, 1].min() > 0.1
    assert (np.sign(other[torso, 1]) != np.sign(here[torso, 1])).mean() > 0.99


def test_behind_a_face_there_is_hair(both_sides) -> None:
    """Of the head only the back has an opposite: the crown as it is seen from before."""
    here, other = (points[both_sides[0][:, 2] > 0.85] for points in both_sides)
    assert len(here) > 1_000
    assert (here[:, 1] > EYE[1] + 0.05).mean() > 0.98  # but for folds of eyelids and nostrils
    assert (other[:, 2] > EYE[2] + 0.04).mean() > 0.99
    assert (np.abs(other[:, 0]) < np.abs(here[:, 0]).max() / 2).mean() > 0.99


def texels_as_uv(texels: np.ndarray, size: int) -> np.ndarray:
    """Texels (N, 2) -> UV coordinates in [-1, 1]."""
    return texels / (size - 1) * 2 - 1


# The bundled sample


@pytest.fixture(scope="module")
def sample() -> dict[str, list[dict]]:
    return {
        name: pq.read_table(SAMPLE / name).to_pylist()
        for name in ("images", "uv_maps", "annotations", "pairs")
    }


def test_sample_is_a_catalog(sample) -> None:
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    for name in sample:
        schema = pq.read_schema(next((SAMPLE / name).glob("*.parquet")))
        assert schema.equals(SCHEMAS[name], check_metadata=False)
    ids = [row["image_id"] for row in sample["images"]]
    assert len(ids) >= 48
    for name in ("uv_maps", "annotations"):
        assert [row["image_id"] for row in sample[name]] == ids
    items = {row["image_id"]: row["item_id"] for row in sample["images"]}
    expected = {(a, b) for a in ids for b in ids if a != b and items[a] == items[b]}
    assert {(row["from"], row["to"]) for row in sample["pairs"]} == expected


def test_sample_shows_one_texture_in_every_view(sample) -> None:
    """What two views of an item see at one place of the body has one colour, hair apart."""
    rows = list(zip(*(sample[n] for n in ("images", "uv_maps", "annotations")), strict=True))
    textures = [_texture(*row) for row in rows]
    items = [row[0]["item_id"] for row in rows]
    same, other = [], []
    for a in range(len(rows)):
        for b in range(a):
            difference = np.abs(textures[a] - textures[b])
            seen = difference[~np.isnan(difference).any(2)]
            if len(seen) > 50:
                (same if items[a] == items[b] else other).append(float(np.median(seen)))
    # Light differs from view to view, cloth does not.
    assert np.median(same) < 25
    assert np.median(same) < 0.4 * np.median(other)


def _texture(image: dict, uv_map: dict, annotation: dict, side: int = 48) -> np.ndarray:
    """Mean colour (side, side, 3) a texel of garments and skin; NaN where none is seen."""
    pixels = np.asarray(Image.open(io.BytesIO(image["image"]["bytes"])), np.float64)
    codes = np.asarray(Image.open(io.BytesIO(annotation["segmentation"]["bytes"])))
    shape = (2, uv_map["height"], uv_map["width"])
    uv = dequantise(np.frombuffer(uv_map["uv"], "<u2").reshape(shape))
    on_body = ~np.isnan(uv[0]) & np.isin(codes, [labels.TOP, labels.TROUSERS, labels.SKIN])
    texel = np.rint((uv[:, on_body] + 1) / 2 * (side - 1)).astype(int)
    total, count = np.zeros((side, side, 3)), np.zeros((side, side, 1))
    np.add.at(total, (texel[1], texel[0]), pixels[on_body])
    np.add.at(count, (texel[1], texel[0]), 1)
    with np.errstate(invalid="ignore"):
        return total / np.where(count > 0, count, np.nan)
