"""Which people `extractor=bodyfit` fits."""

from pydantic import Field

from configs.fields import Share
from configs.people import People, Pixels


class BodyFit(People):
    """Which people are fitted; the defaults suit its detector."""

    min_score: Share = Field(default=0.5, description="Detections with a lower score are ignored.")
    min_side: Pixels = Field(
        default=48, description="Detections whose box's longer side has fewer pixels are ignored."
    )
