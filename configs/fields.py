"""What the configs share: immutable models, the types of their fields, and a run's identity."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

# Marks a field that is no part of a run's identity: it says where or how a run is executed, or what
# it tells, not what it makes. Two calls of one run may differ in it.
NOT_IDENTITY = "not part of a run's identity"

# How help and messages name a type (`pipelines.cli.keys`).
URL_SCHEMA = {"type": "string", "format": "url"}

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
# What stays of a photograph whose person is dressed in other clothes.
Reveal = Literal["none", "head_and_hands"]
# The longer side of pictures, in pixels; native: the size that they have.
Extent = Literal["native"] | Annotated[int, Field(ge=32, le=4096)]


def absolute(url: str) -> str:
    """A local path made absolute: workers do not run in the caller's folder."""
    if not url.strip():
        raise ValueError("a path or URL wanted")
    return url if "://" in url else str(Path(url).expanduser().absolute())


class Frozen(BaseModel):
    """Immutable, and refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def identity_of(config: Frozen) -> dict[str, Any]:
    """The fields that decide what a run makes, as JSON values; without those of NOT_IDENTITY."""
    values = config.model_dump(mode="json")
    kept = {}
    for name, field in type(config).model_fields.items():
        if NOT_IDENTITY not in field.metadata:
            value = getattr(config, name)
            kept[name] = identity_of(value) if isinstance(value, Frozen) else values[name]
    return kept


Url = Annotated[str, AfterValidator(absolute), WithJsonSchema(URL_SCHEMA)]
# What comes with reposer has a name of its own (`assets`).
Poses = Annotated[
    str,
    AfterValidator(lambda poses: poses if poses == "bundled" else absolute(poses)),
    WithJsonSchema({"anyOf": [{"const": "bundled"}, URL_SCHEMA]}),
]
BUNDLED = ("bundled", "bundled-tryon")
Checkpoint = Annotated[
    str,
    AfterValidator(lambda url: url if url in BUNDLED else absolute(url)),
    WithJsonSchema({"anyOf": [{"enum": list(BUNDLED)}, URL_SCHEMA]}),
]
Model = Annotated[
    str,
    AfterValidator(lambda model: model if model in ("symmetry", *BUNDLED) else absolute(model)),
    WithJsonSchema({"anyOf": [{"enum": ["symmetry", *BUNDLED]}, URL_SCHEMA]}),
]


class ImageFormat(Frozen):
    """How pictures are encoded."""

    format: Literal["jpeg", "png", "webp"] = Field(default="jpeg", description="File format.")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(
        default=95, description="Quality of JPEG (always 4:4:4) and of WebP."
    )
