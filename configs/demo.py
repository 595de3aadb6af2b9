"""The configuration of `reposer demo`."""

from pydantic import Field

from configs.fields import Frozen, Url
from configs.run import Execution


class DemoConfig(Frozen):
    """Render the bundled sample with the bundled networks, in under a minute."""

    out: Url = Field(default="demo-out", description="Folder for pairs and renders.")
    execution: Execution = Field(
        default=Execution(), description="Where and how the rendering is executed."
    )
