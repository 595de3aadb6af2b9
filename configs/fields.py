"""What the configs share: immutable models, and the types of their fields."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def absolute(url: str) -> str:
    """A local path made absolute: workers do not run in the caller's folder."""
    if not url.strip():
        raise ValueError("a path or URL wanted")
    return url if "://" in url else str(Path(url).expanduser().absolute())


Url = Annotated[str, AfterValidator(absolute)]


class Frozen(BaseModel):
    """Immutable, and refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = Annotated[str, AfterValidator(lambda m: m if m == "symmetry" else absolute(m))]


class ImageFormat(Frozen):
    """How rendered images are encoded."""

    format: Literal["jpeg", "png", "webp"] = Field(default="jpeg", description="file format")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(
        default=95, description="JPEG (always 4:4:4) and WebP quality"
    )
