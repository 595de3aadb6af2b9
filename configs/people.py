"""Which of several people become rows: the keys of all extractors that find people."""

from typing import Annotated, Literal

from pydantic import Field

from configs.fields import Frozen, Share

Pixels = Annotated[int, Field(ge=0)]


class People(Frozen):
    """Which of the people on a photograph become rows."""

    min_score: Share = Field(default=0.8, description="Detections with a lower score are ignored.")
    min_side: Pixels = Field(
        default=16, description="Detections whose box's longer side has fewer pixels are ignored."
    )
    person: Literal["largest", "score", "centre", "all"] = Field(
        default="largest",
        description="Who is taken where there are several: the largest box, the best score, or "
        "the box nearest the photograph's centre; all: everybody, as rows NAME, NAME@2, NAME@3, "
        "... by score.",
    )
