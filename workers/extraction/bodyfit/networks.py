"""The two networks of `extractor=bodyfit`: MediaPipe's pose models, run by LiteRT.

Their files are read out of the wheel `mediapipe` (Apache-2.0), which requirements-bodyfit.lock
pins by its hash. None of its code runs, so it is installed without its dependencies.
"""

import hashlib
from importlib.metadata import Distribution, PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LICENCE = "Apache-2.0"
INSTALL = "install it with `make setup`"


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
    for package in ("ai_edge_litert", "anny"):
        if find_spec(package) is None:
            name = package.replace("_", "-")
            raise ValueError(f"extractor=bodyfit wants the package {name}: {INSTALL}")
    for model in (DETECTOR, LANDMARKS):
        read(model)


class Network:
    """One model: an array (height, width, 3) float32 -> its outputs, by their shapes."""

    def __init__(self, model: ModelFile):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_content=read(model), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [
            (tuple(int(n) for n in output["shape"]), output["index"])
            for output in self._interpreter.get_output_details()
        ]

    def __call__(self, pixels: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
        """Run the model; LiteRT takes one picture at a time."""
        self._interpreter.set_tensor(self._input, pixels[None].astype(np.float32))
        self._interpreter.invoke()
        return {shape: self._interpreter.get_tensor(index) for shape, index in self._outputs}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))
