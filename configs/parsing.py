"""What a human parser wrote beside the photographs."""

from typing import Literal

from pydantic import Field

from configs.fields import Frozen, Url


class Parsing(Frozen):
    """What a human parser wrote beside the photographs: a file each, of label numbers."""

    folder: Url = Field(
        description="Folder (or pattern) of its files: NAME.png, NAME_segm.png, Sapiens' "
        "NAME_seg.npy, or DressCode's NNNNNN_4.png for NNNNNN_0.jpg. A photograph without one is a "
        "failed row."
    )
    labels: Literal[
        "lip",
        "cihp",
        "viton-hd",
        "atr",
        "dresscode",
        "deepfashion-multimodal",
        "sapiens",
        "fashn",
        "reposer",
    ] = Field(description="Whose numbers these are; reposer: those that `synthesize` writes.")
