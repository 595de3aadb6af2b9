"""Distances pixel by pixel. Their sums are whole numbers, so they are exact in any batch."""

import numpy as np

from eval.metrics.images import Values, checked


def differences(
    generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None = None
) -> Values:
    """L1 and PSNR of each pair, `l1` in [0, 1] and `psnr` in decibels; see `Values`.

    l1 is the mean absolute difference / 255; psnr is 10 log10(255² / mean squared difference),
    inf for equal images. Images are (N, H, W, 3) uint8, else ValueError.
    """
    generated, reference, counted = checked(generated, reference, masks, 1)
    means = np.empty((len(generated), 2, 2))
    for n in range(len(generated)):  # pair by pair: int32 planes of a batch would fill memory
        difference = generated[n].astype(np.int32) - reference[n]
        absolute, squared = abs(difference).sum(axis=-1), (difference**2).sum(axis=-1)
        for m, where in enumerate((slice(None), counted[n])):
            samples = 3 * absolute[where].size
            sums = np.array([absolute[where].sum(), squared[where].sum()])
            means[n, m] = sums / samples if samples else np.nan
    with np.errstate(divide="ignore"):
        values = np.stack([means[..., 0] / 255, 10 * np.log10(255**2 / means[..., 1])], axis=-1)
    return Values.of(("l1", "psnr"), values, masks)
