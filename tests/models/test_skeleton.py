"""Bones as maps: against scikit-image's anti-aliased lines."""

import numpy as np
import torch
from skimage.draw import line_aa

from models.skeleton import BONES, MIRROR, POINTS, bone_maps, heat_maps, mirrored

SIZE = (48, 64)


def skeleton(**points: tuple[float, float]) -> torch.Tensor:
    """A skeleton (1, 18, 2) of a few points."""
    out = torch.full((1, 18, 2), torch.nan)
    for name, place in points.items():
        out[0, POINTS.index(name)] = torch.tensor(place)
    return out


def test_bones_are_lines_as_scikit_image_draws_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        (x0, x1), (y0, y1) = rng.integers(2, 62, 2), rng.integers(2, 46, 2)
        drawn = bone_maps(skeleton(left_hip=(x0, y0), left_knee=(x1, y1)), SIZE)[0]
        rows, columns, values = line_aa(y0, x0, y1, x1)
        expected = np.zeros(SIZE)
        expected[rows, columns] = values
        bone = BONES.index((POINTS.index("left_hip"), POINTS.index("left_knee")))
        np.testing.assert_allclose(drawn[bone], expected, atol=1e-4)
        assert drawn.amax((1, 2)).count_nonzero() == 1  # an end that is missing draws nothing


def test_a_bone_may_leave_the_map_and_be_a_point() -> None:
    drawn = bone_maps(skeleton(neck=(10.0, 10.0), nose=(10.0, -30.0)), SIZE)[0]
    column = drawn[BONES.index((1, 0))]
    assert column[:11, 10].tolist() == [1] * 11
    assert column.sum() == 11
    same = bone_maps(skeleton(neck=(10.5, 10.0), nose=(10.5, 10.0)), SIZE)[0, BONES.index((1, 0))]
    assert same[10, 10:12].tolist() == [0.5, 0.5]
    assert same.sum() < 1.01


def test_nineteen_bones_begin_with_the_seventeen() -> None:
    whole = torch.rand(2, 18, 2, generator=torch.Generator().manual_seed(0)) * 40
    seventeen, nineteen = bone_maps(whole, SIZE), bone_maps(whole, SIZE, bones=19)
    assert seventeen.shape == (2, 17, *SIZE)
    assert torch.equal(nineteen[:, :17], seventeen)
    assert (nineteen[:, 17:].amax((2, 3)) > 0.5).all()


def test_heat_maps_show_points_without_a_neighbour() -> None:
    maps = heat_maps(skeleton(nose=(20.0, 30.0)), SIZE)[0]
    assert maps[0, 30, 20] == 1
    assert maps[0].argmax() == 30 * SIZE[1] + 20
    assert maps[1:].abs().max() == 0


def test_a_mirror_exchanges_the_sides() -> None:
    sides = {name: POINTS[MIRROR[n]] for n, name in enumerate(POINTS)}
    assert sides["nose"] == "nose"
    for name in POINTS[2:]:
        side, part = name.split("_")
        assert sides[name] == f"{'left' if side == 'right' else 'right'}_{part}"
    there = mirrored(skeleton(left_eye=(10.0, 5.0)), 64)
    assert there[0, POINTS.index("right_eye")].tolist() == [53, 5]
    assert there.isnan().sum() == 34
