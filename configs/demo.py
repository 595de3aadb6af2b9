"""The configuration of `reposer demo`."""

from pydantic import Field

from configs.fields import Frozen, Url
from configs.run import Execution


class DemoConfig(Frozen):
    """Render people of the sample world, or of your photographs, at 1,024 pixels."""

    input: Url | None = Field(
        default=None,
        description="Your photographs, as `reposer extract` reads them: bodies are fitted to them "
        "and rendered in the bundled poses (default: people of the sample world are rendered in "
        "each other's poses).",
    )
    out: Url = Field(default="demo-out", description="Folder for what is made.")
    execution: Execution = Field(
        default=Execution(), description="Where and how all steps are executed."
    )
