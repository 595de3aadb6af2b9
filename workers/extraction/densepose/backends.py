"""Loads what finds people: a network on one of two backends, or a file of what it found."""

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from configs.densepose import MODELS, DensePose
from configs.extract import ExtractConfig
from workers.data.errors import MissingUvMap
from workers.data.storage import read_bytes
from workers.extraction.densepose.detection import Detector, Person
from workers.extraction.densepose.dump import Dump
from workers.extraction.photos import Photo

Finder = Callable[[Sequence[tuple[Photo, np.ndarray]]], Sequence[list[Person]]]
"""Photographs with their pixels (H, W, 3) uint8 -> the people whom the config asks for on each."""

WINDOW = 4
INSTALL = "https://detectron2.readthedocs.io/tutorials/install.html"
PROJECT = "https://github.com/facebookresearch/detectron2/tree/main/projects/DensePose"


def resolved(settings: DensePose) -> DensePose:
    """The settings with their backend; ValueError where it is not there, or lacks the config."""
    lacking = [name for name in ("detectron2", "densepose") if not importlib.util.find_spec(name)]
    backend = settings.backend or ("torchvision" if lacking else "detectron2")
    if backend == "detectron2" and lacking:
        raise ValueError(
            f"densepose.backend=detectron2: no package {' and '.join(lacking)}; install them as "
            f"{INSTALL} and {PROJECT} say, or use densepose.backend=torchvision"
        )
    if backend == "torchvision" and settings.config not in MODELS:
        raise ValueError(
            f"densepose.config={settings.config}: densepose.backend=torchvision knows "
            f"{', '.join(MODELS)}; YAML files are for detectron2"
        )
    return settings.model_copy(update={"backend": backend})


def extractor_name(config: ExtractConfig) -> str:
    """What `uv_maps.extractor` says of rows: backend and model, or that others ran it."""
    if config.extractor == "precomputed":
        return config.extractor
    model = config.densepose.config
    name = f"densepose_rcnn_{model}" if model in MODELS else Path(model).stem
    return f"{config.densepose.backend}/{name}"


def weights_sha256(config: ExtractConfig) -> str:
    """Identifies the weights file."""
    assert config.densepose.weights is not None
    return hashlib.sha256(read_bytes(config.densepose.weights)).hexdigest()


def batch_size(config: ExtractConfig) -> int:
    """Photographs a call of the network."""
    return config.execution.microbatch or (8 if torch.cuda.is_available() else 1)


def window_size(config: ExtractConfig) -> int:
    """Photographs that are shown at once: several batches, so that buckets fill."""
    if config.extractor == "precomputed":
        return WINDOW
    batch = batch_size(config)
    return 1 if batch == 1 else WINDOW * batch


def load_finder(config: ExtractConfig) -> Finder:
    """What finds the people of a (resolved) config: its network, or the dump that it names."""
    if config.extractor == "densepose":
        detector = load_detector(config)
        return lambda photographs: detector([pixels for _, pixels in photographs])
    assert config.uv is not None
    dump = Dump(config.uv)

    def find(photographs: Sequence[tuple[Photo, np.ndarray]]) -> list[list[Person]]:
        return [_dumped(dump, config, photo, pixels) for photo, pixels in photographs]

    return find


def load_detector(config: ExtractConfig) -> Detector:
    """The network that the config names, on the GPU where there is one."""
    settings = config.densepose
    assert settings.weights is not None
    if settings.precision == "mixed" and not torch.cuda.is_available():
        raise ValueError("densepose.precision=mixed wants a GPU")
    if settings.backend == "detectron2":
        from workers.extraction.densepose.detectron2_backend import Detectron2 as Backend
    else:
        from workers.extraction.densepose.torchvision_backend import Torchvision as Backend
    data = read_bytes(settings.weights)
    return Backend(settings, data, extractor_name(config), batch_size(config))


def _dumped(dump: Dump, config: ExtractConfig, photo: Photo, pixels: np.ndarray) -> list[Person]:
    if photo.dumped is None:
        raise MissingUvMap(f"{config.uv} has no photograph {photo.image_id}")
    height, width = pixels.shape[:2]
    return dump.people(int(photo.dumped), height, width, config.densepose)
