"""A name stands for itself, but for DeepFashion's, all of whose spellings have one key."""

import csv
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workers.data.names import as_known, canonical_key, is_deepfashion, item_id

SPELLINGS = [
    "WOMEN/Dresses/id_00000106/03_1_front.jpg",
    "WOMEN#Dresses#id_00000106#03_1_front.jpg",
    "WOMEN-Dresses-id_00000106-03_1_front.png",
    "fashionWOMENDressesid0000010603_1front.jpg",
    "fasionWOMENDressesid0000010603_1front.npy",
    "fashionWOMENDressesid0000010603_1front",
    "deepfashionWOMENDressesid0000010603_1front.png",
    "img/WOMEN/Dresses/id_00000106/03_1_front.jpg",
    "img_highres/WOMEN/Dresses/id_00000106/03_1_front.jpg",
    "img_highres#WOMEN#Dresses#id_00000106#03_1_front.tif",
    "img-WOMEN-Dresses-id_00000106-03_1_front",
    "./data set/DF/img/WOMEN/Dresses/id_00000106/03_1_front.jpg",
    "/data/train/fashionWOMENDressesid0000010603_1front.JPG",
    r"D:\DF\img\WOMEN\Dresses\id_00000106\03_1_front.jpg",
    "womendressesid00000106031front",
]
FOLDERS = st.sampled_from(["", "img/", "img_highres/", "data/DF-1/img/", "img#", "x#y#"])


@st.composite
def photographs(draw: st.DrawFn) -> tuple[str, str, str, str, str]:
    """A DeepFashion photograph: gender, category, item, colour, view."""
    category = draw(st.sampled_from(["Dresses", "Tees_Tanks", "Jackets_Vests", "Denim"]))
    view = draw(
        st.sampled_from(["1_front", "2_side", "3_back", "4_full", "6_flat", "7_additional"])
    )
    item, colour = draw(st.integers(0, 10**8 - 1)), draw(st.integers(0, 99))
    return draw(st.sampled_from(["WOMEN", "MEN"])), category, f"{item:08}", f"{colour:02}", view


@st.composite
def spelled(draw: st.DrawFn, photograph: tuple[str, str, str, str, str]) -> str:
    """One of its spellings."""
    gender, category, item, colour, view = photograph
    if draw(st.booleans()):
        joint = draw(st.sampled_from("/#-\\"))
        name = joint.join([gender, category, f"id_{item}", f"{colour}_{view}"])
    else:
        prefix = draw(st.sampled_from(["fashion", "fasion", "deepfashion"]))
        if prefix == "fasion":
            category = category.replace("_", "")
        number, _, side = view.partition("_")
        name = f"{prefix}{gender}{category}id{item}{colour}_{number}{side}"
    return draw(FOLDERS) + name + draw(st.sampled_from(["", ".jpg", ".png", ".npy", ".JPG"]))


@given(st.data(), photographs(), photographs())
def test_spellings_have_one_key_and_other_photographs_another(
    data: st.DataObject, one: tuple[str, str, str, str, str], other: tuple[str, str, str, str, str]
) -> None:
    names = [data.draw(spelled(photograph)) for photograph in (one, one, other)]
    keys = [canonical_key(name) for name in names]
    assert keys[0] == keys[1]
    assert (keys[0] == keys[2]) == (one == other)
    assert [canonical_key(key) for key in keys] == keys
    assert {item_id(name) for name in names[:2]} == {f"id_{one[2]}_{one[3]}"}


NAMES = st.text(st.sampled_from("aAé1_2#-./ @WOMENidfront"), min_size=1) | st.text(min_size=1)


@given(NAMES, NAMES)
def test_other_names_stand_for_themselves(one: str, other: str) -> None:
    one, other = (unicodedata.normalize("NFC", n).replace("\\", "/") for n in (one, other))
    assume(one != other)
    assume(not is_deepfashion(one))
    assume(not is_deepfashion(other))
    assert canonical_key(f"{one}.x") != canonical_key(f"{other}.x")
    assert canonical_key(f"{one}.x") == f"{one}.x"
    assert canonical_key(canonical_key(one)) == canonical_key(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1_12", "11_2"),
        ("1-12", "112"),
        ("Front", "front"),
        ("v1.2_front", "v1.2_back"),
        ("fashion_week_1", "week_1"),
        ("a/b", "ab"),
        ("a_vis", "a"),
        ("SPECIMENDressesid0000010603_1front", "MENDressesid0000010603_1front"),
        ("WOMEN/Dresses/id_106/03_1_front", "WOMENDressesid10603_1front"),
    ],
)
def test_near_names_are_two(one: str, other: str) -> None:
    assert canonical_key(one) != canonical_key(other)


def test_one_name_in_other_forms_is_one() -> None:
    assert canonical_key("cafe\u0301.jpg") == canonical_key("caf\u00e9.PNG") == "caf\u00e9"
    assert canonical_key(r"sub\a.tiff") == canonical_key("sub/a.jpg.png") == "sub/a"


def test_names_are_found_as_they_are_known() -> None:
    known = ["p.jpg", "p.png", "café", "v1.2", "img/WOMEN/Dresses/id_00000106/03_1_front"]
    names = ["v1.2.jpg", SPELLINGS[3], "cafe\u0301.jpg", "p.png", "strange.jpg"]
    assert as_known(names, known) == ["v1.2", known[4], "café", "p.png", "strange.jpg"]
    with pytest.raises(ValueError, match=r"'p' may mean 'p\.jpg' or 'p\.png'"):
        as_known(["p"], known)


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_has_one_key_and_one_item(name):
    assert canonical_key(name) == "womendressesid00000106031front"
    assert item_id(name) == "id_00000106_03"


def test_dropped_underscores_do_not_matter():
    assert canonical_key("fasionMENTeesTanksid0000347017_3back.jpg") == canonical_key(
        "MEN/Tees_Tanks/id_00003470/17_3_back.jpg"
    )


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("shirt_42.jpg", None),
        ("shirt-12/front.jpg", "shirt-12"),
        (r"2026\shirt-12\front.jpg", "2026/shirt-12"),
        ("Dresses/id_00000106/03_1_front.jpg", "id_00000106_03"),
        ("id_00000106/03_1_front", "id_00000106_03"),
        ("womendressesid00000106031front@2", "id_00000106_03"),
    ],
)
def test_an_item_is_deepfashions_or_the_folder(name: str, item: str | None) -> None:
    assert item_id(name) == item


def _rows(path, column=0, delimiter=","):
    with path.open() as file:
        return [row[column] for row in csv.reader(file, delimiter=delimiter)][1:]


@pytest.mark.real
def test_the_published_lists_join_one_to_one(real):
    splits = real / "splits"
    patn = splits / "patn_8570"
    lists = {
        "train": (patn / "train.lst").read_text().split(),
        "test": (patn / "test.lst").read_text().split(),
        "patn": _rows(patn / "fashion-pairs-test.csv") + _rows(patn / "fashion-pairs-test.csv", 1),
        "dsc": _rows(splits / "dsc_8670/fasion-annotation-test.csv", delimiter=":"),
        "slashes": _rows(splits / "upgpt_pairs-test.csv"),
    }
    keys = {name: {canonical_key(n) for n in names} for name, names in lists.items()}
    for name, names in lists.items():
        assert len(keys[name]) == len(set(names)), name
        assert all(item_id(n) for n in names)
    known = keys["train"] | keys["test"]
    assert len(known) == 48_674 + 4_038
    assert keys["patn"] <= keys["test"]
    assert keys["slashes"] <= keys["test"]
    assert keys["dsc"] <= known  # the older split spells them "fasion", without underscores


@pytest.mark.real
def test_test_pairs_stay_within_one_item(real):
    for name in ("patn_8570/fashion-pairs-test.csv", "dsc_8670/fasion-pairs-test.csv"):
        path = real / "splits" / name
        assert all(
            item_id(a) == item_id(b) for a, b in zip(_rows(path), _rows(path, 1), strict=True)
        )
