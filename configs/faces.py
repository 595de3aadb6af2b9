"""How the extractors of faces frame them."""

from typing import Annotated

from pydantic import Field

from configs.fields import Frozen


class FaceFraming(Frozen):
    """The picture of a face."""

    margin: Annotated[int, Field(ge=0, le=64)] = Field(
        default=10, description="Pixels of the picture that the face leaves free at each side."
    )
    stretch: bool = Field(
        default=True,
        description="Stretch the face to a square, as the paper does; false: keep its proportions.",
    )
