"""The network that a config names: which of two backends runs it, its weights, and its batches."""

import hashlib
import importlib.util
from pathlib import Path

import torch

from configs.densepose import MODELS, DensePose
from configs.extract import ExtractConfig
from workers.data.storage import read_bytes
from workers.extraction.densepose.detection import Detector

INSTALL = "https://detectron2.readthedocs.io/tutorials/install.html"
PROJECT = "https://github.com/facebookresearch/detectron2/tree/main/projects/DensePose"
MODEL_ZOO = (
    "https://github.com/facebookresearch/detectron2/blob/main/projects/DensePose/doc/"
    "DENSEPOSE_IUV.md#ModelZoo"
)


def with_backend(settings: DensePose) -> DensePose:
    """The settings with the backend that runs the network.

    Raises ValueError without weights, where the backend is not installed, and where it does not
    know the network.
    """
    if settings.weights is None:
        raise ValueError(
            "extractor=densepose wants densepose.weights=, the model zoo's .pkl file of "
            f"densepose.config={settings.config}; links are in {MODEL_ZOO}"
        )
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


def model_facts(settings: DensePose) -> dict[str, str]:
    """The name of backend and network, and the sha256 of the weights file."""
    network = settings.config
    name = f"densepose_rcnn_{network}" if network in MODELS else Path(network).stem
    sha256 = hashlib.sha256(_weights(settings)).hexdigest()
    return {"name": f"{settings.backend}/{name}", "sha256": sha256}


def batch_size(config: ExtractConfig) -> int:
    """Photographs a call of the network."""
    return config.execution.microbatch or (8 if torch.cuda.is_available() else 1)


def load_detector(config: ExtractConfig) -> Detector:
    """The network that a config names, on the GPU where there is one."""
    settings = config.densepose
    if settings.precision == "mixed" and not torch.cuda.is_available():
        raise ValueError("densepose.precision=mixed wants a GPU")
    if settings.backend == "detectron2":
        from workers.extraction.densepose.detectron2_backend import Detectron2 as Backend
    else:
        from workers.extraction.densepose.torchvision_backend import Torchvision as Backend
    return Backend(settings, _weights(settings), batch_size(config))


def _weights(settings: DensePose) -> bytes:
    assert settings.weights is not None
    return read_bytes(settings.weights)
