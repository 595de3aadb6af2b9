"""Bodies fitted to real photographs: which way people face, and DensePose's opinion of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bench.bodyfit import uv_map
from configs.bodyfit import BodyFit
from models.iuv import iuv_from_image
from tests.helpers.body_parts import parts_of_iuv, parts_of_uv
from workers.data.images import decode
from workers.extraction.bodyfit.people import BodyFitter, FittedPerson

PAIRS = (50, 54, 57, 101, 103, 105, 107, 109, 111, 113, 115, 117, 119, 121, 123, 125)
# Degrees of yaw by eye: 0 faces the camera, 90 the picture's right, 180 away. Others face it.
YAWS = {
    "54_source": 75, "57_target": -60, "103_source": 110, "105_target": 180, "107_target": 180,
    "111_target": 100, "113_target": -75, "115_source": 120, "115_target": 180, "117_source": -70,
    "119_source": 75, "119_target": 165, "123_source": -40, "125_source": 120,
    "WOMEN#Blouses_Shirts#id_00000442#01_2_side": -70,
    "WOMEN#Cardigans#id_00003686#03_3_back": -130,
    "WOMEN#Dresses#id_00000106#03_7_additional": 130,
    "WOMEN#Dresses#id_00001674#02_3_back": 180,
    "fashionWOMENDressesid0000262902_3back": 180,
}  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(1800)]


class Fitted(NamedTuple):
    """A photograph with the people found on it."""

    path: Path
    pixels: np.ndarray
    people: list[FittedPerson]


@pytest.fixture(scope="module")
def photographs(real: Path) -> dict[str, Fitted]:
    paths = [real / f"sidebyside/{n}_{side}.png" for n in PAIRS for side in ("source", "target")]
    paths += sorted((real / "official_samples/source_img").glob("*.jpg"))
    paths += [p for p in sorted((real / "pose_with_style").glob("*.png"))
              if p.with_name(f"{p.stem}_sil.png").exists()]  # fmt: skip
    fitter, fitted = BodyFitter(BodyFit()), {}
    for start in range(0, len(paths), 8):
        some = paths[start : start + 8]
        pixels = [decode(path.read_bytes(), 10**8) for path in some]
        people = fitter(pixels, [None] * len(some))
        found = map(Fitted, some, pixels, people)
        fitted |= {one.path.stem: one for one in found}
    return fitted


def test_everybody_is_found_the_right_way_round(photographs: dict[str, Fitted]) -> None:
    assert len(photographs) == 40
    assert [name for name, fitted in photographs.items() if not fitted.people] == []
    wrong = [
        name
        for name, fitted in photographs.items()
        if np.cos(fitted.people[0].fit.reading.yaw - np.radians(YAWS.get(name, 0))) <= 0
    ]
    assert len(wrong) <= 1, wrong


def test_joints_lie_where_they_are_seen(photographs: dict[str, Fitted]) -> None:
    off = []
    for fitted in photographs.values():
        fit, inside = fitted.people[0].fit, fitted.people[0].sighting.photograph
        limbs = np.r_[11:17, 25:29]
        points = fit.reading.points[limbs]
        seen = (fit.reading.visible[limbs] > 0.5) & np.all(
            (points > inside[:2]) & (points < inside[2:]), axis=1
        )
        error = np.linalg.norm(fit.landmarks[limbs] - points, axis=1)[seen]
        off.append(error.mean() / fit.pixels_a_metre)
    assert np.mean(off) < 0.012  # metres


def test_densepose_agrees(photographs: dict[str, Fitted], real: Path) -> None:
    overlaps, shares = [], []
    for name, fitted in photographs.items():
        files = (real / "official_samples/source_iuv" / f"{name}_IUV.png",
                 fitted.path.with_name(f"{name}_iuv.png"))  # fmt: skip
        for file in filter(Path.exists, files):
            iuv = iuv_from_image(decode(file.read_bytes(), 10**8))
            theirs = parts_of_iuv(iuv[..., 0])
            ours = parts_of_uv(uv_map(fitted.people[0], fitted.pixels.shape[:2]))
            both, either = (ours > 0) & (theirs > 0), (ours > 0) | (theirs > 0)
            overlaps.append(both.sum() / either.sum())
            shares.append((ours == theirs)[both].mean())
    assert len(overlaps) == 8
    assert np.mean(overlaps) >= 0.86
    assert np.mean(shares) >= 0.81
