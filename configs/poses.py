"""The configuration of `reposer poses`."""

from typing import Annotated

from pydantic import Field

from configs.run import Run


class PosesConfig(Run):
    """Make a catalog of poses: the stances of poses=bundled, in another size."""

    size: Annotated[int, Field(ge=64, le=1024)] = Field(
        default=256, description="Side of the UV maps in pixels, which is that of the renders."
    )
