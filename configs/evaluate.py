"""The configuration of `reposer evaluate`."""

import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.fields import NOT_IDENTITY, Frozen, Url
from configs.run import Run


class Bootstrap(Frozen):
    """How confidence intervals are estimated."""

    replicates: Annotated[int, Field(ge=100)] = Field(
        default=2000, description="How often the items are drawn anew, with replacement."
    )
    seed: int = Field(default=0, description="Seed of the draws.")


class Gate(Frozen):
    """What a metric must reach for a run to be accepted."""

    metric: str = Field(description="One of metrics.")
    method: str | None = Field(
        default=None, description="Which of several methods it holds for (default: all)."
    )
    worst: float | None = Field(default=None, description="The mean must not be worse than this.")
    no_regression: bool = Field(
        default=False,
        description="The mean must not be worse than the whole interval of the last accepted run.",
    )

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if (self.worst is None) == (not self.no_regression):
            raise ValueError(f"the gate on {self.metric} wants one of worst, no_regression: true")
        return self


INPUTS = (
    "renders + catalog",
    "renders + truth",
    "generated + reference",
    "strips",
    "side_by_side",
    "compare",
)


class EvaluateConfig(Run):
    """Measure generated images against photographs, or compare two such runs."""

    renders: Url | None = Field(
        default=None, description="A finished run of render; wants catalog= or truth=, too."
    )
    catalog: Url | None = Field(
        default=None,
        description="Catalog whose photographs of the target poses are the ground truth.",
    )
    # The plan holds it as a fact where it is given: runs from before there was such a key go on.
    truth: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None,
        description="Catalog of what is true of each render, under the render's id, as `synthesize "
        "pairs=` makes it: the ground truth of renders across people.",
    )
    generated: Url | None = Field(
        default=None,
        description="Folder of generated images, named as the field names them; wants reference=, "
        "too.",
    )
    reference: Url | None = Field(default=None, description="Folder of the real photographs.")
    strips: Url | None = Field(
        default=None, description="Folder of strips [condition | target | generated]."
    )
    side_by_side: Url | None = Field(
        default=None,
        description="Folder of N_METHOD.png of several methods, with N_target.png, the photograph.",
    )
    compare: tuple[Url, Url] | None = Field(
        default=None, description="Two finished runs of evaluate: is the second one better?"
    )
    methods: tuple[str, str] | None = Field(
        default=None,
        description="With compare=, the method of each run (default: those that both have).",
    )
    method: str | None = Field(
        default=None,
        description="Name of the method in the tables (default: the model's, or the folder's).",
    )
    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default=("ssim_dsc", "ssim_255", "ssim_win51", "ms_ssim", "psnr", "l1"),
        description="Names of metrics: NAME[.176x256|.white|.256]"
        "[.body|.person|.torso|.garment|.head], where NAME is ssim_dsc, ssim_255, ssim_win51, "
        "ms_ssim, psnr, l1, detail, lpips_alex, lpips_vgg, lpips_squeeze, lpips_squeeze_caffe, "
        "fid, kid or is_10.",
    )
    metric_weights: Annotated[Url | None, NOT_IDENTITY] = Field(
        default=None,
        description="Local folder of the weights files that lpips, fid, kid and is_10 need "
        "(default: $TORCH_HOME/hub/checkpoints).",
    )
    # The plan holds it as a fact where it is true: runs from before there was such a key go on.
    resize: Annotated[bool, NOT_IDENTITY] = Field(
        default=False,
        description="Scale generated images of another size than their photographs to that size "
        "(bicubic), instead of failing their pairs.",
    )
    split: Url | None = Field(
        default=None,
        description="Table `from,to` of the pairs to score, each of them and no others (default: "
        "all that are found).",
    )
    # The plan holds it as a fact where renders are unpaired.
    unpaired: Annotated[bool, NOT_IDENTITY] = Field(
        default=False,
        description="The images show clothes on other people, so that no photograph is the truth: "
        "measured by fid and kid alone, against the photographs of these people (default: where "
        "the items of renders= say so).",
    )
    force: bool = Field(
        default=False,
        description="Score images that the model was trained on, too, and say so in the results.",
    )
    bootstrap: Bootstrap = Field(default=Bootstrap(), description="Confidence intervals.")
    gates: Annotated[tuple[Gate, ...], NOT_IDENTITY] = Field(
        default=(),
        description="Conditions of acceptance. If one is not met, the exit code is 3.",
    )
    date: datetime.date | None = Field(
        default=None,
        description="Logical date of a scheduled run, YYYY-MM-DD; the run is then written to "
        "OUT/runs/DATE.",
    )
    lease_seconds: Annotated[float, Field(gt=0), NOT_IDENTITY] = Field(
        default=900.0,
        description="With date=, how long a run that died keeps others from starting.",
    )

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        halves = [(self.renders, self.catalog or self.truth), (self.generated, self.reference)]
        given = [any(half) for half in halves]
        given += [bool(v) for v in (self.strips, self.side_by_side, self.compare)]
        halved = any(any(half) and not all(half) for half in halves)
        if sum(given) != 1 or halved or (self.catalog and self.truth):
            raise ValueError(f"wants exactly one input: {', '.join(INPUTS)}")
        return self
