"""How far participants agree: Krippendorff's alpha."""

import numpy as np


def krippendorff_alpha(counts: np.ndarray) -> float:
    """Alpha of nominal values: 1 where all agree, 0 where they agree as by chance.

    `counts` (units, values) says how often each value was given to each unit; units of fewer than
    two answers are left out, and missing answers are no matter. NaN where no unit has two, or
    only one value was ever given. From Krippendorff, "Computing Krippendorff's Alpha-Reliability"
    (2011): 1 - observed / expected disagreement.
    """
    counts = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    answers, values = counts.sum(axis=1), counts.sum(axis=0)
    n = values.sum()
    expected = (n**2 - np.square(values).sum()) / (n - 1) if n else 0.0
    if not expected:
        return float("nan")
    disagreeing = answers**2 - np.square(counts).sum(axis=1)
    return float(1 - (disagreeing / (answers - 1)).sum() / expected)
