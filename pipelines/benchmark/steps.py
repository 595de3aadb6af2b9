"""What the variants of the benchmark have in common: steps, each made once."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from configs.benchmark import BenchmarkConfig
from configs.evaluate import EvaluateConfig
from configs.extract import ExtractConfig
from configs.render import RenderConfig
from pipelines import extract
from pipelines.evaluation import evaluate
from pipelines.runs.lifecycle import read_manifest
from pipelines.training import train
from workers.data.catalog import Catalog
from workers.data.storage import Store

Step = tuple[str, Callable[[], int]]  # what is made, and what makes it


def trainings(config: BenchmarkConfig) -> list[Step]:
    """The trainings of a variant's f and g; of those that it has none of, none."""
    networks = {"f": config.inpainter, "g": config.generator}
    return [
        (f"training of {name}, {config.variant}", partial(train.run, network))
        for name, network in networks.items()
        if network
    ]


def scores(
    config: BenchmarkConfig,
    name: str,
    rendered: RenderConfig,
    metrics: Iterable[object],
    **keys: Any,
) -> Step:
    """The renders of a method against `catalog` or `truth`, which `keys` give, at NAME/metrics."""
    scored = EvaluateConfig(
        renders=rendered.out,
        method=name,
        metrics=tuple(map(str, metrics)),
        metric_weights=config.metric_weights,
        bootstrap=config.bootstrap,
        out=f"{config.out}/{name}/metrics",
        execution=config.execution,
        **keys,
    )
    return f"scores, {name}", partial(evaluate.run, scored)


def fitted(config: BenchmarkConfig, world: str) -> int:
    """Fit bodies to the world's photographs, which know nothing of its maps."""
    photographs = Store(f"{config.out}/worlds/photographs")
    if read_manifest(Store(f"{config.out}/worlds/fitted")) is None:
        catalog = Catalog(world)
        for image_id in catalog.images.ids.to_pylist():
            photographs.put(f"{image_id}.jpg", catalog.photograph_file(image_id))
    fit = ExtractConfig(
        input=photographs.url,
        extractor="bodyfit",
        size="native",
        max_failed_fraction=1,
        out=f"{config.out}/worlds/fitted",
        execution=config.execution,
    )
    return extract.run(fit)
