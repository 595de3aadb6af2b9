"""The field's file names become pairs."""

import numpy as np
import pytest

from eval.naming import FilePair, pair_folders, side_by_side, split_strip, strips
from workers.data.names import canonical_key

A, B = "fashionWOMENDressesid0000010603_1front", "fashionWOMENDressesid0000010603_2side"
ID = "womendressesid00000106031front__womendressesid00000106032side"


@pytest.mark.parametrize(
    "name",
    [
        f"{A}.jpg_{B}.jpg.png",
        f"{A}.jpg_to_{B}.jpg.png",
        f"{A}.jpg_2_{B}.jpg_vis.jpg",
        f"{A}.bmp_to_{B}.tif.gif",
        f"{A}.jpg___{B}.jpg_vis.jpg",
        f"deep{A}_2_deep{B}.png",
        f"epoch-9/{A}_2_{B}.png",
        rf"out\{A}.jpg_to_{B}.jpg.png",
        f"{A}.jpg___{B}.jpg.png",
        f"{A}_2_{B}_vis.jpg",
        f"{A}_2_{B}.png",
        f"{A}_to_{B}.png",
        f"{A}__{B}.png",
        f"{A}_{B}.png",
        "WOMEN#Dresses#id_00000106#03_1_front_2_WOMEN#Dresses#id_00000106#03_2_side.png",
        "WOMEN-Dresses-id_00000106-03_1_front__WOMEN-Dresses-id_00000106-03_2_side.jpg",
    ],
)
def test_the_fields_pair_names_have_one_id(name):
    photographs = ["WOMEN/Dresses/id_00000106/03_1_front.jpg", f"{B}.jpg"]
    assert pair_folders([name], photographs, canonical_key) == [
        FilePair(name, f"{B}.jpg", *ID.split("__"))
    ]


def test_equal_names_are_pairs():
    pairs = pair_folders(["b.png", "a_vis.png"], ["a.jpg", "b.jpg", "c.jpg"])
    assert pairs == [
        FilePair("a_vis.png", "a.jpg", None, "a"),
        FilePair("b.png", "b.jpg", None, "b"),
    ]


@pytest.mark.parametrize(
    ("generated", "reference", "message"),
    [
        (["x.png"], ["a.jpg"], "x.png fits no reference"),
        (["s_2_x.png"], ["a.jpg"], "fits no reference"),
        (["s_1_2.png"], ["2.jpg", "1_2.jpg"], r"several references: 1_2\.jpg, 2\.jpg"),
        (["a.png", "a.jpg"], ["a.jpg"], r"a\.jpg and a\.png are two images of one pair"),
        (["a.png"], ["a.jpg", "a.png"], r"a\.png and a\.jpg are two references"),
    ],
)
def test_names_that_do_not_pair_are_refused(generated, reference, message):
    with pytest.raises(ValueError, match=message):
        pair_folders(generated, reference)


def test_a_known_source_decides_between_two_readings():
    photographs = ["2.jpg", "1_2.jpg", "s.jpg"]
    (pair,) = pair_folders(["s_1_2.png"], photographs)
    assert pair == FilePair("s_1_2.png", "1_2.jpg", "s", "1_2")
    assert pair.pair_id == "s__1_2"


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("1_12__11_2.png", "1_12", "11_2"),
        ("1_12.jpg_to_11_2.jpg.png", "1_12", "11_2"),
        ("11_2.BMP_2_1_12.tif_vis.jpg", "11_2", "1_12"),
        ("11_2_2_1_12.png", "11_2", "1_12"),
        ("11_2__2_1.png", "11_2", "2_1"),
        ("2_1.jpg_2_1_12.jpg.png", "2_1", "1_12"),
        ("v1.2_a_to_v1.2_b.png", "v1.2_a", "v1.2_b"),
    ],
)
def test_names_with_underscores_and_dots_are_read_by_the_known_ones(
    name: str, source: str, target: str
) -> None:
    known = [f"{n}.png" for n in ("1_12", "11_2", "2_1", "v1.2_a", "v1.2_b", "12", "2")]
    assert pair_folders([name], known, canonical_key) == [
        FilePair(name, f"{target}.png", source, target)
    ]


def test_what_can_be_read_as_two_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"several references: 1\.png, 2_1\.png"):
        pair_folders(["1.jpg_2_1.jpg.png"], ["1.png", "2_1.png"], canonical_key)
    with pytest.raises(ValueError, match=r"several sources: 1\.png, 1_2\.png"):
        pair_folders(["1_2_3.png"], ["1.png", "1_2.png", "3.png"], canonical_key)
    with pytest.raises(ValueError, match=r"1_12\.png fits no reference"):
        pair_folders(["1_12.png"], ["11_2.png"], canonical_key)
    # An image's own name comes before the suffix of visualisations.
    assert pair_folders(["a_vis.png"], ["a.png", "a_vis.png"], canonical_key) == [
        FilePair("a_vis.png", "a_vis.png", None, "a_vis")
    ]


def test_side_by_side():
    names = ["7_target.png", "7_source.png", "7_OURS_DP.png", "7_DSC.png"]
    assert side_by_side(names) == {
        "DSC": [FilePair("7_DSC.png", "7_target.png", None, "7")],
        "OURS_DP": [FilePair("7_OURS_DP.png", "7_target.png", None, "7")],
    }
    with pytest.raises(ValueError, match="DSC lacks 8"):
        side_by_side([*names, "8_target.png", "8_OURS_DP.png"])
    with pytest.raises(ValueError, match="target lacks 8"):
        side_by_side([*names, "8_DSC.png"])
    with pytest.raises(ValueError, match=r"7\.png is not named NUMBER_METHOD"):
        side_by_side(["7.png"])
    with pytest.raises(ValueError, match=r"7_DSC\.png and b/7_DSC\.png are two images of one"):
        side_by_side([*names, "b/7_DSC.png"])


def test_strips_of_two_methods_join():
    (deform,) = strips([f"{A}.jpg_{B}.jpg.png"], canonical_key)
    (vunet,) = strips([f"{A}.jpg___{B}.jpg_vis.jpg"], canonical_key)
    (gfla,) = strips([f"{A}.jpg_2_{B}.jpg_vis.jpg"], canonical_key)
    assert deform.pair_id == vunet.pair_id == gfla.pair_id == ID
    assert [pair.pair_id for pair in strips(["00053.png", "00047.png"])] == ["00047", "00053"]
    with pytest.raises(ValueError, match="two images of one pair"):
        strips(["a.png", "a_vis.png"])


def test_split_strip():
    strip = np.repeat(np.arange(3, dtype=np.uint8), 5)[None, :, None] * np.ones((4, 1, 3), np.uint8)
    panels = split_strip(strip)
    assert list(panels) == ["condition", "target", "generated"]
    for value, panel in enumerate(panels.values()):
        assert panel.shape == (4, 5, 3)
        assert (panel == value).all()
    with pytest.raises(ValueError, match="a strip of 14 pixels is not 3 pictures"):
        split_strip(strip[:, :14])
