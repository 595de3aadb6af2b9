"""Skeletons in the formats of pose estimators and datasets, and the maps that are drawn of them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from configs.extract import ExtractConfig
from models.skeleton import POINTS
from models.uv_maps import dequantise
from tests.helpers.skeletons import (
    FORMATS,
    STANDING,
    WITHOUT_NECK,
    missing,
    openpose,
    seeded_poser,
    triples,
    write,
)
from workers.data.errors import BadKeypoints
from workers.extraction.extractors import extraction_of
from workers.extraction.keypoints.formats import read
from workers.shards.shard import made_tables

NECK, SHOULDERS = 1, (2, 5)
CANVAS = {"keypoints": {"canvas": "256x256"}}
Rows = dict[str, tuple[dict, dict, dict]]


@pytest.fixture(scope="session")
def poser(tmp_path_factory: pytest.TempPathFactory) -> str:
    return seeded_poser(tmp_path_factory.mktemp("posers") / "poser")


@pytest.fixture
def extract(poser: str, one_thread: None) -> Callable[..., Rows]:
    """Extracts: the rows of images, annotations and uv_maps by image id."""

    def extracted(url: Path | str, keypoints: dict[str, Any] | None = None, **keys: Any) -> Rows:
        settings = {"model": poser, **(keypoints or {})}
        values = {"input": str(url), "out": "unused", "extractor": "keypoints", "size": 64, **keys}
        made = extraction_of(ExtractConfig.model_validate(values | {"keypoints": settings}))
        worker = made.job.make_worker()
        tables = made_tables(made.job.tables, worker([tuple(pose) for pose in made.input.poses]))
        rows = zip(*(tables[name].to_pylist() for name in made.job.tables), strict=True)
        return {row[0]["image_id"]: row for row in rows}

    return extracted


def only(rows: Rows) -> tuple[dict, dict, dict]:
    (row,) = rows.values()
    return row


def error(rows: Rows, name: str) -> tuple[str, str]:
    images, _, uv = rows[name]
    assert images["image"] is None
    assert uv["status"] == "failed"
    return uv["error_type"], uv["error_message"]


# --- formats


def points_in(name: str, points: np.ndarray, folder: Path) -> np.ndarray:
    """The skeleton (18, 2) that a format holds of one, in pixels of a picture of 256x256."""
    (entry,) = read(Path(write(folder, name, points)).read_bytes()).entries
    (person,) = entry.people
    return person[:, :2] * (256 if entry.shares else 1)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=18, max_size=18),
    st.sets(st.integers(0, 17), max_size=14),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_format_holds_the_same_skeleton(
    tmp_path: Path, places: list[tuple[int, int]], gone: set[int]
) -> None:
    points = missing(np.array(places, float), *gone)
    if np.nanmax(points, initial=0) <= 2 or (np.isnan(points) | (points == 0)).all(axis=1).any():
        points[~np.isnan(points)] += 3  # 0, 0 means missing in Dress Code's files
    for name in FORMATS:
        wanted = points.copy()
        if name in WITHOUT_NECK:
            wanted[NECK] = points[list(SHOULDERS)].mean(axis=0)
        np.testing.assert_allclose(points_in(name, points, tmp_path), wanted, err_msg=name)


def test_the_points_of_body_25_and_coco_are_found_by_their_names() -> None:
    """Their orders as OpenPose and COCO publish them."""
    body_25 = [
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
        "left_elbow", "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle",
        "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe",
        "right_heel",
    ]  # fmt: skip
    coco = ["nose"] + [
        f"{side}_{part}"
        for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ]
    for names in (body_25, coco):
        numbers = [n for at in range(len(names)) for n in (10 + at, 20 + at, 1)]
        (entry,) = read(json.dumps([{"keypoints": numbers}]).encode()).entries
        for point, name in zip(entry.people[0], POINTS, strict=True):
            if name in names:
                assert point[0] == 10 + names.index(name), name


def test_the_neck_is_between_the_shoulders_and_there_only_with_both() -> None:
    numbers = np.zeros((17, 3))
    numbers[5:7] = [[100, 50, 0.9], [60, 54, 0.4]]
    (entry,) = read(json.dumps([{"keypoints": numbers.ravel().tolist()}]).encode()).entries
    assert entry.people[0][NECK].tolist() == [80, 52, 0.4]
    numbers[6] = 0
    (entry,) = read(json.dumps([{"keypoints": numbers.ravel().tolist()}]).encode()).entries
    assert np.isnan(entry.people[0][NECK]).all()


def test_zero_is_a_coordinate_where_minus_one_is_missing() -> None:
    y, x = [0, -1, *range(60, 76)], [0, -1, *range(90, 106)]
    contents = read(f"name:keypoints_y:keypoints_x\na.jpg: {y}: {x}\n".encode())
    assert contents.canvas == (256, 256)
    (entry,) = contents.entries
    assert entry.name == "a"
    points = entry.people[0]
    assert points[0].tolist() == [0, 0, 1]
    assert np.isnan(points[1]).all()
    assert points[2, :2].tolist() == [90, 60]


def test_shares_of_the_picture_may_lie_about_its_middle() -> None:
    """As OpenPose writes them with --keypoint_scale 4."""
    numbers = triples(STANDING / 128 - 1)
    (entry,) = read(json.dumps({"people": [{"pose_keypoints_2d": numbers}]}).encode()).entries
    assert entry.shares
    np.testing.assert_allclose(entry.people[0][:, :2], STANDING / 256)


def test_a_skeleton_may_stand_in_lists_of_points_with_null_for_a_missing_one() -> None:
    rows = [None if n in (9, 10) else [*map(float, p), 0.9] for n, p in enumerate(STANDING)]
    frame = {"people": [{"pose_keypoints_2d": rows}], "canvas_width": 256, "canvas_height": 300}
    (entry,) = read(json.dumps(frame).encode()).entries
    assert entry.canvas == (256, 300)
    np.testing.assert_equal(entry.people[0][:, :2], missing(STANDING, 9, 10))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n", "the file is empty"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "no text"),
        (b'{"people": [', "not readable as JSON"),
        (b'{"shapes": []}', "no skeletons known here"),
        (b'{"annotations": [{"bbox": [1, 2, 3, 4]}]}', "none of the annotations has keypoints"),
        (b"from,to\na,b\n", "image_id,keypoints"),
        (b"PAR1 but no table", "not a readable Parquet file"),
    ],
)
def test_a_file_without_skeletons_is_told(content: bytes, said: str) -> None:
    with pytest.raises(BadKeypoints, match=said):
        read(content)


@pytest.mark.parametrize(
    ("person", "said"),
    [
        ({"keypoints": [1, 2, 3]}, "3 numbers found where 54"),
        ({"keypoints": ["left"] * 51}, "keypoints are numbers"),
        ({"keypoints": 7}, "no keypoints"),
        ({"image_id": 2, "keypoints": None}, "no keypoints"),
    ],
)
def test_a_bad_entry_leaves_the_others_of_its_file(person: dict, said: str) -> None:
    good = {"image_id": 1, "keypoints": [1.0] * 51}
    entries = read(json.dumps([good, {"image_id": 2} | person]).encode()).entries
    assert entries[0].fault is None
    assert said in str(entries[1].fault)


# --- rows


def test_all_formats_of_a_skeleton_give_one_map(
    extract: Callable[..., Rows], tmp_path: Path
) -> None:
    for gone in ([], [9, 10, 13], [14, 16, 4]):
        maps = {}
        for name in FORMATS:
            rows = extract(write(tmp_path, name, missing(STANDING, *gone)), **CANVAS)
            assert list(rows) == ["NAME"], name
            image, annotation, uv = only(rows)
            assert uv["status"] == "ok", uv["error_message"]
            assert (image["image"], image["width"]) == (None, None)
            points = np.reshape(annotation["keypoints"], (18, 3))
            assert np.flatnonzero(points[:, 2] == 0).tolist() == sorted(gone)
            maps[name] = uv["uv"]
        assert len(set(maps.values())) == 1
        uv = dequantise(np.frombuffer(maps["coco.json"], "<u2").reshape(2, 64, 64))
        assert np.isfinite(uv).any()
        assert np.isnan(uv).any()


def test_a_narrow_picture_is_the_wide_one_with_borders(
    extract: Callable[..., Rows], tmp_path: Path
) -> None:
    """DeepFashion's 176x256, and the 256x256 of its annotations."""
    for name, shift in (("wide", 0), ("narrow", 40)):
        (tmp_path / f"{name}.json").write_text(openpose(STANDING - [shift, 0]))
    wide = extract(tmp_path / "wide.json", {"canvas": "256x256"})
    narrow = extract(tmp_path / "narrow.json", {"canvas": "176x256"})
    assert only(wide)[2]["uv"] == only(narrow)[2]["uv"]


def test_a_canvas_is_what_the_file_says_else_the_key_else_the_formats_else_the_pictures(
    extract: Callable[..., Rows], tmp_path: Path
) -> None:
    def size(url: Path | str, canvas: str | None = None) -> tuple[int, int]:
        uv = only(extract(url, {"canvas": canvas}, size="native"))[2]
        return uv["width"], uv["height"]

    told, custom = (
        write(tmp_path, f"{kind}/NAME.json", STANDING) for kind in ("controlnet", "dresscode")
    )
    assert size(told, "300x400") == (256, 256)
    assert size(custom) == (384, 512)
    assert size(custom, "300x400") == (300, 400)
    write(tmp_path, "NAME_keypoints.json", STANDING)
    with pytest.raises(ValueError, match=r"give keypoints\.canvas=WIDTHxHEIGHT"):
        extract(tmp_path)
    Image.new("RGB", (250, 270)).save(tmp_path / "NAME.png")
    assert size(tmp_path) == (250, 270)
    (tmp_path / "other.json").write_text(openpose(STANDING))
    rows = extract(tmp_path)
    assert rows["NAME"][2]["status"] == "ok"
    kind, said = error(rows, "other")
    assert kind == "BadKeypoints"
    assert "nothing tells how large" in said


def test_people_are_chosen_as_elsewhere(extract: Callable[..., Rows], tmp_path: Path) -> None:
    people = [
        [n * 0.4 if at % 3 == 2 else n for at, n in enumerate(triples(STANDING))],
        triples(STANDING * 0.5),
        triples(STANDING * 0.01 + 9),  # smaller than min_side
        [0.0] * 54,
    ]
    frame = {"people": [{"pose_keypoints_2d": numbers} for numbers in people]}
    (tmp_path / "a.json").write_text(json.dumps(frame))

    def heads(**keys: Any) -> list[float]:
        rows = extract(tmp_path / "a.json", {"canvas": "256x256", **keys}, size=256)
        return [annotation["keypoints"][1] for _, annotation, _ in rows.values()]

    assert heads() == [30]
    assert heads(person="score") == [15]
    assert heads(person="centre") == [30]
    assert heads(person="all") == [15, 30]
    assert heads(min_confidence=0.5) == [15]
    rows = extract(tmp_path / "a.json", {"canvas": "256x256", "person": "all"})
    assert list(rows) == ["a", "a@2"]


def test_crop_draws_the_body_larger(extract: Callable[..., Rows], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(openpose(STANDING * 0.4 + 200))

    def height(crop: str) -> float:
        keys = {"keypoints": {"canvas": "512x512", "model": "bundled"}, "crop": crop}
        return float(np.ptp(only(extract(tmp_path / "a.json", **keys))[1]["keypoints"][1::3]))

    assert height("person") > 1.5 * height("none")


def test_bad_skeletons_are_failed_rows_and_the_good_ones_are_there(
    extract: Callable[..., Rows], tmp_path: Path
) -> None:
    files = {
        "good": openpose(STANDING),
        "half": openpose(STANDING - [0, 100]),  # eight of its points are off the picture
        "few": openpose(missing(STANDING, *range(3, 18))),
        "face": openpose(missing(STANDING, *range(1, 14))),
        "none": openpose(missing(STANDING, *range(18))),
        "nobody": '{"people": []}',
        "far": openpose(STANDING * 4),
        "broken": '{"people": [',
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(content)
    rows = extract(tmp_path, **CANVAS)
    assert sorted(rows) == sorted(files)
    assert [name for name, row in rows.items() if row[2]["status"] == "ok"] == ["good", "half"]
    assert error(rows, "few")[0] == "MissingKeypoints"
    assert "only nose, neck, right_shoulder of 18" in error(rows, "few")[1]
    assert error(rows, "face")[0] == "MissingKeypoints"
    assert "none of 18 points is there" in error(rows, "none")[1]
    assert error(rows, "nobody")[0] == "NobodyFound"
    kind, said = error(rows, "far")
    assert kind == "BadKeypoints"
    assert "18 of 18 points lie off the picture of 256x256" in said
    assert str(tmp_path / "broken.json") in error(rows, "broken")[1]


def test_a_catalogs_own_keypoints_serve(extract: Callable[..., Rows]) -> None:
    rows = extract(Path("assets/sample").absolute(), size=64)
    assert len(rows) == 64
    assert {uv["status"] for _, _, uv in rows.values()} == {"ok"}
    assert {image["item_id"] for image, _, _ in rows.values()} - {None}


def test_two_skeletons_of_one_name_are_refused(
    extract: Callable[..., Rows], tmp_path: Path
) -> None:
    for name in ("a.json", "a_keypoints.json"):
        (tmp_path / name).write_text(openpose(STANDING))
    with pytest.raises(ValueError, match=r"two skeletons are 'a'"):
        extract(tmp_path, **CANVAS)


def test_a_named_file_must_be_readable(extract: Callable[..., Rows], tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("from,to\na,b\n")
    with pytest.raises(ValueError, match=r"pairs\.csv: .*has from,to"):
        extract(tmp_path / "pairs.csv")
    with pytest.raises(ValueError, match="no skeletons there"):
        extract(tmp_path)
    with pytest.raises(FileNotFoundError):
        extract(tmp_path / "absent.json")


# --- real annotations


def rows_of(path: Path) -> Sequence[np.ndarray]:
    return [entry.people[0] for entry in read(path.read_bytes()).entries]


def test_point_14_is_the_right_eye_in_deepfashions_annotations(real: Path) -> None:
    """In all frontal rows the person's right eye lies left of the left one."""
    people = rows_of(real / "splits" / "dsc_8670" / "fasion-annotation-test.csv")
    x = np.array([points[:, 0] for points in people])
    frontal = x[np.isfinite(x[:, [2, 5, 14, 15]]).all(axis=1) & (x[:, 2] < x[:, 5])]
    assert len(frontal) > 2000
    right, left = POINTS.index("right_eye"), POINTS.index("left_eye")
    assert (frontal[:, right] < frontal[:, left]).mean() > 0.999


@pytest.mark.slow
def test_every_row_of_deepfashions_annotations_is_a_map_or_lacks_its_points(
    extract: Callable[..., Rows], real: Path
) -> None:
    rows = extract(real / "splits" / "dsc_8670" / "fasion-annotation-test.csv", size=32)
    assert len(rows) == 4061
    kinds = [uv["error_type"] for _, _, uv in rows.values()]
    assert kinds.count("MissingKeypoints") == 640
    assert kinds.count(None) == 4061 - 640
