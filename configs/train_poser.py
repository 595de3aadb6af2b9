"""The configuration of `reposer train poser`."""

from typing import Annotated, Literal

from pydantic import Field

from configs.fields import Count, Frozen, Share, Url
from configs.train import Positive, TrainConfig, Weight, Width


class PoseAugmentation(Frozen):
    """How a skeleton and its map are varied. Both change together and stay true."""

    flip: bool = Field(
        default=True,
        description="Mirror half of them, left and right exchanged (on layouts whose sheet is "
        "left/right symmetric).",
    )
    scale: tuple[Positive, Positive] = Field(
        default=(0.65, 1.45), description="Smallest and largest factor that people are scaled by."
    )
    shift: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.1, description="Move people, at most by this share of the map's side."
    )
    jitter: Share = Field(
        default=0.03,
        description="Standard deviation of the points' errors, as a share of the torso's length.",
    )
    missing: Share = Field(
        default=0.5,
        description="Share of skeletons that lack points, as often as OpenPose misses them on "
        "photographs of DeepFashion.",
    )
    hidden: Share = Field(
        default=0.35, description="Share of skeletons that lack all points that are hidden."
    )

    @classmethod
    def none(cls) -> "PoseAugmentation":
        """Skeletons as they are."""
        return cls(flip=False, scale=(1, 1), shift=0, jitter=0, missing=0, hidden=0)


class PoserLosses(Frozen):
    """Weights of the losses of the poser."""

    parts: Weight = Field(default=1.0, description="Cross-entropy of the parts and the background.")
    places: Weight = Field(
        default=2.0, description="L1 of the place within the true part, on the body."
    )


class TrainPoserConfig(TrainConfig):
    """Train the poser, which makes UV maps of skeletons."""

    catalog: Url = Field(description="Catalog of keypoints (annotations) and UV maps to train on.")
    initial: Url | None = Field(
        default=None, description="Poser that training begins with (default: random weights)."
    )
    batch: Count = Field(default=16, description="Samples in a step, of all workers together.")
    bones: Literal[17, 19] = Field(
        default=17, description="Maps of bones that it sees: 19 has those from shoulders to ears."
    )
    width: Width = Field(default=32, description="Channels of the network.")
    parts: Annotated[int, Field(ge=2, le=1024)] = Field(
        default=64, description="Parts of the texture sheet."
    )
    grid: Annotated[int, Field(ge=16, multiple_of=8)] = Field(
        default=64, description="Cells along a map's longer side that the network answers for."
    )
    learning_rate: Positive = Field(default=2e-3, description="Adam's learning rate.")
    augmentation: PoseAugmentation = Field(
        default=PoseAugmentation(), description="How skeletons and maps are varied."
    )
    losses: PoserLosses = Field(
        default=PoserLosses(), description="Weights of the losses of the poser."
    )
