"""The tables: Parquet schemas, and a table as the bytes of one Parquet file.

Encoded images are `struct<bytes, path>`, the Hugging Face convention, never pixel tensors.
UV maps are little-endian uint16 of shape (2, H, W), channel 0 = u, 1 = v; 0 is undefined,
1..65535 spans [-1, 1] (`models.uv_maps.quantise`).
"""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA_VERSION = 1
ROWS_PER_ROW_GROUP = 100

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
KEYPOINTS = pa.list_(pa.float32(), 54)

# Every row that a run planned ends in one of two ways.
STATUS = [
    pa.field("status", pa.string(), nullable=False, metadata={"values": "ok | failed"}),
    pa.field("error_type", pa.string()),
    pa.field("error_message", pa.string()),
]

# Whose rows these are: a pair of images, of one method and one item.
SCORED = [
    pa.field("score_id", pa.string(), nullable=False),
    pa.field("pair_id", pa.string(), nullable=False),
    pa.field("method", pa.string(), nullable=False),
    pa.field("item_id", pa.string(), nullable=False),
]


def _schema(fields: list, **about: str) -> pa.Schema:
    metadata = {"reposer.schema_version": str(SCHEMA_VERSION)}
    return pa.schema(fields, metadata=metadata | {f"reposer.{k}": v for k, v in about.items()})


SCHEMAS: dict[str, pa.Schema] = {
    "images": _schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("item_id", pa.string()),
            pa.field("person_id", pa.string()),
            pa.field("image", IMAGE),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
        ],
        colour_space="sRGB, 8 bits",
    ),
    "uv_maps": _schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("layout", pa.string()),
            pa.field("uv", pa.binary()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("score", pa.float32()),
            pa.field("extractor", pa.string()),
            *STATUS,
        ],
        uv="uint16 little-endian, shape (2, height, width), 0 undefined, 1..65535 = -1..1",
    ),
    # Ground truth of the sample world; the label codes are in world/labels.py.
    "annotations": _schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("keypoints", KEYPOINTS),
            pa.field("segmentation", IMAGE),
        ],
        keypoints="18 OpenPose (COCO-18) points x (x, y, visible), pixels",
        segmentation="8-bit PNG of label codes",
    ),
    "pairs": _schema(
        [
            pa.field("from", pa.string(), nullable=False),
            pa.field("to", pa.string(), nullable=False),
        ]
    ),
    "renders": _schema(
        [
            pa.field("render_id", pa.string(), nullable=False),
            pa.field("source_id", pa.string(), nullable=False),
            pa.field("pose_id", pa.string(), nullable=False),
            *STATUS,
            pa.field("attempts", pa.int32(), nullable=False),
            pa.field("image", IMAGE),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("model", pa.string()),
        ],
        colour_space="sRGB, 8 bits",
    ),
    # What Inception says of the images of pairs, for metrics of whole sets.
    "features": _schema(
        [
            *SCORED,
            pa.field("role", pa.string(), metadata={"values": "generated | reference"}),
            pa.field("crop", pa.string()),
            pa.field("pool", pa.binary()),
            pa.field("logits", pa.binary()),
        ],
        pool="float32 little-endian (2048,)",
        logits="float32 little-endian (1008,), without bias",
    ),
    "metrics": _schema(
        [
            *SCORED,
            pa.field("metric", pa.string(), nullable=False),
            pa.field("value", pa.float64(), metadata={"NaN": "no pixel of the body counts"}),
        ]
    ),
    "scores": _schema(
        [
            *SCORED,
            pa.field("source", pa.string()),
            pa.field("generated", pa.string()),
            pa.field("reference", pa.string()),
            *STATUS,
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
        ],
        size="of the generated image, before any crop",
    ),
    # How a completer's texture of a photograph of the sample world compares with what is true;
    # see `workers.textures`.
    "textures": _schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("item_id", pa.string(), nullable=False),
            *[
                pa.field(f"{kind}_{name}", pa.int32() if name == "texels" else pa.float64())
                for kind in ("visible", "mirrored", "never_seen")
                for name in ("texels", "mean", "median", "within_2px")
            ],
            pa.field("energy", pa.float64()),
            pa.field("energy_true", pa.float64()),
            pa.field("smooth_energy", pa.float64()),
            pa.field("smooth_energy_true", pa.float64()),
            *STATUS,
        ],
        errors="pixels of the photograph; null where there is no such texel, or no coordinates",
        energy="mean square of the Laplacian over texels that the photograph does not show; "
        "smooth: without those where the source coordinates have a seam",
    ),
    # A row a method and variant. `n` pairs have a value, `missing` are ok and have none, `failed`
    # have no row in `metrics`.
    "summary": _schema(
        [
            pa.field("method", pa.string(), nullable=False),
            pa.field("metric", pa.string(), nullable=False),
            pa.field("n", pa.int64(), nullable=False),
            pa.field("missing", pa.int64(), nullable=False),
            pa.field("failed", pa.int64(), nullable=False),
            pa.field("items", pa.int64(), nullable=False),
            pa.field("mean", pa.float64()),
            pa.field("low", pa.float64()),
            pa.field("high", pa.float64()),
            pa.field("better", pa.string(), metadata={"values": "higher | lower"}),
            pa.field("definition", pa.string()),
            pa.field("resolution", pa.string()),
            pa.field("crop", pa.string()),
            pa.field("weights_sha256", pa.string()),
            pa.field("inputs", pa.string(), metadata={"format": "JSON, fingerprints"}),
            pa.field("split", pa.string()),
            pa.field("forced", pa.bool_(), nullable=False),
        ],
        interval="95 %, bootstrap over items",
    ),
    # The key of a study: a row a question of a participant. The pack holds none of it but the ids.
    "trials": _schema(
        [
            pa.field("trial_id", pa.string(), nullable=False),
            pa.field("slot", pa.int32(), nullable=False),
            pa.field("position", pa.int32(), nullable=False),
            pa.field(
                "role",
                pa.string(),
                nullable=False,
                metadata={"values": "practice | main | repeat | sentinel"},
            ),
            pa.field(
                "question", pa.string(), nullable=False, metadata={"values": "pick | real_or_fake"}
            ),
            pa.field("pair_id", pa.string(), nullable=False),
            pa.field("item_id", pa.string(), nullable=False),
            pa.field("options", pa.list_(pa.string()), nullable=False),
            pa.field("answer", pa.int8()),
            pa.field("repeat_of", pa.string()),
        ],
        slot="the participant's number, from 0",
        options="the method at each place, left to right; target is the photograph, damaged a "
        "spoiled picture; real_or_fake shows one picture",
        answer="the right place, where there is one; real_or_fake: 0 real, 1 fake",
    ),
    # Which file of the pack shows what; source, target and damaged stand among the methods.
    "pictures": _schema(
        [
            pa.field("pair_id", pa.string(), nullable=False),
            pa.field("method", pa.string(), nullable=False),
            pa.field("file", pa.string(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
        ],
        file="name below pack/images/",
    ),
    "responses": _schema(
        [
            pa.field("trial_id", pa.string(), nullable=False),
            pa.field("participant", pa.string(), nullable=False),
            pa.field("choice", pa.int8(), nullable=False),
            pa.field("seconds", pa.float64()),
            pa.field("answered_at", pa.timestamp("ms", tz="UTC")),
            pa.field(
                "source", pa.string(), nullable=False, metadata={"values": "server | pack | mturk"}
            ),
        ],
        choice="the place chosen, from 0 at the left; real_or_fake: 0 real, 1 fake",
        seconds="from the pictures' showing to the answer",
    ),
    # A row a question and method_a; low and high are of the honest interval, by participant and
    # item both.
    "preferences": _schema(
        [
            pa.field(
                "exclusion", pa.string(), nullable=False, metadata={"values": "all | filtered"}
            ),
            pa.field("question", pa.string(), nullable=False),
            pa.field("method_a", pa.string(), nullable=False),
            pa.field("method_b", pa.string()),
            pa.field("options", pa.list_(pa.string()), nullable=False),
            pa.field("chance", pa.float64(), nullable=False),
            *(
                pa.field(name, pa.int64(), nullable=False)
                for name in ("n_answers", "n_chosen", "n_participants", "n_items")
            ),
            pa.field("preferred", pa.float64(), nullable=False),
            pa.field("low", pa.float64()),
            pa.field("high", pa.float64()),
            *(
                pa.field(f"{kind}_{bound}", pa.float64())
                for kind in ("wilson", "participant", "item")
                for bound in ("low", "high")
            ),
            pa.field("p_binomial", pa.float64(), nullable=False),
            *(
                pa.field(f"pairs_{what}", pa.int64(), nullable=False)
                for what in ("won", "lost", "tied")
            ),
            pa.field("alpha", pa.float64()),
            pa.field("sentence", pa.string(), nullable=False),
        ],
        interval="95 %; low and high: two-way clustered by participant and item",
        preferred="share of answers that chose method_a; real_or_fake: that took it for real",
        chance="the share of who cannot tell",
        alpha="Krippendorff's, nominal",
    ),
    "bradley_terry": _schema(
        [
            pa.field(
                "exclusion", pa.string(), nullable=False, metadata={"values": "all | filtered"}
            ),
            pa.field("method", pa.string(), nullable=False),
            pa.field("n", pa.int64(), nullable=False),
            pa.field("score", pa.float64(), nullable=False),
            pa.field("low", pa.float64()),
            pa.field("high", pa.float64()),
        ],
        score="log-odds, mean 0 over the methods",
        interval="95 %, two-way clustered by participant and item",
    ),
}


def is_part(name: str) -> bool:
    """Whether a file's name, below its table's root, is that of a part of a Parquet table.

    Names that begin with _ or . are what writers leave for themselves, as readers agree.
    """
    hidden = any(part[:1] in ("_", ".") for part in name.split("/"))
    return name.endswith(".parquet") and not hidden


def parquet_bytes(table: pa.Table) -> bytes:
    """One Parquet file: zstd for everything but encoded image bytes, no dictionaries."""
    columns = [path for field in table.schema for path in _leaves(field)]
    options: dict[str, Any] = {  # of types that pyarrow documents and its stubs do not know
        "write_statistics": [path for path in columns if path.endswith("_id")],
        "compression": {path: "none" if path.endswith(".bytes") else "zstd" for path in columns},
    }
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=ROWS_PER_ROW_GROUP, use_dictionary=False, **options)
    return out.getvalue()


def _leaves(field: pa.Field) -> list[str]:
    """Parquet's column paths of one Arrow field."""
    if pa.types.is_struct(field.type):
        return [f"{field.name}.{child.name}" for child in field.type]
    if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type):
        return [f"{field.name}.list.element"]
    return [field.name]
