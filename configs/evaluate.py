"""The configuration of `reposer evaluate`."""

import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from configs.fields import Frozen, Url, absolute
from configs.run import Run


class Bootstrap(Frozen):
    """How intervals are estimated."""

    replicates: Annotated[int, Field(ge=100)] = Field(
        default=2000, description="draws of items with replacement"
    )
    seed: int = Field(default=0, description="seed of the draws")


class Gate(Frozen):
    """What a metric must reach for a run to be accepted."""

    metric: str = Field(description="one of metrics")
    method: str | None = Field(default=None, description="of several methods (default: each)")
    worst: float | None = Field(default=None, description="the mean must not be worse")
    no_regression: bool = Field(
        default=False, description="nor outside the last accepted run's interval on the worse side"
    )

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if (self.worst is None) == (not self.no_regression):
            raise ValueError(f"the gate on {self.metric} wants one of worst, no_regression: true")
        return self


INPUTS = ("renders + catalog", "generated + reference", "strips", "side_by_side", "compare")


class EvaluateConfig(Run):
    """Measure generated images against photographs, or compare two such runs."""

    renders: Url | None = Field(default=None, description="a finished run of render; with catalog")
    catalog: Url | None = Field(
        default=None, description="catalog whose photographs of the poses are the ground truth"
    )
    generated: Url | None = Field(
        default=None, description="folder of generated images, in the field's names; with reference"
    )
    reference: Url | None = Field(default=None, description="folder of the photographs")
    strips: Url | None = Field(
        default=None, description="folder of strips [condition | target | generated]"
    )
    side_by_side: Url | None = Field(
        default=None, description="folder of N_METHOD.png, with N_target.png: several methods"
    )
    compare: tuple[Url, Url] | None = Field(
        default=None, description="two finished runs of evaluate: A, and B that may be better"
    )
    methods: tuple[str, str] | None = Field(
        default=None, description="compare: the method of A and of B (default: those they share)"
    )
    method: str | None = Field(
        default=None, description="name in the tables (default: the model's, or the folder's)"
    )
    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default=("ssim_dsc", "ssim_255", "ssim_win51", "ms_ssim", "psnr", "l1"),
        description="NAME[.176x256|.white|.256][.body]; see README for the names",
    )
    weights: Annotated[str, AfterValidator(absolute)] | None = Field(
        default=None,
        description="local folder of weights files (default: $TORCH_HOME/hub/checkpoints)",
    )
    split: Url | None = Field(
        default=None,
        description="pair list (CSV `from,to`): its pairs are scored, each and no others",
    )
    force: bool = Field(
        default=False, description="score images that the model was trained on, and mark it"
    )
    bootstrap: Bootstrap = Field(default=Bootstrap(), description="intervals")
    gates: tuple[Gate, ...] = Field(
        default=(), description="conditions of acceptance; one that fails ends in exit code 3"
    )
    date: datetime.date | None = Field(
        default=None,
        description="logical date of a scheduled run, YYYY-MM-DD: the run is out/runs/DATE",
    )
    lease_seconds: Annotated[float, Field(gt=0)] = Field(
        default=900.0, description="a scheduled run that died keeps others waiting so long"
    )

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        halves = [(self.renders, self.catalog), (self.generated, self.reference)]
        given = [any(half) for half in halves]
        given += [bool(v) for v in (self.strips, self.side_by_side, self.compare)]
        if sum(given) != 1 or any(any(half) and not all(half) for half in halves):
            raise ValueError(f"wants exactly one input: {', '.join(INPUTS)}")
        return self
