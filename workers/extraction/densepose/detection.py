"""What a DensePose network finds, whatever backend runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Person:
    """A person on a photograph, with the surface of the body at the box's whole pixels.

    The integer box begins at `box[:2]` cut to integers and has `labels.shape` pixels.
    """

    box: np.ndarray  # (4,) float32: x0, y0, x1, y1 in pixels of the photograph
    score: float  # of the detection, 0..1
    labels: np.ndarray  # (h, w) uint8: the part, 1..24, 0 off the body
    uv: np.ndarray  # (2, h, w) float32 in [0, 1]: U and V of the label's part, 0 off the body


class Detector(Protocol):
    """A DensePose network with its weights, loaded."""

    def __call__(self, photographs: Sequence[np.ndarray]) -> list[list[Person]]:
        """Photographs, (H, W, 3) uint8 RGB of any sizes -> each one's people, best score first.

        Only people whom the settings ask for (`workers.extraction.people.chosen`). But
        for rounding, the result does not depend on the other photographs.
        """
        ...
