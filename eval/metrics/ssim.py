"""Structural similarity, in the variants the field computes, and multi-scale (Wang et al.).

    SSIM = luminance * cs
    luminance = (2 ux uy + C1) / (ux² + uy² + C1),  C1 = (0.01 L)²
    cs        = (2 vxy + C2) / (vx + vy + C2),      C2 = (0.03 L)²

u and v are the moments of a window and L is the data range. Only windows inside the image
count, as in scikit-image. vx and vy are needed as a sum only, so four filters serve, not five,
and all data ranges share them. float64, each pair by itself: its value is the same bits in every
batch.
"""

import numpy as np
from numba import njit

from eval.metrics.images import Values, checked

TAPS, SIGMA = 11, 1.5  # of the gaussian window
BOX = 51  # pixels a side of the uniform window
SCALES = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # exponents of MS-SSIM's scales
_exponents = np.exp(-((np.arange(TAPS) - TAPS // 2) ** 2) / (2 * SIGMA**2))
GAUSSIAN = tuple((_exponents / _exponents.sum()).tolist())


def ssim(generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None = None) -> Values:
    """ssim_dsc and ssim_255 of each pair, in [-1, 1]; see `Values`.

    Both are scikit-image's structural_similarity with gaussian_weights, sigma 1.5 and
    use_sample_covariance=False, per channel; they differ in L: the generated image's max - min
    for ssim_dsc (Siarohin et al., Deformable GANs), 255 for ssim_255. A generated image of one
    grey has no range: its ssim_dsc, 0/0, is set to 1 if the reference is equal, else to 0.
    Images are (N, H, W, 3) uint8 of at least 11 pixels a side, else ValueError.
    """
    generated, reference, counted = checked(generated, reference, masks, TAPS)
    ranges = np.ptp(generated.reshape(len(generated), -1), axis=1)
    L = np.stack([np.where(ranges == 0, 255, ranges), np.full_like(ranges, 255)], axis=1)
    means = _gaussian_means(generated, reference, counted, L.astype(np.float64))
    equal = (generated == reference).all(axis=(1, 2, 3)).astype(np.float64)
    rangeless = (ranges == 0)[:, None] & ~np.isnan(means[..., 0])  # NaN: no pixel counts
    means[..., 0] = np.where(rangeless, equal[:, None], means[..., 0])
    return Values.of(("ssim_dsc", "ssim_255"), means, masks)


def ssim_win51(
    generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None = None
) -> Values:
    """ssim_win51 of each pair, in [-1, 1]; see `Values`.

    scikit-image's structural_similarity with its uniform window of 51 pixels (and sample
    covariance), per channel, on images / 255 with data range 1 (GFLA, PIDM, CFLD). Images are
    (N, H, W, 3) uint8 of at least 51 pixels a side, else ValueError.
    """
    generated, reference, counted = checked(generated, reference, masks, BOX)
    means = _box_means(generated, reference, counted)
    return Values.of(("ssim_win51",), means, masks)


def ms_ssim(
    generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None = None
) -> Values:
    """ms_ssim of each pair, in [0, 1]; see `Values`. It has no body variant.

    pytorch-msssim's: gaussian of 11 taps, L = 255, five scales by 2x2 means, negative terms
    set to 0, mean over channels. Images are (N, H, W, 3) uint8 of more than 160 pixels a side,
    else ValueError.
    """
    generated, reference, _ = checked(generated, reference, None, (TAPS - 1) * 2**4 + 1)
    return Values({"ms_ssim": _multiscale(generated, reference, SCALES)}, {})


@njit(cache=True, nogil=True, error_model="numpy")
def _gaussian_means(
    generated: np.ndarray, reference: np.ndarray, masks: np.ndarray, L: np.ndarray
) -> np.ndarray:
    """(N, H, W, 3) uint8, masks (N, H, W) bool, L (N, K) -> means (N, 2, K), all and masked."""
    pairs, channels, edge = len(generated), generated.shape[3], TAPS // 2
    means = np.empty((pairs, 2, L.shape[1]))
    for n in range(pairs):
        sums = np.zeros((L.shape[1], 3))
        inside = masks[n, edge : masks.shape[1] - edge, edge : masks.shape[2] - edge]
        inside = inside.astype(np.float64)
        for c in range(channels):
            x = generated[n, :, :, c].astype(np.float64)
            y = reference[n, :, :, c].astype(np.float64)
            sums += _gaussian_sums(x, y, inside, L[n])
        means[n, 0] = sums[:, 0] / (channels * inside.size)
        means[n, 1] = sums[:, 1] / (channels * inside.sum())
    return means


@njit(cache=True, nogil=True, error_model="numpy")
def _gaussian_sums(x: np.ndarray, y: np.ndarray, inside: np.ndarray, L: np.ndarray) -> np.ndarray:
    """One channel, (H, W) float64 -> (K, 3): sums over windows of SSIM, of SSIM * inside, of cs."""
    height, width = x.shape[0] - TAPS + 1, x.shape[1] - TAPS + 1
    planes = np.empty((4, *x.shape))
    planes[0], planes[1], planes[2], planes[3] = x, y, x * x + y * y, x * y
    down, across = np.empty(x.shape[1]), np.empty((4, width))  # a line filtered both ways
    columns = np.zeros((len(L), 3, width))
    for r in range(height):
        for m in range(4):
            for j in range(down.size):
                total = 0.0
                for t in range(TAPS):
                    total += GAUSSIAN[t] * planes[m, r + t, j]
                down[j] = total
            for j in range(width):
                total = 0.0
                for t in range(TAPS):
                    total += GAUSSIAN[t] * down[j + t]
                across[m, j] = total
        for k in range(len(L)):
            C1, C2 = (0.01 * L[k]) ** 2, (0.03 * L[k]) ** 2
            for j in range(width):
                ux, uy = across[0, j], across[1, j]
                both, cross = ux * ux + uy * uy, ux * uy
                cs = (2 * (across[3, j] - cross) + C2) / (across[2, j] - both + C2)
                value = (2 * cross + C1) / (both + C1) * cs
                columns[k, 0, j] += value
                columns[k, 1, j] += value * inside[r, j]
                columns[k, 2, j] += cs
    sums = np.empty((len(L), 3))
    for k in range(len(L)):
        for s in range(3):
            sums[k, s] = columns[k, s].sum()
    return sums


@njit(cache=True, nogil=True, error_model="numpy")
def _multiscale(generated: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 -> MS-SSIM (N,)."""
    pairs, channels = len(generated), generated.shape[3]
    L = np.full(1, 255.0)
    values = np.zeros(pairs)
    for n in range(pairs):
        for c in range(channels):
            x = generated[n, :, :, c].astype(np.float64)
            y = reference[n, :, :, c].astype(np.float64)
            value = 1.0
            for s in range(len(weights)):
                last = s == len(weights) - 1
                inside = np.ones((x.shape[0] - TAPS + 1, x.shape[1] - TAPS + 1))
                mean = _gaussian_sums(x, y, inside, L)[0, 0 if last else 2] / inside.size
                value *= max(mean, 0.0) ** weights[s]
                if not last:
                    x, y = _halved(x), _halved(y)
            values[n] += value / channels
    return values


@njit(cache=True, nogil=True)
def _halved(plane: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels; an odd side is padded with a line of zeros before and after."""
    height, width = plane.shape
    odd_height, odd_width = height % 2, width % 2
    out = np.empty(((height + odd_height) // 2, (width + odd_width) // 2))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for p in range(max(2 * i - odd_height, 0), 2 * i - odd_height + 2):
                for q in range(max(2 * j - odd_width, 0), 2 * j - odd_width + 2):
                    total += plane[p, q]
            out[i, j] = total / 4
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _box_means(generated: np.ndarray, reference: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8, masks (N, H, W) bool -> means (N, 2, 1), all and masked."""
    pairs, channels, edge = len(generated), generated.shape[3], BOX // 2
    means = np.empty((pairs, 2, 1))
    for n in range(pairs):
        inside = masks[n, edge : masks.shape[1] - edge, edge : masks.shape[2] - edge]
        inside = inside.astype(np.float64)
        totals = np.zeros(2)
        for c in range(channels):
            x = generated[n, :, :, c].astype(np.int64)
            y = reference[n, :, :, c].astype(np.int64)
            totals += _box_totals(x, y, inside)
        means[n, 0, 0] = totals[0] / (channels * inside.size)
        means[n, 1, 0] = totals[1] / (channels * inside.sum())
    return means


@njit(cache=True, nogil=True, error_model="numpy")
def _box_totals(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """One channel, (H, W) int64 -> sums over windows of SSIM and of SSIM * inside.

    Windows' sums are whole numbers, slid along and exact: a window costs the same whatever its
    size.
    """
    rows, columns, area = inside.shape[0], inside.shape[1], BOX * BOX
    C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    planes = (x, y, x * x + y * y, x * y)
    strips = np.empty((4, x.shape[1]), np.int64)  # sums down the columns of a row of windows
    sums = np.empty((4, columns), np.int64)
    for m in range(4):
        strips[m] = planes[m][: BOX - 1].sum(axis=0)
    totals = np.zeros((2, columns))
    for r in range(rows):
        for m in range(4):
            strips[m] += planes[m][r + BOX - 1]
            total = strips[m, : BOX - 1].sum()
            for j in range(columns):
                total += strips[m, j + BOX - 1]
                sums[m, j] = total
                total -= strips[m, j]
            strips[m] -= planes[m][r]
        for j in range(columns):
            both = sums[0, j] * sums[0, j] + sums[1, j] * sums[1, j]
            cross = sums[0, j] * sums[1, j]
            variances = (area * sums[2, j] - both) / (area * (area - 1))
            covariance = (area * sums[3, j] - cross) / (area * (area - 1))
            luminance = (2 * cross / area**2 + C1) / (both / area**2 + C1)
            value = luminance * ((2 * covariance + C2) / (variances + C2))
            totals[0, j] += value
            totals[1, j] += value * inside[r, j]
    return np.array([totals[0].sum(), totals[1].sum()])
