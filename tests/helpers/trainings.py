"""Small trainings, as a person types them."""

import io
import json
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load as read_weights

from pipelines.cli import main
from tests.helpers.catalogs import write_catalog, write_pairs
from workers.data.storage import Store

SMALL = [
    "width=4",
    "batch=2",
    "precision=float32",
    "log_every=2",
    "sheet_every=4",
    "checkpoint_every=4",
]
LITE = "backbone.name=efficientnet_lite0"


def world(folder: Path, people: int = 4) -> list[str]:
    """A catalog of 32x32 and its pairs; the arguments that name them."""
    ids = write_catalog(f"{folder}/catalog", people)
    pairs = write_pairs(folder / "pairs.csv", [(a, b) for a in ids for b in ids if a != b])
    return [f"catalog={folder}/catalog", f"pairs={pairs}"]


def inpainter(data: list[str], out: object, *more: str, engine: str = "local") -> list[str]:
    """The arguments that train f for 8 steps."""
    small = ["texture_size=40", "steps=8", f"execution.engine={engine}", *SMALL]
    return ["train", "inpainter", *data, f"out={out}", *small, *more]


def generator(data: list[str], f: object, out: object, *more: str) -> list[str]:
    """The arguments that train g for 4 steps."""
    small = [LITE, "steps=4", "execution.engine=local", *SMALL]
    return ["train", "generator", *data, f"inpainter={f}", f"out={out}", *small, *more]


def trained(*arguments: str) -> None:
    assert main(list(arguments)) == 0


def log(url: object) -> list[dict[str, float]]:
    """The records of a training's log."""
    return [json.loads(line) for line in Store(str(url)).read("log.jsonl").splitlines()]


def checkpoint(url: object) -> dict:
    """The last checkpoint."""
    store = Store(str(url))
    data = io.BytesIO(store.read(store.list("checkpoints")[-1].name))
    return torch.load(data, weights_only=True)


def sheet(url: object, step: int) -> Image.Image:
    """A picture sheet."""
    return Image.open(io.BytesIO(Store(str(url)).read(f"sheets/step-{step:08d}.png")))


def weights(url: object) -> dict[str, torch.Tensor]:
    """The tensors of the trained checkpoint."""
    return read_weights(Store(str(url)).read("model.safetensors"))


def finite(url: object) -> bool:
    """Whether all of them are finite."""
    return all(bool(tensor.isfinite().all()) for tensor in weights(url).values())


def poser(catalog: object, out: object, *more: str) -> list[str]:
    """The arguments that train the poser for 4 steps."""
    small = ["parts=8", "grid=16", "steps=4", "width=8", "execution.engine=local", *SMALL[1:]]
    return ["train", "poser", f"catalog={catalog}", f"out={out}", *small, *more]
