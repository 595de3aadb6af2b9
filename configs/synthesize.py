"""The configuration of `reposer synthesize`."""

from typing import Annotated, Literal

from pydantic import Field

from configs.fields import ImageFormat
from configs.run import Run


class SynthesizeConfig(Run):
    """Make a catalog of the sample world: dressed bodies with exact UV maps."""

    items: Annotated[int, Field(ge=1)] = Field(
        default=100, description="garment sets, each on one person"
    )
    views: Annotated[int, Field(ge=1)] = Field(default=4, description="poses an item is seen in")
    size: Annotated[int, Field(ge=64, le=1024)] = Field(
        default=256, description="image side in pixels"
    )
    seed: int = Field(default=0, description="the world's seed")
    stock: Literal["whole", "training", "held_out"] = Field(
        default="whole",
        description="colours and words of the clothes: all, or of two parts that share none",
    )
    fabrics: Literal["mixed", "bold"] = Field(
        default="mixed",
        description="mixed: many clothes are plain, as people's are; bold: none is",
    )
    image: ImageFormat = Field(default=ImageFormat(), description="encoding of the photographs")
