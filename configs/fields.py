"""What the configs share: immutable models, and the types of their fields."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def absolute(url: str) -> str:
    """A local path made absolute: workers do not run in the caller's folder."""
    if not url.strip():
        raise ValueError("a path or URL wanted")
    return url if "://" in url else str(Path(url).expanduser().absolute())


Url = Annotated[str, AfterValidator(absolute)]


class Frozen(BaseModel):
    """Immutable, and refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
