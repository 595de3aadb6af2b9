"""The network of `extractor=densepose`, and which people become rows."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from configs.fields import URL_SCHEMA, Count, Url, absolute
from configs.people import People

MODELS = ("R_50_FPN_s1x", "R_101_FPN_DL_s1x")  # of the DensePose project's model zoo

Config = Annotated[
    str,
    AfterValidator(lambda config: config if config in MODELS else absolute(config)),
    WithJsonSchema({"anyOf": [{"enum": MODELS}, URL_SCHEMA]}),
]


class DensePose(People):
    """The network that finds people, and which of them become rows."""

    backend: Literal["detectron2", "torchvision"] | None = Field(
        default=None,
        description="The software that runs the network (default: detectron2 where it is "
        "installed, else torchvision).",
    )
    config: Config = Field(
        default="R_50_FPN_s1x",
        description="The network: a name in DensePose's model zoo, or, for detectron2, the path "
        "of a YAML file.",
    )
    weights: Url | None = Field(
        default=None,
        description="The network's weights: the model zoo's .pkl file of that config. "
        "extractor=densepose needs it.",
    )
    precision: Literal["float32", "mixed"] = Field(
        default="float32", description="mixed: half precision where it is safe, on GPUs only."
    )
    short_side: Count = Field(
        default=800,
        description="Pixels of the shorter side to which photographs are scaled for the network, "
        "unless the longer side would exceed long_side.",
    )
    long_side: Count = Field(
        default=1333,
        description="Pixels of the longer side of what the network sees, at most.",
    )
    iuv: Literal["none", "vui", "iuv"] = Field(
        default="none",
        description="Also write out/iuv/NAME_IUV.png in the photograph's size; vui (the order of "
        "OpenCV's users) and iuv say what red, green and blue hold.",
    )
