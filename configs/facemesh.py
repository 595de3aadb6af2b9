"""What `extractor=facemesh` reads, whom it takes, and how it frames faces."""

from pydantic import Field

from configs.faces import FaceFraming
from configs.fields import Share, Url
from configs.people import People, Pixels


class FaceMesh(People, FaceFraming):
    """Which faces are taken; the defaults suit its networks."""

    data: Url | None = Field(
        default=None,
        description="MediaPipe's face_landmarker.task (default: that of `make facemesh-data`).",
    )
    min_score: Share = Field(
        default=0.5, description="Faces with a lower score are ignored: profiles, most of all."
    )
    min_side: Pixels = Field(
        default=24, description="Faces whose box's longer side has fewer pixels are ignored."
    )
