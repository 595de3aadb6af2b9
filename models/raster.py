"""A z-buffer rasteriser: triangles on the screen -> which one is nearest at each pixel centre.

Pixel (row r, column c) is sampled at screen point (x, y) = (c, r): integers are centres.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def rasterise(
    points: np.ndarray, faces: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the nearest triangle at every pixel.

    `points` (V, 3) float64: x, y in pixels, and depth > 0 along the view axis; `faces` (F, 3).
    Returns face (H, W) int32, -1 where there is none; barycentric coordinates (H, W, 3)
    float64, perspective-correct; depth (H, W) float64, inf where there is none. Ties go to
    the lower face.
    """
    face = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3))
    depth = np.full((height, width), np.inf)
    for f in range(len(faces)):
        a, b, c = faces[f]
        xa, ya, za = points[a]
        xb, yb, zb = points[b]
        xc, yc, zc = points[c]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0:
            continue
        left = max(0, int(np.ceil(min(xa, xb, xc))))
        right = min(width - 1, int(np.floor(max(xa, xb, xc))))
        top = max(0, int(np.ceil(min(ya, yb, yc))))
        bottom = min(height - 1, int(np.floor(max(ya, yb, yc))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                wa = ((xb - x) * (yc - y) - (xc - x) * (yb - y)) / area
                wb = ((xc - x) * (ya - y) - (xa - x) * (yc - y)) / area
                wc = 1 - wa - wb
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                # 1/z is affine on the screen, z and the attributes are not.
                wa, wb, wc = wa / za, wb / zb, wc / zc
                z = 1 / (wa + wb + wc)
                if z < depth[y, x]:
                    depth[y, x] = z
                    face[y, x] = f
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = wa * z, wb * z, wc * z
    return face, weights, depth


@njit(cache=True)
def interpolate(
    attributes: np.ndarray, faces: np.ndarray, face: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Attributes (V, K) at hits: `face` (N,) and `weights` (N, 3) -> (N, K) float64."""
    out = np.empty((len(face), attributes.shape[1]))
    for n in range(len(face)):
        a, b, c = faces[face[n]]
        for k in range(attributes.shape[1]):
            out[n, k] = (
                weights[n, 0] * attributes[a, k]
                + weights[n, 1] * attributes[b, k]
                + weights[n, 2] * attributes[c, k]
            )
    return out
