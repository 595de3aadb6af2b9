"""The names of metric columns: a metric, and what of the images it is taken over."""

from difflib import get_close_matches
from typing import Literal, NamedTuple, Self

from eval.metrics.crops import CROPS, Crop
from eval.metrics.registry import METRICS, Better, OfPairs

Mask = Literal["body", "person", "torso", "garment", "head"]
REGIONS = ("body", "garment", "head")  # over whose pixels alone a mean is taken
MASKS: dict[Mask, str] = {
    "body": "mean over the pixels of the body",
    "person": "both images white outside the person of the reference image",
    "torso": "of a square of 256 pixels of both images, about the torso of the reference image's "
    "person",
    "garment": "mean over the pixels of clothes and shoes of the reference image",
    "head": "mean over the pixels of the head of the reference image: face, hair, hat, glasses",
}


class MetricVariant(NamedTuple):
    """A metric, the crop of the images that it sees, and the mask that decides what counts there.

    Spelled metric[.crop][.mask]: `ssim_dsc`, `ssim_dsc.176x256`, `l1.white.body`, `ms_ssim.person`.
    The crop `full` is not spelled.
    """

    metric: str
    crop: Crop = "full"
    mask: Mask | None = None

    def __str__(self) -> str:
        crop = None if self.crop == "full" else self.crop
        return ".".join(filter(None, (self.metric, crop, self.mask)))

    @classmethod
    def parse(cls, name: str) -> Self:
        """The variant that `name` spells; ValueError, naming the nearest, if there is none."""
        metric, *options = name.split(".")
        if metric not in METRICS:
            near = get_close_matches(metric, METRICS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f": choose from {', '.join(METRICS)}"
            raise ValueError(f"no metric is called {metric}{hint}")
        crop: Crop | None = next((c for c in CROPS if [c] == options[:1]), None)
        rest = options[1:] if crop else options
        mask: Mask | None = next((m for m in MASKS if [m] == rest), None)
        if rest and mask is None:
            raise ValueError(
                f"{name}: after the metric come a crop ({', '.join(CROPS)}) and then a mask "
                f"({', '.join(MASKS)}): ssim_dsc.176x256.body"
            )
        compute = METRICS[metric].compute
        of_pairs = isinstance(compute, OfPairs)
        if mask and not (of_pairs and (mask not in REGIONS or compute.over_body)):
            raise ValueError(f"{name}: {metric} cannot be taken over the {mask} alone")
        if mask == "torso" and crop:
            raise ValueError(f"{name}: the torso is cut from the whole image: {metric}.torso")
        return cls(metric, crop or "full", mask)

    @property
    def better(self) -> Better:
        """Whether higher or lower values are better."""
        return METRICS[self.metric].better

    @property
    def of(self) -> Literal["pair", "set"]:
        """Whether it has a value a pair of images, or one a set of images."""
        return "pair" if isinstance(METRICS[self.metric].compute, OfPairs) else "set"

    @property
    def definition(self) -> str:
        """What it means, in one line."""
        parts = [METRICS[self.metric].definition]
        if self.crop != "full":
            parts.append(f"of {CROPS[self.crop]}")
        if self.mask:
            parts.append(MASKS[self.mask])
        return "; ".join(parts)


Row = tuple[str, MetricVariant]
"""Of a summary: the name of a method, and the metric."""
