"""The weights files that metrics need: where they come from, and that they are the right ones."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class WeightsFile:
    """A file's name, how its SHA-256 begins (in hex), and where to get it."""

    name: str
    sha256: str
    source: str


@dataclass(frozen=True)
class Weights:
    """A weights file that is there: its path and whole SHA-256 in hex."""

    path: Path
    sha256: str


def _torchvision(name: str) -> WeightsFile:
    digits = name.removesuffix(".pth").rpartition("-")[2]
    return WeightsFile(name, digits, f"https://download.pytorch.org/models/{name}")


ALEXNET = _torchvision("alexnet-owt-7be5be79.pth")
VGG16 = _torchvision("vgg16-397923af.pth")
SQUEEZENET = _torchvision("squeezenet1_1-b8a52dc0.pth")
SQUEEZENET_CAFFE = WeightsFile(
    "squeezenet_v1.1_features_torch_layout.npz",
    "26fbafb0761d44f62bf990ac299cf2ccf48d7ca0220f90cd48601d785f417dd2",
    "the notop file of github.com/rcmalli/keras-squeezenet, as arrays (out, in, height, width) "
    "under torchvision's names",
)
INCEPTION = WeightsFile(
    "weights-inception-2015-12-05-6726825d.pth",
    "6726825d",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
)


class MissingWeightsError(Exception):
    """A weights file is missing or has other contents; the message says what to do."""


def find_weights(file: WeightsFile, folder: Path | None = None) -> Weights:
    """The file in `folder`, or in torch's own ($TORCH_HOME/hub/checkpoints).

    MissingWeightsError if it is not there, or its SHA-256 does not begin as `file` says: with other
    weights the name would mean another metric.
    """
    folder = folder or Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / file.name
    if not path.is_file():
        raise MissingWeightsError(
            f"{file.name} is not in {folder}: put it there, or name its folder "
            f"(default: $TORCH_HOME/hub/checkpoints); it comes from {file.source}"
        )
    with path.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    if not sha256.startswith(file.sha256):
        raise MissingWeightsError(
            f"{path} is another file: its SHA-256 begins with {sha256[: len(file.sha256)]}, not "
            f"{file.sha256}; get it anew from {file.source}"
        )
    return Weights(path, sha256)
