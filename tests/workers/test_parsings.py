"""Human parsers' files: their names, their numbers, and whether these suit the body."""

from collections import Counter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from assets import SAMPLE
from configs.fields import ImageFormat
from configs.parsing import Parsing
from tests.helpers.catalogs import rows_of
from tests.helpers.parsings import FOUR_BITS, KINDS, file_of, parsed
from workers.data.catalog import Catalog
from workers.data.errors import BadParsing
from workers.data.images import encode
from workers.data.listing import FileInfo, Listing
from workers.extraction.extraction import Photo
from workers.extraction.framing import Box, Framing, frame, frame_labels
from workers.extraction.parsing.body import PARTS, parts_of, sheet_of_parts
from workers.extraction.parsing.files import files_of
from workers.extraction.parsing.plausible import Pixels, doubts, fit
from workers.extraction.parsing.reading import PALETTES, read_labels
from workers.extraction.parsing.tables import TABLES
from world.labels import BACKGROUND, DRESS, HEAD_AND_HANDS, NAMES, SKIN

MOST = 10**6
PNG = ImageFormat(format="png")
sides = st.tuples(st.integers(1, 20), st.integers(1, 20))
numbers = arrays(np.uint8, sides, elements=st.integers(0, 17))

# --- tables


def test_the_tables_are_those_that_the_key_takes() -> None:
    assert list(TABLES) == list(get_args(Parsing.model_fields["labels"].annotation))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_begins_with_the_background_and_knows_our_codes(table: str) -> None:
    labels = TABLES[table]
    assert labels[0].code == BACKGROUND
    assert BACKGROUND not in [label.code for label in labels[1:]]
    assert len({label.name for label in labels}) == len(labels)
    assert {label.code for label in labels} <= set(NAMES)


def test_tables_are_as_their_parsers_publish_them() -> None:
    """Numbers by which the field's tables are most often confused."""
    number = {table: {label.name: n for n, label in enumerate(TABLES[table])} for table in TABLES}
    assert {table: len(TABLES[table]) for table in TABLES} == {
        "lip": 20, "cihp": 20, "viton-hd": 20, "atr": 18, "dresscode": 18,
        "deepfashion-multimodal": 24, "sapiens": 28, "fashn": 18, "reposer": len(NAMES),
    }  # fmt: skip
    for table, face, hair in [
        ("lip", 13, 2), ("cihp", 13, 2), ("viton-hd", 13, 2), ("atr", 11, 2), ("dresscode", 11, 2),
        ("deepfashion-multimodal", 14, 13), ("fashn", 1, 2), ("reposer", 1, 2),
    ]:  # fmt: skip
        assert (number[table]["face"], number[table]["hair"]) == (face, hair)
    assert (number["sapiens"]["face_neck"], number["sapiens"]["hair"]) == (2, 3)
    assert (number["sapiens"]["right_hand"], number["fashn"]["hands"]) == (14, 13)
    assert (TABLES["lip"][10].code, TABLES["cihp"][10].code) == (DRESS, SKIN)
    assert [TABLES["atr"][n].name for n in (9, 10, 16)] == ["left_shoe", "right_shoe", "bag"]


@given(st.sampled_from(list(TABLES)), arrays(np.uint8, sides, elements=st.sampled_from([*NAMES])))
def test_what_a_parser_writes_of_our_codes_is_read_as_them_again(
    table: str, codes: np.ndarray
) -> None:
    becomes = np.array([label.code for label in TABLES[table]])
    again = becomes[parsed(codes, table)]
    same = np.isin(codes, becomes)  # others have no label of their own there
    np.testing.assert_array_equal(again[same], codes[same])
    assert ((again == BACKGROUND) == (codes == BACKGROUND)).all()


# --- files


@pytest.mark.parametrize("kind", KINDS, ids=" of ".join)
@given(numbers)
def test_every_kind_of_file_gives_its_numbers(kind: tuple[str, str], labels: np.ndarray) -> None:
    labels[0, 0] = 13  # a colour that is in one palette alone
    np.testing.assert_array_equal(read_labels(file_of(labels, kind), MOST), labels)


@given(arrays(np.uint8, sides, elements=st.integers(0, 15)))
def test_four_bits_are_not_stretched(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(read_labels(file_of(labels, FOUR_BITS), MOST), labels)


def test_the_palettes_are_the_field_s() -> None:
    voc, cihp = PALETTES["PASCAL VOC"], PALETTES["CIHP_PGN"]
    assert [f"{c:06x}" for c in voc[:9]] == (
        ["000000", "800000", "008000", "808000", "000080", "800080", "008080", "808080", "400000"]
    )
    assert (f"{voc[13]:06x}", f"{voc[19]:06x}") == ("c00080", "80c000")
    assert len(set(voc)) == 256
    assert len(set(cihp)) == len(cihp) == 20
    assert set(voc[:20]) & set(cihp) == {0, 0x800000, 0x008000}


def test_colours_that_two_palettes_explain_are_refused() -> None:
    both = np.array([[0, 0x80, 0]], np.uint8)[None]  # hair of one, a skirt of the other
    with pytest.raises(BadParsing, match="fit the palettes PASCAL VOC and CIHP_PGN"):
        read_labels(encode(both, PNG), MOST)
    shared = np.array([[0x80, 0, 0], [0, 0, 0]], np.uint8)[None]  # a hat of both
    assert read_labels(encode(shared, PNG), MOST).tolist() == [[1, 0]]


# --- names


def _named(photographs: list[str], files: list[str], **ids: str) -> dict[str, list[str]]:
    listing = Listing("/parsed/", [FileInfo(name, 1, 0) for name in files], [], [], [])
    photos = [Photo(name.rpartition(".")[0], f"/photos/{name}") for name in photographs]
    photos += [Photo(image_id, f"/photos/{name}") for image_id, name in ids.items()]
    found = files_of(photos, listing)
    return {i: [url.removeprefix("/parsed/") for url in urls] for i, urls in found.items()}


@pytest.mark.parametrize(
    ("photograph", "files", "expected"),
    [
        ("a.jpg", ["a.png", "b.png", "a.txt"], ["a.png"]),
        ("a.jpg", ["A.png"], None),
        ("a.jpg", ["a_vis.png", "a.png"], ["a.png"]),
        ("a.jpg", ["a.png", "a.npy", "a_seg.npy"], ["a_seg.npy"]),  # Sapiens
        ("MEN-Denim-id_00000080-01_7_additional.jpg",
         ["MEN-Denim-id_00000080-01_7_additional_segm.png"],
         ["MEN-Denim-id_00000080-01_7_additional_segm.png"]),
        ("fashionMENDenimid0000008001_7additional.jpg",
         ["MEN-Denim-id_00000080-01_7_additional.png"],
         ["MEN-Denim-id_00000080-01_7_additional.png"]),
        ("020714_0.jpg", ["020714_4.png", "020714_5.png", "020715_4.png"], ["020714_4.png"]),
        ("000001_0.jpg", ["000001_0.png", "000001_1.png"], ["000001_0.png"]),  # VITON
        ("00006_00.jpg", ["00006_00.png"], ["00006_00.png"]),  # VITON-HD
        ("dresses/images/020714_0.jpg", ["dresses/label_maps/020714_4.png"],
         ["dresses/label_maps/020714_4.png"]),
        ("a.jpg", ["x/a.png", "y/a.png"], ["x/a.png", "y/a.png"]),
        ("a.jpg", ["a.png", "a.npy"], ["a.npy", "a.png"]),
        ("a.jpg", ["a.png", "a.jpg"], ["a.png"]),
        ("a.jpg", ["a.jpg"], ["a.jpg"]),  # which its row will refuse
        ("cafe\u0301.jpg", ["caf\u00e9.png"], ["caf\u00e9.png"]),
    ],
)  # fmt: skip
def test_a_photograph_finds_its_parsing(
    photograph: str, files: list[str], expected: list[str] | None
) -> None:
    name = photograph.rpartition(".")[0]
    assert _named([photograph], files).get(name) == expected


def test_a_file_of_a_photograph_s_whole_name_is_its_alone() -> None:
    found = _named(["a.jpg", "a_seg.jpg"], ["a.png", "a_seg.png"])
    assert found == {"a": ["a.png"], "a_seg": ["a_seg.png"]}


def test_folders_tell_apart_what_has_one_name() -> None:
    photographs = ["shirt/front.jpg", "coat/front.jpg"]
    found = _named(photographs, ["shirt/front.png", "coat/front.png"])
    assert found == {"shirt/front": ["shirt/front.png"], "coat/front": ["coat/front.png"]}
    assert _named(photographs, ["front.png"]) == {}  # whose is it?


def test_a_table_s_photograph_may_have_an_id_of_its_own() -> None:
    assert _named([], ["000001_0.png"], person="000001_0.jpg") == {"person": ["000001_0.png"]}


def test_the_photographs_own_files_are_no_parsings() -> None:
    listing = Listing("/p/", [FileInfo(name, 1, 0) for name in ("a.jpg", "a.npy")], [], [], [])
    assert files_of([Photo("a", "/p/a.jpg", uv="/p/a.npy")], listing) == {}


# --- framing


@given(st.integers(8, 40), st.integers(8, 40), st.sampled_from([16, 32, 64, "native"]))
def test_labels_are_framed_as_maps_are(height: int, width: int, size: int | str) -> None:
    box = Box(1, 2, width - 1, height - 2)
    rows, columns = np.mgrid[:height, :width]
    uv = np.stack([columns, rows], axis=-1).astype(np.float32) / 100
    labels = (rows // 4 * 10 + columns // 4 + 1).astype(np.uint8)
    framed = frame_labels(labels, Framing.of(box, size))
    expected = frame(uv, box, size)
    on = ~np.isnan(expected[..., 0])
    np.testing.assert_array_equal(framed > 0, on)
    column, row = np.rint(np.moveaxis(expected[on] * 100, -1, 0)).astype(int)
    nearby = [labels[np.clip(row + i, 0, height - 1), np.clip(column + j, 0, width - 1)]
              for i in (-1, 0, 1) for j in (-1, 0, 1)]  # fmt: skip
    assert (framed[on] == nearby).any(axis=0).all()


# --- what is implausible


@pytest.fixture(scope="module")
def people() -> list[tuple[np.ndarray, np.ndarray]]:
    """Codes and parts of the body of pictures of the sample world."""
    catalog, sheet = Catalog(str(SAMPLE)), sheet_of_parts("anny", None)
    ids = [row["image_id"] for row in rows_of(str(SAMPLE), "images")][::3]
    return [
        (catalog.segmentation(i), parts_of(np.moveaxis(catalog.uv_map(i), 0, -1), sheet))
        for i in ids
    ]


def _pixels(people: list[tuple[np.ndarray, np.ndarray]], table: str) -> Pixels:
    pixels = Counter[tuple[int, str]]()
    for codes, parts in people:
        both = parts.astype(int) * 256 + parsed(codes, table)
        for at, n in enumerate(np.bincount(both.ravel()).tolist()):
            if n:
                pixels[at % 256, PARTS[at // 256]] += n
    return pixels


@pytest.mark.parametrize("written", TABLES)
@pytest.mark.parametrize("read", TABLES)
def test_a_wrong_table_is_told_and_the_right_one_named(
    people: list[tuple[np.ndarray, np.ndarray]], written: str, read: str
) -> None:
    pixels = _pixels(people, written)
    said = doubts(read, pixels)
    codes = [[label.code for label in TABLES[name]] for name in (written, read)]
    one = {("lip", "cihp"), ("cihp", "lip"), ("lip", "viton-hd"), ("viton-hd", "lip")}
    if codes[0] == codes[1] or (written, read) in one:  # they differ at one rare label
        assert said == []
        assert (fit(read, pixels) or 0) > 0.97
    else:
        named = next(line for line in said if "look like labels of" in line)
        assert written in named.partition(": ")[0].partition("labels of ")[2].split(", ")


def test_what_lies_astray_is_told() -> None:
    lip = {label.name: n for n, label in enumerate(TABLES["lip"])}
    good = {
        (lip["face"], "head"): 60, (lip["hair"], "head"): 40, (lip["upper_clothes"], "body"): 200,
        (lip["pants"], "thighs"): 80, (lip["left_shoe"], "below_knees"): 80,
        (lip["background"], "off"): 900,
    }  # fmt: skip
    assert doubts("lip", good) == []
    assert doubts("lip", good | {(lip["hair"], "below_knees"): 10}) == [
        "20% of what is labelled hair lies below the knees"
    ]
    assert doubts("lip", good | {(lip["face"], "thighs"): 20}) == [
        "25% of what is labelled face lies on the legs"
    ]
    assert doubts("lip", good | {(lip["hair"], "off"): 900})[0] == (
        "69% of the people are labelled hair"
    )
    assert "93% of the bodies are labelled background" in doubts("lip", good | {(0, "body"): 6000})
    hidden = {key: n for key, n in good.items() if key[0] != lip["face"]}
    assert "no parsing has a face" in doubts("lip", hidden)
    assert doubts("lip", good | {(25, "body"): 1})[0] == (
        "lip has numbers up to 19, some parsings have 25"
    )


def test_without_known_parts_no_table_is_named() -> None:
    assert fit("lip", {(5, "body"): 10, (0, "off"): 10}) is None
    assert doubts("lip", {(13, "body"): 10, (0, "off"): 10}) == []


def test_charts_tell_head_hands_and_legs(lookup: np.ndarray) -> None:
    sheet = sheet_of_parts("smpl", lookup)
    share = {part: float((sheet == i).mean()) for i, part in enumerate(PARTS)}
    assert 0.15 < share["head"] < 0.3  # 14,240 texels of 65,536
    assert 0.02 < share["hands"] < 0.04
    assert all(share[part] > 0.03 for part in ("thighs", "below_knees"))


def test_what_stays_of_head_and_hands_has_a_label_in_every_table() -> None:
    for table, labels in TABLES.items():
        kept = {label.code for label in labels} & set(HEAD_AND_HANDS)
        assert len(kept) >= 3, table
