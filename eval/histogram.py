"""Distributions as small inline SVG pictures."""

import numpy as np
from markupsafe import Markup

BINS, WIDTH, HEIGHT = 32, 192, 56  # of the picture, in CSS pixels


def value_range(values: np.ndarray) -> tuple[float, float]:
    """The common axis of several histograms: where the finite values lie, and no empty range."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def histogram(values: np.ndarray, low: float, high: float, mark: float) -> Markup:
    """Finite values (N,) between low and high as bars, and a line at `mark` (a mean, or 0)."""
    counts, _ = np.histogram(values[np.isfinite(values)], BINS, (low, high))
    step, top = WIDTH / BINS, max(1, int(counts.max()))
    bars = "".join(
        f'<rect x="{i * step:.2f}" y="{HEIGHT - n / top * HEIGHT:.1f}" width="{step - 1:.2f}" '
        f'height="{n / top * HEIGHT:.1f}"/>'
        for i, n in enumerate(counts)
        if n
    )
    line = ""
    if low <= mark <= high:
        x = (mark - low) / (high - low) * WIDTH
        line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>'
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="histogram">{bars}{line}</svg>'
    )
