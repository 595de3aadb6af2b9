"""The configuration of `reposer checkpoint`."""

from pydantic import Field

from configs.fields import Frozen, Url


class CheckpointImportConfig(Frozen):
    """Turn the authors' inpainter.pth and refiner.pth into a checkpoint."""

    inpainter: Url = Field(description="The authors' inpainter.pth, which holds network f.")
    refiner: Url = Field(description="The authors' refiner.pth, which holds network g.")
    trained_on: Url | None = Field(
        default=None,
        description="The training images, if they are known: a CSV `from,to`, or a .lst with one "
        "name a line. `reposer evaluate` then refuses to score them.",
    )
    out: Url = Field(description="Where the checkpoint is written.")
