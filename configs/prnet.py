"""What `extractor=prnet` reads, and how it frames faces."""

from typing import Literal

from pydantic import Field

from configs.faces import FaceFraming
from configs.fields import Url


class PRNet(FaceFraming):
    """Meshes that PRNet's programs have written."""

    data: Url | None = Field(
        default=None,
        description="PRNet's folder Data/uv-data, which extractor=prnet needs: face_ind.txt, and "
        "perhaps triangles.txt (else the rim differs) and canonical_vertices.npy (else nobody "
        "knows where faces look).",
    )
    picture: Literal["auto", "own", "256", "1000"] = Field(
        default="auto",
        description="The picture on which meshes lie: own: the photograph; 256: its copy of "
        "256x256 pixels; 1000: its copy whose longer side has 1,000. auto: where the mesh's own "
        "colours say so, else the photograph.",
    )
