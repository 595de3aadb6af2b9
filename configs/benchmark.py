"""The configuration of the open benchmark: worlds, training and scoring of one variant."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_serializer, field_validator, model_validator

from configs.evaluate import Bootstrap
from configs.fields import Count, Frozen, Model, Url
from configs.keypoints import Poser
from configs.run import Execution, Run
from configs.train import TrainConfig, TrainGeneratorConfig, TrainInpainterConfig

OWN = ("catalog", "held_out", "inpainter", "out", "seed", "variant")  # keys that follow from others
# What each variant's f completes, as a folder below `out` names it.
COMPLETES = {"full": "coordinates", "no-deform": "coordinates", "rgb-inpainting": "colours"}
NETWORKS = ("inpainter", "generator")
# The benchmark's keys that those of its trainings follow from.
DECISIVE = {"variant", "out", "training", "held_out", "seed", "execution"}
BenchmarkVariant = Literal[
    "full",
    "no-deform",
    "rgb-inpainting",
    "no-textures",
    "symmetry",
    "native",
    "tryon",
    "keypoints",
    "faces",
]
UNTRAINED = ("symmetry", "native", "tryon", "keypoints")


class Worlds(Frozen):
    """The two sample worlds, which share no body, colour or word."""

    items: Count = Field(default=400, description="Items to train on.")
    views: Count = Field(default=8, description="Photographs of each of them.")
    seed: int = Field(default=1, description="Seed of the world to train on.")
    held_out_items: Count = Field(default=100, description="Items to measure on.")
    held_out_views: Annotated[int, Field(ge=2)] = Field(
        default=4,
        description="Photographs of each of them; every ordered pair of an item's is rendered.",
    )
    held_out_seed: int = Field(default=2, description="Seed of the world to measure on.")
    size: Annotated[int, Field(ge=64, le=1024)] = Field(
        default=128, description="Side of the photographs in pixels."
    )
    fabrics: Literal["mixed", "bold"] = Field(
        default="mixed",
        description="mixed: many clothes are plain, as people's are; bold: all have patterns.",
    )

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if self.seed == self.held_out_seed:
            raise ValueError("worlds of one seed share their bodies: give another held_out_seed")
        return self


class BenchmarkConfig(Frozen):
    """Train one variant of the method, render held-out pairs and score them."""

    variant: BenchmarkVariant = Field(
        description="full: the paper's method; symmetry: the baseline, which is not trained; "
        "native: the bundled networks at the photographs' own size; tryon: garment transfer, "
        "against the truth; keypoints: poses of skeletons; faces: three ablations on faces; the "
        "others: ablations."
    )
    out: Url = Field(
        description="Where the benchmark is written, the same for all variants: a folder, file:// "
        "or s3://."
    )
    training: Url | None = Field(
        default=None,
        description="Catalog to train on (default: a world made at OUT/worlds/training).",
    )
    held_out: Url | None = Field(
        default=None,
        description="Catalog to measure on, made by synthesize with stock=held_out (default: a "
        "world made at OUT/worlds/held-out).",
    )
    worlds: Worlds = Field(default=Worlds(), description="The worlds, unless they are given.")
    model: Model = Field(
        default="bundled-tryon",
        description="Of variant tryon, the network: a checkpoint trained with "
        "reveal=head_and_hands.",
    )
    seed: int = Field(default=0, description="Seed of the training.")
    execution: Execution = Field(
        default=Execution(),
        description="Where and how all steps are executed; the trainings take engine and "
        "ray_address from it.",
    )
    inpainter: TrainInpainterConfig | None = Field(
        default=None,
        description=f"Training of f: the keys of `reposer train inpainter`, but for "
        f"{', '.join(OWN)}. Variants no-textures, {', '.join(UNTRAINED)} train no f.",
        json_schema_extra={"command": "train inpainter"},
    )
    generator: TrainGeneratorConfig | None = Field(
        default=None,
        description=f"Training of g: the keys of `reposer train generator`, but for "
        f"{', '.join(OWN)}. Variants {', '.join(UNTRAINED)} train no g.",
        json_schema_extra={"command": "train generator"},
    )
    poser: Poser = Field(
        default="bundled", description="Of variant keypoints, the poser that is measured."
    )
    tuned: Url | None = Field(
        default=None,
        description="Of variant keypoints, networks that were trained further on predicted maps, "
        "to be measured beside the bundled ones: a checkpoint.",
    )
    metric_weights: Url | None = Field(
        default=None,
        description="Local folder of the weights file that the perceptual distance needs, "
        "squeezenet_v1.1_features_torch_layout.npz (default: $TORCH_HOME/hub/checkpoints).",
    )
    bootstrap: Bootstrap = Field(default=Bootstrap(), description="Confidence intervals.")

    def ablation(self, variant: str) -> Self:
        """The same benchmark of another variant, with the same keys."""
        return type(self).model_validate(self.model_dump(mode="json") | {"variant": variant})

    @field_validator(*NETWORKS, mode="before")
    @classmethod
    def _completed(cls, given: Any, info: ValidationInfo) -> Any:
        """A training's keys: those that are given, and those that follow from the benchmark's."""
        network, benchmark = str(info.field_name), info.data
        if DECISIVE - benchmark.keys():
            return None  # one of them is refused
        given = {} if given is None else given
        if not isinstance(given, dict):
            return given  # is refused
        if taken := [key for key in OWN if key in given]:
            raise ValueError(f"{network}.{taken[0]} follows from the benchmark's own keys")
        own = _own_keys(network, benchmark)
        if own is None:
            return None
        place, given_place = benchmark["execution"], given.get("execution", {})
        if isinstance(given_place, dict):
            shared = {"engine": place.engine, "ray_address": place.ray_address}
            given = given | {"execution": shared | given_place}
        return given | own

    @field_serializer(*NETWORKS)
    def _given(self, network: TrainConfig | None) -> dict[str, Any] | None:
        """Only the keys that can be given, so that a printed config can be read again."""
        return network and network.model_dump(mode="json", exclude=set(OWN))


def _own_keys(network: str, benchmark: dict[str, Any]) -> dict[str, Any] | None:
    """The keys OWN of a training; None where the benchmark's variant does not train it."""
    variant, out = benchmark["variant"], benchmark["out"]
    if variant == "faces":  # trains three variants, each as `ablation` makes its config
        variant = "full"
    completes = COMPLETES.get(variant)
    f = f"{out}/inpainter-{completes}" if completes else None
    keys = {
        "catalog": benchmark["training"] or f"{out}/worlds/training",
        "held_out": benchmark["held_out"] or f"{out}/worlds/held-out",
        "seed": benchmark["seed"],
    }
    if network == "inpainter":
        # One f of coordinates serves two variants, and is trained as that of the first.
        of = "rgb-inpainting" if completes == "colours" else "full"
        return keys | {"variant": of, "out": f} if f else None
    if variant in UNTRAINED:
        return None
    return keys | {"variant": variant, "out": f"{out}/{variant}/generator", "inpainter": f}


class ReportConfig(Frozen):
    """Set the finished variants of a benchmark side by side."""

    out: Url = Field(description="The output URL of the benchmark.")


class TexturesConfig(Run):
    """Measure completed textures against the truth of the sample world."""

    catalog: Url = Field(description="Catalog of a synthesized world.")
    completer: Model = Field(description="A checkpoint that holds an f, bundled or symmetry.")
