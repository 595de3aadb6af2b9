"""The tables: Parquet schemas, and a table as the bytes of one Parquet file.

Encoded images are `struct<bytes, path>`, the Hugging Face convention, never pixel tensors.
UV maps are little-endian uint16 of shape (2, H, W), channel 0 = u, 1 = v; 0 is undefined,
1..65535 spans [-1, 1] (`models.uv_maps.quantise`).
"""

import io
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA_VERSION = 1
ROWS_PER_ROW_GROUP = 100
# Readers hold row groups whole: of UV maps of 1,024x1,024, 15 rows.
ROW_GROUP_BYTES = 2**26


class Column(NamedTuple):
    """The type of a column; a required one is never null."""

    type: pa.DataType
    required: bool = False
    about: dict[str, str] | None = None  # metadata of the field


def _one_of(*values: str, required: bool = True) -> Column:
    return Column(pa.string(), required, {"values": " | ".join(values)})


def _numbers(*names: str) -> Column:
    return Column(pa.struct([(name, pa.float32()) for name in names]))


def _schema(*groups: dict[str, Column], **about: str) -> pa.Schema:
    """A table's columns, in groups that follow each other; `about` says what they mean."""
    fields = [
        pa.field(name, column.type, nullable=not column.required, metadata=column.about)
        for group in groups
        for name, column in group.items()
    ]
    metadata = {"reposer.schema_version": str(SCHEMA_VERSION)}
    metadata |= {f"reposer.{name}": value for name, value in about.items()}
    images = [field.name for field in fields if field.type == IMAGE.type]
    if images:  # Hugging Face's `datasets` reads here which columns it may show as images
        features = {name: {"_type": "Image"} for name in images}
        metadata["huggingface"] = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata=metadata)


ID = Column(pa.string(), required=True)
TEXT, BYTES = Column(pa.string()), Column(pa.binary())
INT, REAL, REAL_32 = Column(pa.int32()), Column(pa.float64()), Column(pa.float32())
COUNT, NUMBER = Column(pa.int64(), required=True), Column(pa.int32(), required=True)
VALUE = Column(pa.float64(), required=True)
PLACE = pa.int8()  # of an option, from 0
IMAGE = Column(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
METHODS = Column(pa.list_(pa.string()), required=True)
PHENOTYPE = _numbers("gender", "age", "muscle", "weight", "height", "proportions")
CAMERA = _numbers("focal_x", "focal_y", "centre_x", "centre_y", "distance")
KEYPOINTS = Column(pa.list_(pa.float32(), 54))

SIZE = {"width": INT, "height": INT}  # pixels
INTERVAL = {"low": REAL, "high": REAL}
# Every row that a run planned ends in one of two ways.
STATUS = {"status": _one_of("ok", "failed"), "error_type": TEXT, "error_message": TEXT}
# Whose rows these are: a pair of images, of one method and one item.
SCORED = {"score_id": ID, "pair_id": ID, "method": ID, "item_id": ID}

SCHEMAS: dict[str, pa.Schema] = {
    "images": _schema(
        {"image_id": ID, "item_id": TEXT, "person_id": TEXT, "image": IMAGE, **SIZE},
        colour_space="sRGB, 8 bits",
    ),
    "uv_maps": _schema(
        {"image_id": ID, "layout": TEXT, "uv": BYTES, **SIZE},
        {"score": REAL_32, "coarseness": REAL_32, "extractor": TEXT, **STATUS},
        uv="uint16 little-endian, shape (2, height, width), 0 undefined, 1..65535 = -1..1",
        coarseness="pixels of the picture a pixel of the map that it was made of; null: one",
    ),
    # Exact for the sample world, estimated by bodyfit; the label codes are in world/labels.py.
    "annotations": _schema(
        {"image_id": ID, "keypoints": KEYPOINTS, "segmentation": IMAGE, "facing": TEXT},
        keypoints="18 OpenPose (COCO-18) points x (x, y, visible), pixels",
        segmentation="8-bit PNG of label codes",
        facing="front | back | left | right (of the picture); of bodyfit",
    ),
    # Of parsings that `extract` reads: a row a label and a part of the body on which it lies.
    "parsings": _schema(
        {"image_id": ID, "part": _one_of("off", "head", "hands", "thighs", "below_knees", "body")},
        {"number": NUMBER, "label": TEXT, "pixels": NUMBER},
        part="of the UV map; off: no body; body: any other, or unknown",
        number="in the parser's file",
        label="the parser's name for it; null where its table has no such number",
    ),
    # Of `extractor=bodyfit`: anny's own names and ranges.
    "fits": _schema(
        {"image_id": ID, "phenotype": PHENOTYPE},
        {"bones": Column(pa.list_(pa.string())), "rotations": Column(pa.list_(pa.float32()))},
        {"camera": CAMERA},
        rotations="a rotation vector (3 floats, radians) a bone, about its joint, in the axes of "
        "the rest pose, in its parent's frame",
        camera="x = centre_x + focal_x * X / (distance + Y), y = centre_y - focal_y * Z / "
        "(distance + Y), pixels, of (X, Y, Z) metres from the joint of the bone root",
    ),
    "faces": _schema(
        {"image_id": ID, "facing": Column(pa.list_(pa.float32(), 3))},
        facing="where the face looks, a unit vector: x right, y down, z towards the viewer",
    ),
    "pairs": _schema({"from": ID, "to": ID}),
    "renders": _schema(
        {"render_id": ID, "source_id": ID, "pose_id": ID, **STATUS, "attempts": NUMBER},
        {"image": IMAGE, **SIZE, "model": TEXT},
        colour_space="sRGB, 8 bits",
    ),
    # Inception's features of the images of pairs, for metrics of whole sets.
    "features": _schema(
        SCORED,
        {"role": _one_of("generated", "reference", required=False)},
        {"crop": TEXT, "pool": BYTES, "logits": BYTES},
        pool="float32 little-endian (2048,)",
        logits="float32 little-endian (1008,), without bias",
    ),
    "metrics": _schema(
        SCORED,
        {"metric": ID, "value": Column(pa.float64(), about={"NaN": "no pixel of the body counts"})},
    ),
    "scores": _schema(
        {**SCORED, "source": TEXT, "generated": TEXT, "reference": TEXT, **STATUS, **SIZE},
        size="of the generated image, before any crop",
    ),
    # A completed texture against the truth of the sample world; see `workers.textures`.
    "textures": _schema(
        {"image_id": ID, "item_id": ID},
        {
            f"{kind}_{name}": INT if name == "texels" else REAL
            for kind in ("visible", "mirrored", "never_seen")
            for name in ("texels", "mean", "median", "within_2px")
        },
        {"energy": REAL, "energy_true": REAL},
        {"smooth_energy": REAL, "smooth_energy_true": REAL, **STATUS},
        errors="pixels of the photograph; null where there is no such texel, or no coordinates",
        energy="mean square of the Laplacian over texels that the photograph does not show; "
        "smooth: without those where the source coordinates have a seam",
    ),
    # A row a method and variant. `n` pairs have a value, `missing` are ok and have none, `failed`
    # have no row in `metrics`.
    "summary": _schema(
        {"method": ID, "metric": ID},
        {"n": COUNT, "missing": COUNT, "failed": COUNT, "items": COUNT},
        {"mean": REAL, **INTERVAL, "better": _one_of("higher", "lower", required=False)},
        {"definition": TEXT, "resolution": TEXT, "crop": TEXT, "weights_sha256": TEXT},
        {"inputs": Column(pa.string(), about={"format": "JSON, fingerprints"})},
        {"split": TEXT, "forced": Column(pa.bool_(), required=True)},
        interval="95 %, bootstrap over items",
    ),
    # The key of a study: a row a question of a participant. The pack holds nothing of it but ids.
    "trials": _schema(
        {"trial_id": ID, "slot": NUMBER, "position": NUMBER},
        {
            "role": _one_of("practice", "main", "repeat", "sentinel"),
            "question": _one_of("pick", "real_or_fake"),
        },
        {"pair_id": ID, "item_id": ID, "options": METHODS},
        {"answer": Column(PLACE), "repeat_of": TEXT},
        slot="the participant's number, from 0",
        options="the method at each place, left to right; target is the photograph, damaged a "
        "spoiled picture; real_or_fake shows one picture",
        answer="the right place, where there is one; real_or_fake: 0 real, 1 fake",
    ),
    # Which file of the pack shows what; source, target and damaged stand among the methods.
    "pictures": _schema(
        {"pair_id": ID, "method": ID, "file": ID, "width": NUMBER, "height": NUMBER},
        file="name below pack/images/",
    ),
    "responses": _schema(
        {"trial_id": ID, "participant": ID, "choice": Column(PLACE, required=True)},
        {"seconds": REAL, "answered_at": Column(pa.timestamp("ms", tz="UTC"))},
        {"source": _one_of("server", "pack", "mturk")},
        choice="the place chosen, from 0 at the left; real_or_fake: 0 real, 1 fake",
        seconds="from the pictures' showing to the answer",
    ),
    # A row a question and method_a; low and high are of the interval clustered by participant and
    # item both.
    "preferences": _schema(
        {"exclusion": _one_of("all", "filtered")},
        {"question": ID, "method_a": ID, "method_b": TEXT},
        {"options": METHODS, "chance": VALUE},
        {"n_answers": COUNT, "n_chosen": COUNT, "n_participants": COUNT, "n_items": COUNT},
        {"preferred": VALUE, **INTERVAL},
        {
            f"{kind}_{bound}": REAL
            for kind in ("wilson", "participant", "item")
            for bound in INTERVAL
        },
        {"p_binomial": VALUE, "pairs_won": COUNT, "pairs_lost": COUNT, "pairs_tied": COUNT},
        {"alpha": REAL, "sentence": Column(pa.string(), required=True)},
        interval="95 %; low and high: two-way clustered by participant and item",
        preferred="share of answers that chose method_a; real_or_fake: that took it for real",
        chance="the share of who cannot tell",
        alpha="Krippendorff's, nominal",
    ),
    "bradley_terry": _schema(
        {"exclusion": _one_of("all", "filtered")},
        {"method": ID, "n": COUNT, "score": VALUE, **INTERVAL},
        score="log-odds, mean 0 over the methods",
        interval="95 %, two-way clustered by participant and item",
    ),
}


def is_part(name: str) -> bool:
    """Whether a file's name, below its table's root, is that of a part of a Parquet table.

    Readers agree to skip names that begin with _ or . (writers use them for themselves).
    """
    hidden = any(part[:1] in ("_", ".") for part in name.split("/"))
    return name.endswith(".parquet") and not hidden


def parquet_bytes(table: pa.Table) -> bytes:
    """One Parquet file: zstd for everything but encoded image bytes, no dictionaries."""
    return joined_bytes(table.schema, [table])


def joined_bytes(schema: pa.Schema, tables: Iterable[pa.Table]) -> bytes:
    """Tables of one schema, one after the other, as `parquet_bytes` writes them."""
    columns = [path for field in schema for path in _leaves(field)]
    options: dict[str, Any] = {  # pyarrow documents these types, its stubs lack them
        "write_statistics": [path for path in columns if path.endswith("_id")],
        "compression": {path: "none" if path.endswith(".bytes") else "zstd" for path in columns},
    }
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema, use_dictionary=False, **options) as writer:
        for table in tables:
            most = ROW_GROUP_BYTES * len(table) // max(table.nbytes, 1)
            writer.write_table(table, min(max(most, 1), ROWS_PER_ROW_GROUP))
    return out.getvalue()


def _leaves(field: pa.Field) -> list[str]:
    """The Parquet column paths of an Arrow field."""
    if pa.types.is_struct(field.type):
        return [f"{field.name}.{child.name}" for child in field.type]
    if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type):
        return [f"{field.name}.list.element"]
    return [field.name]
