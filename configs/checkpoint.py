"""The configuration of `reposer checkpoint`."""

from pydantic import Field

from configs.fields import Frozen, Url


class CheckpointImportConfig(Frozen):
    """Turn the authors' two files into a checkpoint."""

    inpainter: Url = Field(description="path of the authors' inpainter.pth (network f)")
    refiner: Url = Field(description="path of the authors' refiner.pth (network g)")
    trained_on: Url | None = Field(
        default=None,
        description="the training images, where they are known: a CSV `from,to`, or a .lst of a "
        "name a line; evaluate then refuses to score them",
    )
    out: Url = Field(description="URL of the checkpoint")
