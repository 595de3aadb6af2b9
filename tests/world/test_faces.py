"""The world of faces: heads in portrait, and what is true about them."""

import numpy as np
import pytest

from configs.synthesize import SynthesizeConfig
from models.raster import interpolate, rasterise
from models.uv_maps import dequantise
from tests.helpers.face468 import mesh
from workers.face468_map import face_map, points
from workers.faces import FaceWorker, image_ids
from workers.shards.shard import Rows
from world import bodies, expressions, figures, heads, labels, portraits, scene, wardrobe
from world.keypoints import EYE
from world.poses import Pose

SIZE = 96
STILL = portraits.view(0, 0, 0)[0]


@pytest.fixture(scope="module")
def somebody() -> figures.Figure:
    return figures.dress(wardrobe.look(0, 2, 2))


def portrait(
    figure: figures.Figure, expression: expressions.Expression, yaw: float = 0.0, pitch: float = 0.0
) -> scene.Photograph:
    view = scene.View(Pose(head=(yaw, pitch, 0.0)), 0.0, "portrait", 1.0, STILL.studio)
    return scene.render(heads.expressive(figure, expression), view, SIZE)


def world(**keys: object) -> SynthesizeConfig:
    return SynthesizeConfig.model_validate({"what": "faces", "out": "unused", **keys})


def rows(config: SynthesizeConfig) -> list[Rows]:
    return list(FaceWorker(config)([(key,) for key in image_ids(config)]))


def test_maps_are_those_of_the_surface_before_the_camera(somebody: figures.Figure) -> None:
    """Each texel's point of the body, projected, is at the pixel that shows it."""
    photograph = portrait(somebody, {"mouthSmileLeft": 1.0}, yaw=0.6)
    sheet = bodies.template().sheet
    face, weights, _ = rasterise(sheet.screen(512), sheet.uv_faces, 512, 512)
    points = np.full((512, 512, 3), np.nan)
    on = face >= 0
    points[on] = interpolate(photograph.vertices, sheet.faces, face[on], weights[on])
    row, column = np.nonzero(~np.isnan(photograph.uv).any(axis=-1))
    texel = np.rint((photograph.uv[row, column] + 1) / 2 * 511).astype(int)
    back = photograph.camera.project(points[texel[:, 1], texel[:, 0]])
    off = np.hypot(back[:, 0] - column, back[:, 1] - row)
    assert len(row) > 3000
    assert np.nanmedian(off) < 0.5


def test_an_open_mouth_is_no_skin_and_shows_no_background(somebody: figures.Figure) -> None:
    closed, opened = (portrait(somebody, {"jawOpen": share}) for share in (0.0, 0.8))
    hole = np.isnan(opened.uv[..., 0]) & ~np.isnan(closed.uv[..., 0])
    middle = np.zeros_like(hole)
    middle[SIZE // 3 : -SIZE // 8, SIZE // 3 : -SIZE // 3] = True
    hole &= middle
    assert hole.sum() > 60
    inside = opened.pixels[hole].astype(float)
    assert inside.mean(axis=-1).min() < 90  # dark
    assert inside[:, 0].mean() > inside[:, 2].mean()  # red
    assert (opened.labels[hole] > 0).all()


def test_lids_close_over_the_eyes(somebody: figures.Figure) -> None:
    def on_eyes(share: float) -> int:
        uv = portrait(somebody, {"eyeBlinkLeft": share, "eyeBlinkRight": share}).uv
        u, v = np.abs(uv[..., 0]), uv[..., 1]
        return int(((u > 0.38) & (u < 0.49) & (v > -0.21) & (v < -0.13)).sum())

    assert on_eyes(0.0) > 25
    assert on_eyes(1.0) == 0


@pytest.mark.parametrize("yaw", [-1.0, -0.4, 0.0, 0.7])
def test_the_facing_is_where_the_head_was_turned(somebody: figures.Figure, yaw: float) -> None:
    x, y, _ = portrait(somebody, {}, yaw=yaw).looks
    assert np.arctan2(x, -y) == pytest.approx(yaw, abs=1e-6)
    assert portrait(somebody, {}, pitch=0.3).looks[2] < -0.25


def test_a_video_moves_slowly_and_stays_within_its_bounds() -> None:
    made = rows(world(items=1, views=40, size=64))
    facing = np.array([row["faces"][0]["facing"] for row in made])
    assert np.linalg.norm(facing, axis=1) == pytest.approx(1, abs=1e-5)
    steps = np.degrees(np.arccos(np.clip((facing[1:] * facing[:-1]).sum(axis=1), -1, 1)))
    assert 0.2 < steps.max() < 20
    assert np.degrees(np.abs(np.arctan2(facing[:, 0], facing[:, 2]))).max() < 75
    assert (facing[:, 2] > 0.3).all()


def test_stocks_are_other_people() -> None:
    names = {
        stock: image_ids(world(items=2, views=2, stock=stock)) for stock in ("training", "held_out")
    }
    assert names["held_out"][3] == "held-out-face-000001_frame-000006"
    assert not set(names["training"]) & set(names["held_out"])
    pictures = [
        rows(world(items=1, views=1, size=64, stock=s))[0]["images"][0]["image"]["bytes"]
        for s in names
    ]
    assert pictures[0] != pictures[1]


def test_rows_depend_on_their_key_alone() -> None:
    config = world(items=2, views=2, size=64)
    one, other = FaceWorker(config), FaceWorker(config)
    keys = [(key,) for key in image_ids(config)]
    forwards, backwards = list(one(keys)), list(other(keys[::-1]))[::-1]
    assert forwards == backwards
    uv = np.frombuffer(forwards[0]["uv_maps"][0]["uv"], "<u2").reshape(2, 64, 64)
    assert (~np.isnan(dequantise(uv))).mean() > 0.3
    assert forwards[0]["uv_maps"][0]["layout"] == "anny"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"uv": "person"}, "uv is a key of what=people"),
        ({"what": "people", "layout": "face468"}, "what=faces"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        world(**keys)


# The layout face468

UPPER_LIP, LOWER_LIP, UPPER_LID, LOWER_LID = 13, 14, 159, 145
RIGHT_EYE, LEFT_EYE, NOSE_TIP, CHIN = 33, 263, 1, 152  # of the person: outer corners


def test_the_468_points_lie_on_their_places() -> None:
    canonical = bodies.template().canonical.astype(float)
    places = points(canonical)
    assert places[[RIGHT_EYE, LEFT_EYE], 0] == pytest.approx([-0.046, 0.046], abs=0.006)
    assert places[[RIGHT_EYE, LEFT_EYE], 2] == pytest.approx(EYE[2], abs=0.006)
    assert places[NOSE_TIP] == pytest.approx([0, -0.172, 0.861], abs=0.008)
    assert places[CHIN, 2] == pytest.approx(places[:, 2].min(), abs=1e-3)
    u = mesh().uv[:, 0]
    across = np.abs(u) > 0.1
    assert (np.sign(places[across, 0]) == np.sign(u[across])).all()


def test_the_468_points_move_with_lips_and_lids() -> None:
    still = bodies.template().canonical
    opened = points(expressions.moved(still, {"jawOpen": 0.7}).astype(float))
    blinking = points(
        expressions.moved(still, {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}).astype(float)
    )
    assert opened[UPPER_LIP, 2] - opened[LOWER_LIP, 2] > 0.015
    apart = points(still.astype(float))
    assert apart[UPPER_LID, 2] - apart[LOWER_LID, 2] > 0.006
    assert blinking[UPPER_LID, 2] - blinking[LOWER_LID, 2] < 0.003


def test_maps_of_face468_cover_the_face_alone(somebody: figures.Figure) -> None:
    mesh()
    frontal, turned = (portrait(somebody, {}, yaw=yaw) for yaw in (0.0, 0.9))
    uv, other = face_map(frontal), face_map(turned)
    on = ~np.isnan(uv[..., 0])
    assert 0.2 < on.mean() < 0.6
    assert (frontal.labels[on] == labels.FACE).mean() > 0.8  # the rest lies under hair
    # u grows from the person's right to the left, which is rightwards in the picture.
    row = uv[SIZE // 2, on[SIZE // 2], 0]
    assert (np.diff(row) > 0).all()
    assert (~np.isnan(other[..., 0])).sum() < on.sum()
    # Turned to the picture's right, the person's right side is seen.
    assert np.nanmean(other[..., 0]) < -0.15


def test_worlds_of_face468_hold_such_maps() -> None:
    mesh()
    (row,) = rows(world(items=1, views=1, size=64, layout="face468"))
    (found,) = row["uv_maps"]
    assert found["layout"] == "face468"
    uv = dequantise(np.frombuffer(found["uv"], "<u2").reshape(2, 64, 64))
    assert 0.15 < (~np.isnan(uv[0])).mean() < 0.7
