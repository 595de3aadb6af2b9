"""The files in which skeletons are kept -> people by picture. A file's content tells its format.

Nothing is read here but the bytes: where a picture's size is not in the file, it stays unknown.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eval.naming import stem
from workers.data.errors import BadKeypoints
from workers.data.user_tables import csv_frame, decoded
from workers.extraction.keypoints.points import fractions, openpose, points_of

Size = tuple[float, float]  # width, height in pixels
Row = Mapping[Any, Any]
Found = tuple[list[np.ndarray], Size | None]  # people, (18, 3) each, and the picture's size
T = TypeVar("T")

DEEPFASHION = ("name", "keypoints_y", "keypoints_x")  # the columns of its annotations
DEEPFASHION_CANVAS, DRESSCODE_CANVAS = (256, 256), (384, 512)
MISSING = -1  # in DeepFashion's annotations; 0 is a coordinate there
PEOPLE = ("pose_keypoints_2d", "pose_keypoints")  # OpenPose's key, and that of its version 0.1
WANTED = (
    "people (OpenPose, ControlNet), annotations or a list of keypoints (COCO), keypoints (Dress "
    "Code), or a table with the columns image_id,keypoints"
)


class Entry(NamedTuple):
    """What a file says of one picture."""

    name: str | None  # the picture's; None: that of the file
    people: Sequence[np.ndarray] = ()  # (18, 3) each: x, y, confidence; NaN where missing
    canvas: Size | None = None  # the size of the picture, where the file says it
    shares: bool = False  # whether x and y are shares of the picture, not pixels
    fault: str | None = None  # why nothing of it can be used
    item_id: str | None = None


class Contents(NamedTuple):
    """What a file holds."""

    format: str  # in words
    entries: list[Entry]
    canvas: Size | None = None  # the size that pictures of this format usually have


def read(data: bytes) -> Contents:
    """The skeletons in a file: JSON, CSV or Parquet. BadKeypoints where it holds none."""
    if not data.strip():
        raise BadKeypoints("the file is empty")
    if data[:4] == b"PAR1":
        return _parquet(data)
    try:
        text = decoded(data)
    except ValueError as error:
        raise BadKeypoints(str(error)) from error
    if text.lstrip()[:1] in ("{", "["):
        return _json(text)
    if set(DEEPFASHION) <= {name.strip() for name in text.partition("\n")[0].split(":")}:
        return _deepfashion(text)
    return _csv(data)


def _json(text: str) -> Contents:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadKeypoints(f"not readable as JSON: {error}") from error
    match value:
        case {"people": _}:
            return _openpose([value])
        case [{"people": _}, *_]:
            return _openpose(value)
        case {"annotations": list(annotations)}:
            return _coco(annotations, value.get("images") or [])
        case {"keypoints": [[_, _, _, _], *_]}:
            return Contents("Dress Code JSON", [_entry(None, value, _dresscode)], DRESSCODE_CANVAS)
        case [{"keypoints": _}, *_]:
            return _coco(value, [])
        case {"keypoints": _}:
            return _coco([value], [])
    raise BadKeypoints(f"no skeletons known here: {WANTED} wanted")


def _openpose(frames: Sequence[Any]) -> Contents:
    """A picture, or the frames of a video; ControlNet and DWPose add the picture's size."""
    names = [None] if len(frames) == 1 else [f"/{number}" for number in range(len(frames))]
    entries = [_entry(*both, _frame) for both in zip(names, frames, strict=True)]
    told = any(entry.canvas for entry in entries)
    return Contents("ControlNet JSON" if told else "OpenPose JSON", entries)


def _frame(frame: Row) -> Found:
    people = [next((one[key] for key in PEOPLE if one.get(key)), None) for one in frame["people"]]
    size = _size(frame.get("canvas_width"), frame.get("canvas_height"))
    return [points_of(numbers) for numbers in people if numbers], size


def _dresscode(value: Row) -> Found:
    """x, y, confidence and a number of BODY_25; missing points lie in the picture's corner."""
    points = points_of([row[:3] for row in value["keypoints"]])
    points[(points[:, :2] <= 0).all(axis=1)] = np.nan
    return [points], None


def _coco(annotations: Iterable[Any], images: Iterable[Any]) -> Contents:
    """A row an annotated person: a COCO file, or a flat list as pose estimators write it."""
    try:
        about = {image["id"]: image for image in images}
        # Others have boxes alone.
        rows = [annotation for annotation in annotations if "keypoints" in annotation]
        by_image = _grouped(rows, lambda row: row.get("image_id"))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadKeypoints(f"no COCO annotations: {type(error).__name__} {error}") from error
    if not rows:
        raise BadKeypoints("none of the annotations has keypoints")
    entries = []
    for key, people in by_image.items():
        image = about.get(key, {})
        name = image.get("file_name") or key
        persons = partial(_persons, size=image)
        entries.append(_entry(None if name is None else stem(str(name)), people, persons))
    return Contents("COCO JSON", entries)


def _persons(rows: Sequence[Row], size: Row) -> Found:
    """Rows of one picture, a person each, and the row that may tell the picture's size."""
    people = [points_of(_numbers(row["keypoints"])) for row in rows]
    return people, _size(size.get("width"), size.get("height"))


def _deepfashion(text: str) -> Contents:
    """The annotations that Deformable GANs, PATN and others share."""
    rows = csv.DictReader(io.StringIO(text), delimiter=":", skipinitialspace=True)
    entries = [_entry(stem(row["name"] or ""), row, _y_before_x) for row in rows]
    return Contents("DeepFashion CSV", entries, DEEPFASHION_CANVAS)


def _y_before_x(row: Row) -> Found:
    y, x = (_numbers(row[column]) for column in DEEPFASHION[1:])
    if not len(x) == len(y) == 18:
        raise BadKeypoints(f"18 points wanted, {len(x)} x and {len(y)} y found")
    points = np.column_stack([x, y, np.ones(18)]).astype(float)
    points[(points[:, :2] == MISSING).any(axis=1)] = np.nan
    return [openpose(points)], None


def _csv(data: bytes) -> Contents:
    try:
        frame = csv_frame(data, ("image_id", "keypoints"))
    except ValueError as error:
        raise BadKeypoints(str(error).partition("\n")[0]) from error
    return _table(frame.columns, frame.to_dict("records"))


def _parquet(data: bytes) -> Contents:
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())
        raise BadKeypoints(f"not a readable Parquet file: {said}") from error
    return _table(table.column_names, table.to_pylist())


def _table(columns: Iterable[str], rows: Sequence[Row]) -> Contents:
    """A row a person, of the columns image_id, keypoints and maybe width, height and item_id."""
    if not {"image_id", "keypoints"} <= set(columns):
        has = ",".join(map(str, columns))
        raise BadKeypoints(f"a table wants the columns image_id,keypoints, this one has {has}")
    known = [
        {"image_id": f"row {number}"} | {k: v for k, v in row.items() if not _empty(v)}
        for number, row in enumerate(rows, start=1)
    ]
    entries = [
        _entry(name, people, partial(_persons, size=people[0]), people[0].get("item_id"))
        for name, people in _grouped(known, lambda row: str(row["image_id"])).items()
    ]
    return Contents("a table", entries)


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _entry(
    name: str | None, value: T, reader: Callable[[T], Found], item_id: str | None = None
) -> Entry:
    """What a value of a file says of a picture, or why nothing: it leaves the others good."""
    try:
        people, size = reader(value)
    except BadKeypoints as error:
        return Entry(name, fault=str(error), item_id=item_id)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        return Entry(name, fault=f"no keypoints: {type(error).__name__} {error}", item_id=item_id)
    shares = fractions(people, signed=size is None)
    return Entry(
        name, people if shares is None else shares, size, shares is not None, None, item_id
    )


def _numbers(value: Any) -> list[Any]:
    """A list of numbers, or its text: 1, 2, [3, 4]."""
    return list(_words(value)) if isinstance(value, str) else list(value)


def _words(text: str) -> Iterator[float | None]:
    for word in re.findall(r"[^\s,;\[\]()]+", text):
        if word.lower() in ("null", "none", "nan"):
            yield None
            continue
        try:
            yield float(word)
        except ValueError as error:
            raise BadKeypoints(f"keypoints are numbers: {error}") from error


def _size(width: Any, height: Any) -> Size | None:
    """A picture's size, where both are there; BadKeypoints where they are none."""
    if width is None or height is None:
        return None
    try:
        size = float(width), float(height)
    except (TypeError, ValueError) as error:
        raise BadKeypoints(f"width and height are numbers: {error}") from error
    if not all(1 <= side < 1e6 for side in size):
        raise BadKeypoints(f"no picture has {width}x{height} pixels")
    return size


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))
