"""The configuration of `reposer synthesize`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import NOT_IDENTITY, Count, ImageFormat, Url
from configs.run import Run

OF_PEOPLE = ("uv", "uv_noise", "pose_noise", "pairs")  # keys that faces do not have


class SynthesizeConfig(Run):
    """Make a catalog of the sample world: dressed bodies with exact UV maps."""

    # The plan holds `what` and `layout` as facts where they are not the defaults.
    what: Annotated[Literal["people", "faces"], NOT_IDENTITY] = Field(
        default="people",
        description="people: whole bodies, as catalogs show them; faces: heads, as videos do.",
    )
    layout: Annotated[Literal["anny", "face468"], NOT_IDENTITY] = Field(
        default="anny",
        description="Layout of the UV maps. face468, MediaPipe's mesh, is for faces alone.",
    )
    items: Count = Field(
        default=100,
        description="Number of garment sets, each worn by one person; of faces, of people.",
    )
    views: Count = Field(
        default=4,
        description="Photographs of each item, each in another pose; of faces, frames of a video.",
    )
    size: Annotated[int, Field(ge=64, le=1024)] = Field(
        default=256, description="Side of the photographs in pixels."
    )
    seed: int = Field(default=0, description="Seed of the world.")
    stock: Literal["whole", "training", "held_out"] = Field(
        default="whole",
        description="Which colours and words the clothes bear: all of them, or those of one of two "
        "parts that have none in common. Of faces: training and held_out are other people.",
    )
    fabrics: Literal["mixed", "bold"] = Field(
        default="mixed",
        description="mixed: many clothes are plain, as people's are; bold: all have patterns.",
    )
    uv: Literal["body", "person", "mixed"] = Field(
        default="body",
        description="body: exact UV maps, which end where the body does; person: maps that are "
        "stretched over hair, skirts and loose clothes, as extractor=bodyfit's are; mixed: one or "
        "the other, at random. The photographs are the same.",
    )
    uv_noise: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.0,
        description="Radians by which, about, the limbs under persons' maps are turned at random: "
        "0.08 errs as extractor=bodyfit does.",
    )
    pose_noise: Annotated[float, Field(ge=0, le=0.5), NOT_IDENTITY] = Field(
        default=0.0,
        description="Radians by which, about, limbs and people are turned at random beyond the "
        "poses of catalogs: 0.2 shows many poses.",
    )
    image: ImageFormat = Field(default=ImageFormat(), description="Encoding of the photographs.")
    # The plan holds it as a fact where it is given: runs from before there was such a key go on.
    pairs: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None,
        description="Table `from,to` of a world's photographs. Instead of them, what is true of "
        "garment transfer is made: the person of `to` in the clothes of `from`, before white.",
    )

    @model_validator(mode="after")
    def _one_world(self) -> Self:
        if self.what == "people" and self.layout != "anny":
            raise ValueError(f"layout={self.layout} is of faces: give what=faces, too")
        defaults = {name: type(self).model_fields[name].default for name in OF_PEOPLE}
        given = [name for name, value in defaults.items() if getattr(self, name) != value]
        if self.what == "faces" and given:
            raise ValueError(f"{given[0]} is a key of what=people, which faces do not have")
        return self
