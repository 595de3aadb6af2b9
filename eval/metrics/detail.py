"""Fine detail: the energy of the Laplacian, wherever it lies."""

import numpy as np

from eval.metrics.images import Values, checked


def detail(generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None = None) -> Values:
    """The generated image's energy over the reference's, `detail`; see `Values`.

    The energy is the mean square of the Laplacian, four times a pixel less its four neighbours,
    over channels and pixels that have four: it grows with the fourth power of the frequency, so
    fine patterns decide. inf where the reference has none, but 1 where neither has.

    Images are (N, H, W, 3) uint8 of at least 3 pixels a side, else ValueError.
    """
    generated, reference, counted = checked(generated, reference, masks, 3)
    ratios = np.empty((len(generated), 2, 1))
    for n in range(len(generated)):
        ours, theirs = _squares(generated[n]), _squares(reference[n])
        inner = counted[n, 1:-1, 1:-1]
        ratios[n] = [[_ratio(ours, theirs)], [_ratio(ours[inner], theirs[inner])]]
    return Values.of(("detail",), ratios, masks)


def _ratio(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of two energies; NaN of no pixel."""
    if not theirs.size:
        return np.nan
    a, b = float(ours.sum()), float(theirs.sum())
    if not b:
        return np.inf if a else 1.0
    return a / b


def _squares(image: np.ndarray) -> np.ndarray:
    """The Laplacian's squares, (H - 2, W - 2), summed over channels."""
    p = image.astype(np.int64)
    around = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]
    return ((4 * p[1:-1, 1:-1] - around) ** 2).sum(axis=-1)
