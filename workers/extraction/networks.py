"""MediaPipe's networks, run by LiteRT."""

from importlib.util import find_spec
from typing import Any

import numpy as np

INSTALL = "install it with `make setup`"


def check_runtime(extractor: str) -> None:
    """Raise ValueError, one line, where LiteRT is not installed."""
    if find_spec("ai_edge_litert") is None:
        raise ValueError(f"extractor={extractor} wants the package ai-edge-litert: {INSTALL}")


class Network:
    """The bytes of a .tflite file: (height, width, 3) float32 -> its outputs, by their shapes."""

    def __init__(self, model: bytes):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_content=model, num_threads=1)
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
