"""What `extractor=bodyfit` fits and writes."""

from pydantic import Field

from configs.fields import Share
from configs.people import People, Pixels


class BodyFit(People):
    """Which people are fitted, and what is kept of it; the defaults suit its detector."""

    min_score: Share = Field(default=0.5, description="Detections with a lower score are ignored.")
    min_side: Pixels = Field(
        default=48, description="Detections whose box's longer side has fewer pixels are ignored."
    )
    save: bool = Field(
        default=False,
        description="Write the table fits/, too: each body's shape, pose and camera.",
    )
