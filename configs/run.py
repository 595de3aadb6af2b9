"""What every run is told, and how it is carried out."""

from typing import Annotated, Literal

from pydantic import Field

from configs.fields import Frozen, Url


class Execution(Frozen):
    """How a run is executed. Nothing here changes a run's rows, so none of it is hashed."""

    engine: Literal["ray", "local"] = Field(
        default="ray",
        description="ray: a pool of actors, pinned to GPUs where there are any; "
        "local: the calling process",
    )
    workers: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="actors in the pool (default: one a GPU, else one a CPU)"
    )
    gpus_per_worker: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="GPU share of an actor, where the cluster has GPUs"
    )
    microbatch: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="pairs a model call (default: 16 on a GPU, 1 on a CPU), or photographs (8, 1)",
    )
    row_timeout: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="seconds without a row made after which a worker is taken to hang (ray; "
        "default: 30, or 300 for extractor=densepose, which may run on a CPU)",
    )
    worker_memory_gb: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="a worker that holds more is ended (ray; default: its share of four fifths of "
        "its node's)",
    )
    attempts: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="how often a row may end its worker when it is tried alone, before it is "
        "recorded as failed (ray)",
    )
    grace: Annotated[float, Field(ge=0)] = Field(
        default=25.0, description="seconds that shards in work are given after a SIGTERM"
    )
    ray_address: str | None = Field(
        default=None,
        description="an existing Ray cluster (default: RAY_ADDRESS, else one is started)",
    )


class Run(Frozen):
    """What every pipeline command shares. A run is its output URL."""

    out: Url = Field(description="output URL: a folder, file:// or s3://")
    shard_rows: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="rows a shard (default: chosen from the number of rows)"
    )
    max_failed_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="more failed rows than this share end in exit code 3"
    )
    retry_failed: bool = Field(default=False, description="redo the failed rows of a finished run")
    execution: Execution = Field(default=Execution(), description="engine, workers, microbatches")


class ShowConfig(Frozen):
    """Tell how a run stands."""

    url: Url = Field(description="the run's output URL")
