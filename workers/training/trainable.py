"""What can be trained: a line a network."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from configs.train import (
    TrainConfig,
    TrainGeneratorConfig,
    TrainInpainterConfig,
)
from configs.train_poser import TrainPoserConfig
from workers.training.data import Data
from workers.training.generator import GeneratorTraining
from workers.training.inpainter import InpainterTraining
from workers.training.pairs import PAIRS
from workers.training.poser import PoserTraining
from workers.training.skeletons import SKELETONS
from workers.training.steps import Training


class Trainable(NamedTuple):
    """One command of training."""

    command: str
    config: type[TrainConfig]
    training: Callable[[Any, str, torch.device], Training]  # of a config and a UV layout
    data: Data
    takes: tuple[str, ...]  # keys of the config that name checkpoints it takes networks from
    next: str  # the command, and its key, that take what was trained


F = Trainable(
    "train inpainter",
    TrainInpainterConfig,
    InpainterTraining,
    PAIRS,
    takes=("initial",),
    next="train generator inpainter",
)
TRAINABLE = (
    F,
    Trainable(
        "train generator",
        TrainGeneratorConfig,
        GeneratorTraining,
        PAIRS,
        takes=("initial", "inpainter"),
        next="render model",
    ),
    Trainable(
        "train poser",
        TrainPoserConfig,
        PoserTraining,
        SKELETONS,
        takes=("initial",),
        next="extract extractor=keypoints keypoints.model",
    ),
)


def trainable(config: TrainConfig) -> Trainable:
    """What a config trains."""
    return next(kind for kind in TRAINABLE if isinstance(config, kind.config))


def taken(config: TrainConfig) -> dict[str, str]:
    """URLs of the checkpoints whose networks a training takes, by the key that names them."""
    named = {key: getattr(config, key) for key in trainable(config).takes}
    return {key: url for key, url in named.items() if url}
