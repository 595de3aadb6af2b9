"""The two networks of `extractor=bodyfit`: MediaPipe's pose models.

Their files are read out of the wheel `mediapipe` (Apache-2.0), which requirements-bodyfit.lock
pins by its hash. None of its code runs, so it is installed without its dependencies.
"""

import hashlib
from importlib.metadata import Distribution, PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from workers.extraction.networks import INSTALL, check_runtime

LICENCE = "Apache-2.0"


class ModelFile(NamedTuple):
    """A file of the wheel, by its path there."""

    path: str
    sha256: str


DETECTOR = ModelFile(
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
LANDMARKS = ModelFile(
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)


def read(model: ModelFile) -> bytes:
    """The bytes of a model file; ValueError where it is not installed, or is another file."""
    try:
        path = Path(str(Distribution.from_name("mediapipe").locate_file(model.path)))
        data = path.read_bytes()
    except (PackageNotFoundError, FileNotFoundError):
        raise ValueError(
            f"extractor=bodyfit wants its networks, data of the package mediapipe: {INSTALL}"
        ) from None
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise ValueError(f"{path} is not the file that extractor=bodyfit knows: {INSTALL}")
    return data


def check() -> None:
    """Raise ValueError, one line, where the networks or what runs them is not installed."""
    check_runtime("bodyfit")
    if find_spec("anny") is None:
        raise ValueError(f"extractor=bodyfit wants the package anny: {INSTALL}")
    for model in (DETECTOR, LANDMARKS):
        read(model)
