"""The configuration of `reposer demo`."""

from typing import Literal

from pydantic import Field

from configs.fields import Frozen, Url


class DemoConfig(Frozen):
    """Render the bundled sample."""

    out: Url = Field(default="demo-out", description="output folder")
    engine: Literal["ray", "local"] = Field(default="ray", description="as in render")
