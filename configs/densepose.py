"""The configuration of `extractor=densepose`, and of whom to take of several people."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from configs.fields import Frozen, Url, absolute

MODELS = ("R_50_FPN_s1x", "R_101_FPN_DL_s1x")  # of the DensePose project's model zoo
MODEL_ZOO = (
    "https://github.com/facebookresearch/detectron2/blob/main/projects/DensePose/doc/"
    "DENSEPOSE_IUV.md#ModelZoo"
)

Config = Annotated[str, AfterValidator(lambda c: c if c in MODELS else absolute(c))]
Side = Annotated[int, Field(ge=1)]


class DensePose(Frozen):
    """Which network finds people, and which of them become rows."""

    backend: Literal["detectron2", "torchvision"] | None = Field(
        default=None,
        description="what runs the network (default: detectron2 where it is installed, else "
        "torchvision)",
    )
    config: Config = Field(
        default="R_50_FPN_s1x",
        description=f"{', '.join(MODELS)}, or, for detectron2, the path of a YAML file",
    )
    weights: Url | None = Field(
        default=None, description="the model zoo's .pkl file of that config, local or s3"
    )
    min_score: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.8, description="detections of lower score are nobody"
    )
    min_side: Annotated[int, Field(ge=0)] = Field(
        default=16, description="nor are those whose box's longer side has fewer pixels"
    )
    person: Literal["largest", "score", "centre", "all"] = Field(
        default="largest",
        description="of several people: the largest box, the best score, the box nearest the "
        "photograph's centre; all: a row each, NAME, NAME@2, NAME@3, ... by score",
    )
    precision: Literal["float32", "mixed"] = Field(
        default="float32", description="mixed: half precision where it is safe, on GPUs only"
    )
    short_side: Side = Field(
        default=800, description="the network sees photographs with the shorter side scaled to it"
    )
    long_side: Side = Field(
        default=1333, description="or with the longer side scaled to it, where that is smaller"
    )
    iuv: Literal["none", "vui", "iuv"] = Field(
        default="none",
        description="also write out/iuv/NAME_IUV.png, of the photograph's size, channels in RGB "
        "order: vui, as OpenCV's users have it, or iuv",
    )
