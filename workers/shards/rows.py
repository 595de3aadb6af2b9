"""Ids and failed rows of every command's tables.

Apart from the workers, because a supervisor needs these but none of the models.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from workers.data.tables import SCHEMAS
from workers.shards.keys import Key
from workers.shards.shard import Rows


def photo_id(key: Key) -> str:
    """The image id of a key of `extract` or `synthesize`."""
    return str(key[0])


def render_id(key: Key) -> str:
    """A render's id."""
    return f"{key[0]}__{key[1]}"


class Picture(NamedTuple):
    """A rendered picture, encoded."""

    data: bytes
    width: int
    height: int
    model: str


class Failure(NamedTuple):
    """Why there is none."""

    error_type: str
    error_message: str


def renders(keys: Sequence[Key], made: Sequence[Picture | Failure]) -> pa.Table:
    """Rows of `renders`, by column: a GPU makes a thousand a second."""
    ok = [isinstance(one, Picture) for one in made]
    columns: dict[str, list] = {
        "render_id": list(map(render_id, keys)),
        "source_id": [key[0] for key in keys],
        "pose_id": [key[1] for key in keys],
        "status": ["ok" if there else "failed" for there in ok],
        "attempts": [1] * len(keys),
    }
    for name in (*Failure._fields, *Picture._fields):
        columns[name] = [getattr(one, name, None) for one in made]
    schema, bytes_ = SCHEMAS["renders"], pa.array(columns.pop("data"), pa.binary())
    image = pa.StructArray.from_arrays(
        [bytes_, pa.nulls(len(keys), pa.string())],
        fields=list(schema.field("image").type),
        mask=bytes_.is_null(),
    )
    arrays = {name: pa.array(values, schema.field(name).type) for name, values in columns.items()}
    return pa.table(arrays | {"image": image}, schema)


def failed_render(key: Key, error_type: str, message: str) -> Rows:
    """The row of a pair that could not be rendered."""
    return {"renders": renders([key], [Failure(error_type, message)])}


PERSON = re.compile(r"(.+)@[1-9]\d*")  # a further person on a photograph


def person_id(image_id: str, number: int) -> str:
    """The id of the row of a photograph's person, numbered from 1: NAME, NAME@2, NAME@3, ..."""
    return image_id if number == 1 else f"{image_id}@{number}"


def photograph_id(image_id: str) -> str:
    """The id of the photograph that a row of a person belongs to."""
    person = PERSON.fullmatch(image_id)
    return person[1] if person else image_id


class Origin(NamedTuple):
    """Where a UV map comes from: the columns of `uv_maps` that all rows of an extraction share."""

    extractor: str  # a backend and its model, `precomputed` or `synthesize`
    layout: str  # of `models.layouts.LAYOUTS`


SYNTHESIZED = Origin("synthesize", "anny")


def uv_map_row(origin: Origin, image_id: str, **values: object) -> dict[str, Any]:
    """A row of `uv_maps`."""
    return {"image_id": image_id, **origin._asdict(), **values}


def failed_photograph(origin: Origin, key: Key, error_type: str, message: str) -> Rows:
    """The rows of a photograph that could not be extracted.

    A key begins with the image's id and ends with its item's, or None.
    """
    return {
        "images": [{"image_id": key[0], "item_id": key[-1]}],
        "uv_maps": [uv_map_row(origin, photo_id(key), **_failure(error_type, message))],
    }


def failed_fit(origin: Origin, key: Key, error_type: str, message: str) -> Rows:
    """As `failed_photograph`, with a row of `annotations`."""
    rows = failed_photograph(origin, key, error_type, message)
    return rows | {"annotations": [{"image_id": photo_id(key)}]}


def failed_face(origin: Origin, key: Key, error_type: str, message: str) -> Rows:
    """As `failed_photograph`, with a row of `faces`."""
    rows = failed_photograph(origin, key, error_type, message)
    return rows | {"faces": [{"image_id": photo_id(key)}]}


def failed_synthesis(key: Key, error_type: str, message: str) -> Rows:
    """The rows of a photograph that could not be made."""
    image_id = photo_id(key)
    return {
        "images": [{"image_id": image_id}],
        "annotations": [{"image_id": image_id}],
        "uv_maps": [uv_map_row(SYNTHESIZED, image_id, **_failure(error_type, message))],
    }


def failed_frame(origin: Origin, key: Key, error_type: str, message: str) -> Rows:
    """The rows of a face that could not be made."""
    image_id = photo_id(key)
    failed = uv_map_row(origin, image_id, **_failure(error_type, message))
    mine = [{"image_id": image_id}]
    return {"images": mine, "annotations": mine, "faces": mine, "uv_maps": [failed]}


def failed_texture(key: Key, error_type: str, message: str) -> Rows:
    """The row of a texture that could not be measured; a key holds image and item id."""
    row = {"image_id": key[0], "item_id": key[1]}
    return {"textures": [row | _failure(error_type, message)]}


class ScoreKey(NamedTuple):
    """A key of `evaluate`: a pair of pictures, by their names in the input."""

    pair_id: str
    method: str
    item_id: str
    source: str | None
    generated: str | None  # None where a wanted pair was not generated
    reference: str


def score_id(key: Key) -> str:
    """The id of a key of `evaluate`; see `ScoreKey`."""
    return f"{key[0]}__{key[1]}"


def scored(key: Key) -> dict[str, Any]:
    """The first columns of a key's rows in the tables of `evaluate`."""
    pair_id, method, item_id, *_ = key
    return {"score_id": score_id(key), "pair_id": pair_id, "method": method, "item_id": item_id}


def score_row(key: Key, **values: object) -> dict[str, Any]:
    """A row of `scores`."""
    source, generated, reference = key[3:]
    names = {"source": source, "generated": generated, "reference": reference}
    return {**scored(key), **names, **values}


def failed_score(key: Key, error_type: str, message: str) -> Rows:
    """The row of a pair that could not be scored."""
    return {"scores": [score_row(key, **_failure(error_type, message))]}


def _failure(error_type: str, message: str) -> dict[str, Any]:
    return {"status": "failed", "error_type": error_type, "error_message": message}
