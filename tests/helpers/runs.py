"""Small runs of `render`, with a stand-in for the model."""

from pathlib import Path

from configs.render import RenderConfig
from pipelines import render
from pipelines.runs.execute import execute
from tests.helpers.catalogs import StandIn


def config(folder: Path | str, **values: object) -> RenderConfig:
    """A render config with its catalog in `folder`."""
    defaults = {
        "catalog": f"{folder}/catalog",
        "poses": f"{folder}/catalog",
        "out": f"{folder}/out",
    }
    return RenderConfig.model_validate(defaults | {"shard_rows": 5, **values})


def run(config: RenderConfig) -> dict:
    """Run with the stand-in; returns the manifest."""
    plan, job = render.prepare(config, StandIn)
    return execute(job, plan, config)
