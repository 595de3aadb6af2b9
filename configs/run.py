"""What every run is told, and how it is carried out."""

import os
from typing import Annotated, Literal

from pydantic import Field

from configs.fields import NOT_IDENTITY, Count, Frozen, Share, Url


class Placement(Frozen):
    """Where a command computes. Nothing here changes what it makes."""

    engine: Literal["ray", "local"] = Field(
        default="ray",
        description="ray: workers on a Ray cluster, on GPUs where there are any; local: this "
        "process alone.",
    )
    workers: Count | None = Field(
        default=None,
        description="Number of Ray workers (default: one a GPU; without GPUs one a CPU, and one "
        "for training).",
    )
    ray_address: str | None = Field(
        default=None,
        description="Address of a Ray cluster (default: RAY_ADDRESS; without it, Ray is started "
        "here for this command).",
    )
    gpus_per_worker: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Share of a GPU for each worker (default: 1 where the cluster has GPUs). On a "
        "cluster that is named, a given share makes workers wait for GPUs, and the cluster grow.",
    )


def named_cluster(ray_address: str | None) -> str | None:
    """The cluster that the key or the environment names; None for one of our own, here."""
    address = ray_address or os.environ.get("RAY_ADDRESS")
    return None if address in (None, "", "local") else address


class Execution(Placement):
    """How a run of shards is executed. Of this only `precision` changes rows: a plan says which."""

    microbatch: Count | None = Field(
        default=None,
        description="Pairs in one call of the model (default: 16 on a GPU, 1 on a CPU); for "
        "extractor=densepose photographs (default: 8 and 1).",
    )
    precision: Literal["auto", "fp32", "fp16"] = Field(
        default="auto",
        description="Of g, where a checkpoint renders: fp32, the reference (on a GPU without "
        "TF32); fp16, many times faster on a GPU; auto: fp16 where the cluster that is named, or "
        "else this machine, has GPUs.",
    )
    compile: bool = Field(
        default=True,
        description="With fp16 on a GPU, run what lies between convolutions as Triton kernels, and "
        "start a batch as one, a CUDA graph; false: torch's own operations one by one, slower and "
        "with the same results up to rounding.",
    )
    row_timeout: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="A Ray worker that finishes no row in so many seconds is taken to hang, and is "
        "replaced (default: 30, or 128 for pictures of 1,024 pixels; for extractor=densepose, "
        "which may run on a CPU, 300).",
    )
    worker_memory_gb: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="A Ray worker that holds more memory is replaced (default: four fifths of the "
        "node's memory, shared by its workers).",
    )
    attempts: Count = Field(
        default=1,
        description="A row that ends its Ray worker so many times while it is tried alone is "
        "recorded as failed.",
    )
    rate: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Rows a second that one worker makes, for --dry-run (default: as measured on "
        "the rows that the run has made so far).",
    )
    price_per_hour: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Price of an hour of one GPU, or of one worker where there are no GPUs: "
        "--dry-run then says what the run will cost.",
    )
    grace: Annotated[float, Field(ge=0)] = Field(
        default=25.0, description="Seconds that unfinished shards are given after a SIGTERM."
    )


class Run(Frozen):
    """What every command that writes tables shares. A run is its output URL."""

    out: Annotated[Url, NOT_IDENTITY] = Field(
        description="Where the run is written: a folder, file:// or s3://. It must be empty or "
        "hold the same run, which is then resumed."
    )
    shard_rows: Annotated[Count | None, NOT_IDENTITY] = Field(
        default=None, description="Rows in a shard (default: chosen from the number of rows)."
    )
    max_failed_fraction: Annotated[Share, NOT_IDENTITY] = Field(
        default=0.05, description="If a larger share of the rows fails, the exit code is 3."
    )
    retry_failed: Annotated[bool, NOT_IDENTITY] = Field(
        default=False, description="Make the failed rows of a finished run again."
    )
    execution: Annotated[Execution, NOT_IDENTITY] = Field(
        default=Execution(), description="Where and how the run is executed."
    )


class ShowConfig(Frozen):
    """Show the progress of a run or training, totals and failures."""

    url: Url = Field(description="The run's output URL. Its key may be left out: runs show URL.")


class ListConfig(Frozen):
    """List the runs and trainings below a URL: state, progress, failures, age."""

    url: Url = Field(description="Where to look. Its key may be left out: runs list URL.")


class CompactConfig(Frozen):
    """Copy a finished run, its small files joined into few."""

    url: Url = Field(description="The run. Its key may be left out: runs compact URL out=COPY.")
    out: Url = Field(
        description="Where the copy is written. It must be empty, or hold a copy that was begun so."
    )
    file_mb: Count = Field(
        default=1000,
        description="Megabytes that a file of a table may have; memory is needed for two.",
    )
