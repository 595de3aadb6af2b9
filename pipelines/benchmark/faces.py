"""`reposer benchmark` variant faces: the paper's second application, by three ablations.

Below `out`/faces, which is `out` here:

    worlds/training, worlds/held-out    the worlds, unless they are given
    worlds/protocol                     the test pairs, by the paper's plan
    inpainter-coordinates, -colours     f, and so one for two ablations
    ABLATION/generator, renders, metrics
    report                              all side by side, and the paper's table

Each of these is made once: the same command continues where it stopped.
"""

from functools import partial
from typing import Any

from configs.benchmark import BenchmarkConfig
from configs.face_pairs import FacesPlanConfig
from configs.render import RenderConfig, RenderFormat
from eval.faces import ABLATIONS, METRICS
from pipelines import faces as protocol
from pipelines import render
from pipelines.benchmark.steps import Step, scores, trainings

# MediaPipe's mesh covers the face alone, and its sheet shows little else, as PRNet's.
WORLD: dict[str, Any] = {"what": "faces", "layout": "face468"}


def steps(config: BenchmarkConfig, world: str) -> list[Step]:
    """All that is made of the worlds below `out`: test pairs, networks, renders and scores."""
    plan = FacesPlanConfig(catalog=world, out=f"{config.out}/worlds/protocol", test=1)
    found: list[Step] = [("the test pairs", partial(protocol.run, plan))]
    for name in ABLATIONS:
        ablation = _shown(config.ablation(name), f"{plan.out}/test.csv")
        assert ablation.generator
        rendered = RenderConfig(
            catalog=world,
            pairs=f"{plan.out}/test.csv",
            image=RenderFormat(format="png"),
            model=ablation.generator.out,
            out=f"{config.out}/{name}/renders",
            execution=config.execution,
        )
        found += trainings(ablation)
        found.append((f"renders, {name}", partial(render.run, rendered)))
        found.append(scores(config, name, rendered, METRICS, catalog=world))
    return found


def _shown(config: BenchmarkConfig, pairs: str) -> BenchmarkConfig:
    """The benchmark of an ablation, whose trainings' sheets show the test pairs."""
    networks = {"inpainter": config.inpainter, "generator": config.generator}
    shown = {"held_out_pairs": pairs}
    return config.model_copy(
        update={name: n and n.model_copy(update=shown) for name, n in networks.items()}
    )
