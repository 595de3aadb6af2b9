"""Smooth random fields over 3D points: the folds, weaves and blotches of everything painted."""

import numpy as np
from numba import njit


@njit(cache=True)
def _lattice(x: int, y: int, z: int, seed: int) -> float:
    """A uniform number in [0, 1) for each lattice point (an integer hash)."""
    h = np.uint32(x * 374761393 + y * 668265263 + z * 2147483647 + seed * 1274126177)
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(1274126177))
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(2246822519))
    return float(h ^ (h >> np.uint32(15))) / 4294967296.0


@njit(cache=True)
def noise(points: np.ndarray, seed: int) -> np.ndarray:
    """Value noise at points (N, 3), one lattice cell a unit: (N,) in [0, 1], smooth."""
    out = np.empty(len(points))
    for n in range(len(points)):
        x, y, z = points[n]
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        x, y, z = x - i, y - j, z - k
        x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
        total = 0.0
        for corner in range(8):
            a, b, c = corner & 1, corner >> 1 & 1, corner >> 2
            weight = (x if a else 1 - x) * (y if b else 1 - y) * (z if c else 1 - z)
            total += weight * _lattice(i + a, j + b, k + c, seed)
        out[n] = total
    return out


def layered(points: np.ndarray, seed: int, octaves: int = 3) -> np.ndarray:
    """Noise plus finer noise at half the strength: (N,) around 0.5."""
    total, weight = np.zeros(len(points)), 0.0
    for octave in range(octaves):
        total += noise(points * 2.0**octave, seed + octave) / 2**octave
        weight += 1 / 2**octave
    return total / weight
