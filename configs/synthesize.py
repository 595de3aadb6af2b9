"""The configuration of `reposer synthesize`."""

from typing import Annotated, Literal

from pydantic import Field

from configs.fields import NOT_IDENTITY, Count, ImageFormat, Url
from configs.run import Run


class SynthesizeConfig(Run):
    """Make a catalog of the sample world: dressed bodies with exact UV maps."""

    items: Count = Field(
        default=100, description="Number of garment sets, each worn by one person."
    )
    views: Count = Field(default=4, description="Photographs of each item, each in another pose.")
    size: Annotated[int, Field(ge=64, le=1024)] = Field(
        default=256, description="Side of the photographs in pixels."
    )
    seed: int = Field(default=0, description="Seed of the world.")
    stock: Literal["whole", "training", "held_out"] = Field(
        default="whole",
        description="Which colours and words the clothes bear: all of them, or those of one of two "
        "parts that have none in common.",
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
