"""The network of `extractor=keypoints`, and which skeletons become rows."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from configs.fields import URL_SCHEMA, Share, absolute
from configs.people import People, Pixels


def _canvas(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", text):
        raise ValueError("WIDTHxHEIGHT in pixels wanted, such as 384x512")
    return text


Poser = Annotated[
    str,
    AfterValidator(lambda poser: poser if poser == "bundled" else absolute(poser)),
    WithJsonSchema({"anyOf": [{"const": "bundled"}, URL_SCHEMA]}),
]


class Keypoints(People):
    """The network that draws UV maps of skeletons, and which of them become rows."""

    model: Poser = Field(
        default="bundled",
        description="A checkpoint of train poser; bundled: the network that comes with reposer, "
        "for layout anny.",
    )
    canvas: Annotated[str, AfterValidator(_canvas)] | None = Field(
        default=None,
        description="WIDTHxHEIGHT of the picture in whose pixels coordinates are, such as 384x512 "
        "(default: that of the format, else of the picture NAME.jpg beside NAME.json). What a "
        "file says itself comes first.",
    )
    min_confidence: Share = Field(
        default=0.1, description="Points of which a file is less confident are missing."
    )
    min_score: Share = Field(
        default=0.0,
        description="Skeletons with a lower mean confidence of their points are ignored.",
    )
    min_side: Pixels = Field(
        default=16, description="Skeletons whose box's longer side has fewer pixels are ignored."
    )
