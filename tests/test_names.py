"""One key joins all spellings of a DeepFashion name."""

import csv

import pytest

from workers.names import canonical_key, item_id

SPELLINGS = [
    "WOMEN/Dresses/id_00000106/03_1_front.jpg",
    "WOMEN#Dresses#id_00000106#03_1_front.jpg",
    "WOMEN-Dresses-id_00000106-03_1_front.png",
    "fashionWOMENDressesid0000010603_1front.jpg",
    "fasionWOMENDressesid0000010603_1front.npy",
    "fashionWOMENDressesid0000010603_1front",
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_has_one_key_and_one_item(name):
    assert canonical_key(name) == "womendressesid00000106031front"
    assert item_id(name) == "id_00000106_03"


def test_dropped_underscores_do_not_matter():
    assert canonical_key("fasionMENTeesTanksid0000347017_3back.jpg") == canonical_key(
        "MEN/Tees_Tanks/id_00003470/17_3_back.jpg"
    )


def test_other_names_have_no_item():
    assert item_id("shirt_42.jpg") is None
    assert canonical_key("Shirt_42.jpg") == "shirt42"


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
