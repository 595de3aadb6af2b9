"""The configuration of `reposer faces plan`."""

from typing import Annotated

from pydantic import Field

from configs.fields import Count, Frozen, Share, Url


class FacesPlanConfig(Frozen):
    """List the paper's pairs of faces, of a catalog: train.csv and test.csv."""

    catalog: Url = Field(
        description="A catalog of videos' faces, with the table faces/: by extract "
        "extractor=facemesh or prnet, or synthesize what=faces."
    )
    out: Url = Field(description="Folder of train.csv and test.csv, each a table from,to.")
    source_every: Count = Field(
        default=120,
        description="Frames whose numbers are multiples of this are the sources of test.csv.",
    )
    quantiles: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        default=(0.25, 0.5, 0.75, 1.0),
        description="A source's targets: the frames nearest to these quantiles of the cosine "
        "between where the two faces look. 1 is the frame most alike, 0 the least.",
    )
    itself: bool = Field(
        default=False, description="Whether a source is among the frames that may be its targets."
    )
    test: Share = Field(
        default=0.2, description="Share of the subjects that are tested: 23 of 114."
    )
    seed: int = Field(default=0, description="Decides which subjects, and which training pairs.")
    train_targets: Count = Field(
        default=16, description="Targets of each frame of train.csv, drawn from its video."
    )
