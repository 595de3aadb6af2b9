"""What the poser is trained on: skeletons and maps that are varied together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from assets import SAMPLE
from configs.train_poser import PoseAugmentation, TrainPoserConfig
from models.poser import part_of
from models.skeleton import MIRROR, POINTS
from models.uv_maps import dequantise
from tests.helpers.catalogs import write_annotations, write_catalog
from workers.data.catalog import Catalog
from workers.training.data import Batches
from workers.training.poser import found_parts
from workers.training.skeletons import MISSED, SKELETONS, training_skeletons, varied

PLAIN = PoseAugmentation.none()
WORLD = Catalog(str(SAMPLE))
NAME = WORLD.images.ids[0].as_py()
STORED, POINTS_SEEN = WORLD.stored_uv(NAME), WORLD.keypoints(NAME)
SIDE = STORED.shape[1]


def config(**changed: object) -> TrainPoserConfig:
    return TrainPoserConfig.model_validate({"catalog": str(SAMPLE), "out": "unused"} | changed)


def changed(seed: int = 0, flip: bool = False, grid: int = SIDE, **how: object) -> tuple:
    augmentation = PoseAugmentation.model_validate(PLAIN.model_dump() | how)
    return varied(POINTS_SEEN, STORED, grid, augmentation, flip, np.random.default_rng(seed))


def test_as_they_are_nothing_changes() -> None:
    skeleton, uv = changed()
    np.testing.assert_allclose(skeleton, POINTS_SEEN[:, :2], atol=1e-4)
    np.testing.assert_array_equal(uv, STORED)


def test_a_point_keeps_its_place_on_the_body() -> None:
    """However people are moved and scaled, the map says the same at their wrists and knees."""
    for seed in range(20):
        skeleton, uv = changed(seed, grid=192, scale=(0.6, 1.5), shift=0.2)
        there = dequantise(uv)
        for name in ("left_knee", "right_knee", "right_elbow", "neck"):
            n = POINTS.index(name)
            if np.isnan(skeleton[n]).any():
                continue
            x, y = np.rint(skeleton[n]).astype(int)
            u, v = np.rint(POINTS_SEEN[n, :2]).astype(int)
            expected = dequantise(STORED)[:, v - 2 : v + 3, u - 2 : u + 3].reshape(2, -1)
            if np.isfinite(expected).all():
                off = np.abs(expected - there[:, y, x, None]).max(0).min()
                assert off < 0.02, (seed, name)


def test_who_leaves_the_picture_has_no_point_there() -> None:
    skeleton, _ = changed(scale=(2, 2))
    assert np.isnan(skeleton).any()
    inside = skeleton[np.isfinite(skeleton).all(1)]
    assert (inside > -0.5).all()
    assert (inside < SIDE - 0.5).all()


def test_mirrored_people_exchange_their_sides() -> None:
    plain = changed()
    found = [changed(seed, flip=True) for seed in range(8)]
    mirrored = [pair for pair in found if not np.array_equal(pair[1], STORED)]
    assert 0 < len(mirrored) < 8
    skeleton, uv = mirrored[0]
    expected = plain[0][list(MIRROR)] * [-1, 1] + [SIDE - 1, 0]
    np.testing.assert_allclose(skeleton, expected, atol=1e-3)
    across, down = dequantise(STORED)
    np.testing.assert_allclose(dequantise(uv)[0], -across[:, ::-1], atol=1e-6)
    np.testing.assert_array_equal(dequantise(uv)[1], down[:, ::-1])


def test_points_are_missing_as_often_as_openpose_misses_them() -> None:
    there = [np.isfinite(changed(seed, missing=1)[0]).all(1) for seed in range(2000)]
    shares = dict(zip(POINTS, 1 - np.mean(there, axis=0), strict=True))
    for name, share in shares.items():
        part = name.rpartition("_")[2]
        expected = {"knee": 0.60, "ankle": 0.71, "neck": 0}.get(part, MISSED.get(part, 0))
        assert share == pytest.approx(expected, abs=0.04), name
    knees, ankles = ([POINTS.index(f"{s}_{part}") for s in ("left", "right")]
                     for part in ("knee", "ankle"))  # fmt: skip
    for seen in there:
        assert seen[knees[0]] == seen[knees[1]]
        assert seen[knees].all() or not seen[ankles].any()


def test_points_that_are_hidden_may_be_missing() -> None:
    hidden = POINTS_SEEN[:, 2] == 0
    np.testing.assert_array_equal(np.isnan(changed(hidden=1)[0]).any(1), hidden)


def test_jitter_is_measured_in_torsos() -> None:
    off = [changed(seed, jitter=0.05)[0] - POINTS_SEEN[:, :2] for seed in range(200)]
    neck, hips = POINTS.index("neck"), [POINTS.index(f"{s}_hip") for s in ("left", "right")]
    torso = np.linalg.norm(POINTS_SEEN[neck, :2] - POINTS_SEEN[hips, :2].mean(0))
    assert np.nanstd(off) == pytest.approx(0.05 * torso, rel=0.05)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    samples, lost = training_skeletons(config())
    assert (len(samples), lost) == (64, 0)
    one, other = (Batches(config(batch=3), samples, "anny", SKELETONS)[5] for _ in range(2))
    assert one.ids == other.ids
    batch, again = one.pictures.varied(), other.pictures.varied()
    assert batch.skeletons.shape == (3, 18, 2)
    assert batch.uv.shape == (3, 2, 64, 64)
    for x, y in zip(batch, again, strict=True):
        assert torch.equal(x.nan_to_num(9), y.nan_to_num(9))


def test_a_catalog_without_keypoints_is_refused(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/c", 2)
    with pytest.raises(ValueError, match="no annotations there"):
        training_skeletons(config(catalog=f"{tmp_path}/c"))
    write_annotations(f"{tmp_path}/c", [{"image_id": "somebody", "keypoints": [0.0] * 54}])
    with pytest.raises(ValueError, match="no row of uv_maps has keypoints beside it"):
        training_skeletons(config(catalog=f"{tmp_path}/c"))


def test_parts_divide_what_maps_show() -> None:
    parts = found_parts(config(parts=20), "anny")
    assert parts.centres.shape == (20, 2)
    mirrored = parts.centres * torch.tensor([-1, 1])
    assert torch.allclose(parts.centres[10:], mirrored[:10])
    for name in WORLD.images.ids.to_pylist()[::16]:
        uv = torch.from_numpy(WORLD.uv_map(name))[None]
        part = part_of(uv, parts.centres)[0]
        low, high = parts.boxes[:, part.clamp(min=0)].movedim(-1, 1)
        outside = (uv[0] < low - 0.02) | (uv[0] > high + 0.02)
        assert outside[:, part >= 0].float().mean() < 0.001
    with pytest.raises(ValueError, match="parts=21: the sheet of anny is symmetric"):
        found_parts(config(parts=21), "anny")
