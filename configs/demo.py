"""The configuration of `reposer demo`."""

from pydantic import Field

from configs.fields import Frozen, Url
from configs.run import Execution


class DemoConfig(Frozen):
    """Render the bundled sample, or the people of your photographs."""

    input: Url | None = Field(
        default=None,
        description="Your photographs, as `reposer extract` reads them: bodies are fitted to them "
        "and rendered in the bundled poses (default: the bundled sample is rendered).",
    )
    out: Url = Field(default="demo-out", description="Folder for what is made.")
    execution: Execution = Field(
        default=Execution(), description="Where and how the rendering is executed."
    )
