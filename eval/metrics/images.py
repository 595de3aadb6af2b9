"""What every pair metric takes and returns."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np


class Values(NamedTuple):
    """A value a pair, float64 (N,), by metric name: over the image, and over the body.

    `body` is empty where no masks were given; a pair whose mask has no pixel that counts has
    NaN there.
    """

    whole: dict[str, np.ndarray]
    body: dict[str, np.ndarray]

    @classmethod
    def of(cls, names: Sequence[str], means: np.ndarray, masks: np.ndarray | None) -> Self:
        """`means` are (N, 2, metrics): over the image, over the body."""
        whole, body = ({n: means[:, m, k] for k, n in enumerate(names)} for m in (0, 1))
        return cls(whole, {} if masks is None else body)


def checked(
    generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None, smallest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arguments of a pair metric, or ValueError; without masks, ones that leave out nothing.

    Images must be (N, H, W, 3) uint8 of one shape and at least `smallest` pixels a side; masks
    (N, H, W) bool.
    """
    for images in (generated, reference):
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(
                f"images must be (N, H, W, 3) uint8, not {images.shape} {images.dtype}"
            )
    if generated.shape != reference.shape:
        raise ValueError(
            f"generated images {generated.shape} and reference images {reference.shape} differ"
        )
    shape = generated.shape[:3]
    if min(shape[1:]) < smallest:
        raise ValueError(f"{shape[2]}x{shape[1]} pixels; this metric needs {smallest} a side")
    if masks is None:
        masks = np.ones(shape, bool)
    if masks.shape != shape or masks.dtype != bool:
        raise ValueError(f"masks must be {shape} bool, not {masks.shape} {masks.dtype}")
    # Kernels are compiled anew for read-only and for strided arrays: give them neither.
    generated, reference, masks = (
        np.require(array, requirements=["C", "W"]) for array in (generated, reference, masks)
    )
    return generated, reference, masks
