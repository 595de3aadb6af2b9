"""The configuration of the open benchmark: worlds, training and scoring of one variant."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from configs.evaluate import Bootstrap
from configs.fields import Frozen, Model, Url
from configs.run import Execution, Run
from configs.train import TrainGeneratorConfig, TrainInpainterConfig

Count = Annotated[int, Field(ge=1)]
OWN = ("catalog", "held_out", "inpainter", "out", "seed", "variant")  # keys that follow from others
# What each variant's f completes, as a folder below `out` names it.
COMPLETES = {"full": "coordinates", "no-deform": "coordinates", "rgb-inpainting": "colours"}
BenchmarkVariant = Literal["full", "no-deform", "rgb-inpainting", "no-textures", "symmetry"]


class Worlds(Frozen):
    """The two sample worlds, which share no body, colour or word."""

    items: Count = Field(default=400, description="items to train on")
    views: Count = Field(default=8, description="photographs of each")
    seed: int = Field(default=1, description="seed of the world to train on")
    held_out_items: Count = Field(default=100, description="items to be measured on")
    held_out_views: Annotated[int, Field(ge=2)] = Field(
        default=4, description="photographs of each; every ordered pair of an item's is rendered"
    )
    held_out_seed: int = Field(default=2, description="seed of the world to be measured on")
    size: Annotated[int, Field(ge=64, le=1024)] = Field(
        default=128, description="side of the photographs in pixels"
    )
    fabrics: Literal["mixed", "bold"] = Field(
        default="mixed", description="of the clothes, as of `reposer synthesize`"
    )

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if self.seed == self.held_out_seed:
            raise ValueError("worlds of one seed share their bodies: give another held_out_seed")
        return self


class BenchmarkConfig(Frozen):
    """Train one variant of the method, render the held-out pairs and score them."""

    variant: BenchmarkVariant = Field(description="the method, an ablation, or the baseline")
    out: Url = Field(description="output URL, one for all variants: a folder, file:// or s3://")
    training: Url | None = Field(
        default=None, description="catalog to train on (default: made, at out/worlds/training)"
    )
    held_out: Url | None = Field(
        default=None,
        description="world to be measured on, of synthesize stock=held_out (default: made, at "
        "out/worlds/held-out)",
    )
    worlds: Worlds = Field(default=Worlds(), description="the worlds, where they are made")
    seed: int = Field(default=0, description="seed of the training")
    inpainter: TrainInpainterConfig | None = Field(
        default=None, description="keys of `reposer train inpainter`, where the variant has an f"
    )
    generator: TrainGeneratorConfig | None = Field(
        default=None, description="keys of `reposer train generator`, where the variant has a g"
    )
    weights: Url | None = Field(
        default=None,
        description="local folder of the perceptual distance's weights, "
        "squeezenet_v1.1_features_torch_layout.npz (default: $TORCH_HOME/hub/checkpoints)",
    )
    bootstrap: Bootstrap = Field(default=Bootstrap(), description="intervals")
    execution: Execution = Field(
        default=Execution(), description="of all steps; of the training only the engine"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Give the trainings the keys that follow from the benchmark's own."""
        variant, out = str(values.get("variant")), str(values.get("out", ""))
        shared = {
            "catalog": values.get("training") or f"{out}/worlds/training",
            "held_out": values.get("held_out") or f"{out}/worlds/held-out",
            "seed": values.get("seed", 0),
        }
        engine = (values.get("execution") or {}).get("engine", "ray")
        completes = COMPLETES.get(variant)
        f = f"{out}/inpainter-{completes}"
        # One f of coordinates serves two variants, and is trained as that of the first.
        of = "rgb-inpainting" if completes == "colours" else "full"
        own = {
            "inpainter": {"variant": of, "out": f} if completes else None,
            "generator": None
            if variant == "symmetry"
            else {"variant": variant, "out": f"{out}/{variant}/generator"}
            | ({"inpainter": f} if completes else {}),
        }
        filled = dict(values)
        for network, keys in own.items():
            given = values.get(network) or {}
            if taken := [key for key in OWN if key in given]:
                raise ValueError(f"{network}.{taken[0]} follows from the benchmark's own keys")
            filled[network] = keys and {"engine": engine} | given | shared | keys
        return filled


class ReportConfig(Frozen):
    """Set the finished variants of a benchmark side by side."""

    out: Url = Field(description="the benchmark's output URL")


class TexturesConfig(Run):
    """Measure completed textures against the truth of the sample world."""

    catalog: Url = Field(description="catalog URL of a synthesized world")
    completer: Model = Field(description="`symmetry`, or the URL of a checkpoint that holds an f")
