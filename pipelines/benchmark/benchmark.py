"""`reposer benchmark`: one variant of the method, from two sample worlds to its scores.

Below `out`, which all variants share:

    worlds/training, worlds/held-out    the worlds, unless they are given
    inpainter-coordinates, -colours     f, and so one for several variants
    textures/WHAT                       how f's textures, or symmetry's, compare with the truth
    VARIANT/generator, renders, metrics
    report                              all finished variants side by side
    native, tryon, keypoints, faces     these variants, which have worlds of their own

Each of these is a run: what is finished is skipped, what was interrupted goes on, and what was
made with other keys is refused.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from configs.benchmark import COMPLETES, BenchmarkConfig, ReportConfig, TexturesConfig
from configs.evaluate import EvaluateConfig
from configs.render import RenderConfig, RenderFormat
from configs.synthesize import SynthesizeConfig
from pipelines import render, synthesize
from pipelines.benchmark import (
    faces,
    faces_report,
    keypoints,
    keypoints_report,
    native,
    native_report,
    textures,
    tryon,
    tryon_report,
)
from pipelines.benchmark import report as benchmark_report
from pipelines.benchmark.steps import Step, trainings
from pipelines.evaluation import evaluate
from pipelines.runs.log import log

# lpips_squeeze_caffe is the perceptual distance: no loss of ours trains in its network.
METRICS = ("ssim_dsc", "ms_ssim.256", "lpips_squeeze_caffe", "lpips_squeeze_caffe.body")


class OwnWorld(NamedTuple):
    """A variant that measures in a world of its own: its steps there, and its report."""

    steps: Callable[[BenchmarkConfig, str], list[Step]]
    report: Callable[[BenchmarkConfig, str], int]


OWN_WORLDS = {
    "native": OwnWorld(native.steps, native_report.run),
    "tryon": OwnWorld(tryon.steps, tryon_report.run),
    "keypoints": OwnWorld(keypoints.steps, keypoints_report.run),
    "faces": OwnWorld(faces.steps, faces_report.run),
}


def run(config: BenchmarkConfig) -> int:
    """Carry out what is left of a variant, and write the report; returns the exit code."""
    own = OWN_WORLDS.get(config.variant)
    if own:
        config = config.model_copy(update={"out": f"{config.out}/{config.variant}"})
        steps = [*_worlds(config), *own.steps(config, _held_out(config))]
    else:
        steps = [*_worlds(config), *trainings(config), *_measuring(config)]
    for n, (name, step) in enumerate(steps, start=1):
        log(f"benchmark {config.variant}: {name} ({n} of {len(steps)})")
        if code := step():
            return code
    if own:
        return own.report(config, _held_out(config))
    return benchmark_report.run(ReportConfig(out=config.out))


def _worlds(config: BenchmarkConfig) -> list[Step]:
    """Make the worlds that are not given and are needed."""
    w, steps = config.worlds, list[Step]()

    def world(
        name: str, stock: Literal["training", "held_out"], items: int, views: int, seed: int
    ) -> Callable[[], int]:
        made = SynthesizeConfig(
            out=f"{config.out}/worlds/{name}",
            items=items,
            views=views,
            seed=seed,
            stock=stock,
            fabrics=w.fabrics,
            size=w.size,
            execution=config.execution,
            **(faces.WORLD if config.variant == "faces" else {}),
        )
        return lambda: synthesize.run(made)

    if not config.training and config.variant not in ("symmetry", "native"):
        step = world("training", "training", w.items, w.views, w.seed)
        steps.append(("the world to train on", step))
    if not config.held_out:
        step = world("held-out", "held_out", w.held_out_items, w.held_out_views, w.held_out_seed)
        steps.append(("the held-out world", step))
    return steps


def _held_out(config: BenchmarkConfig) -> str:
    """The URL of the world to measure on."""
    return config.held_out or f"{config.out}/worlds/held-out"


def _measuring(config: BenchmarkConfig) -> list[Step]:
    """Textures, renders and scores."""
    held_out = _held_out(config)
    steps: list[Step] = []
    if config.inpainter or config.variant == "symmetry":
        what = COMPLETES.get(config.variant, "symmetry")
        measured = TexturesConfig(
            catalog=held_out,
            completer=config.inpainter.out if config.inpainter else "symmetry",
            out=f"{config.out}/textures/{what}",
            execution=config.execution,
        )
        steps.append(("textures against the truth", lambda: textures.run(measured)))
    rendered = RenderConfig(
        catalog=held_out,
        pairs=f"{held_out}/pairs",
        image=RenderFormat(format="png"),
        model=config.generator.out if config.generator else "symmetry",
        out=f"{config.out}/{config.variant}/renders",
        execution=config.execution,
    )
    scored = EvaluateConfig(
        renders=rendered.out,
        catalog=held_out,
        method=config.variant,
        metrics=METRICS,
        metric_weights=config.metric_weights,
        bootstrap=config.bootstrap,
        out=f"{config.out}/{config.variant}/metrics",
        execution=config.execution,
    )
    steps.append(("renders of the held-out pairs", lambda: render.run(rendered)))
    steps.append(("scores", lambda: evaluate.run(scored)))
    return steps
