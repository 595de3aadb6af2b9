"""DensePose's IUV images -> UV maps on SMPL's texture sheet."""

import numpy as np

from models.lookup import CHARTS

_SCALE, _OFFSET = np.array([[2, -2], [-1, 1]], np.float32)


class UnclearChannelOrder(ValueError):  # noqa: N818 - its name is an error_type in the tables
    """An IUV image that could be read in more than one way, or in none."""


def iuv_from_image(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 as an image file holds them, RGB order -> (H, W, 3) with channels I, U, V.

    Two orders are in the wild: (V, U, I), written by OpenCV, whose file order is BGR, and
    (I, U, V). I is the chart, 0 off the body and 1..24 on it, so the channel that stays within
    24 is I, as long as the other one does not.
    Raises UnclearChannelOrder when both or neither do.
    """
    first, last = (pixels[..., c].max(initial=0) <= CHARTS for c in (0, 2))
    if first and last and not pixels.any():
        return pixels  # nobody there, in either order
    if first == last:
        raise UnclearChannelOrder(
            f"the IUV image's channel order is unclear: {'both' if first else 'neither'} of its "
            f"first and last channel stay within 0..{CHARTS}, as the chart index must"
        )
    return pixels if first else pixels[..., ::-1]


def uv_from_iuv(iuv: np.ndarray, lookup: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 channels I, U, V, and a lookup (models.lookup) -> UV map (H, W, 2) float32.

    u' = 2u - 1 and v' = 1 - 2v: the lookup's v points up, a UV map's down. NaN off the body, and
    where U and V were rounded off the edge of their chart (about 1 % of a body's pixels).
    """
    body = iuv[..., 0] > 0
    chart, u, v = iuv[body].T  # of the body alone, for photographs may have 50 million pixels
    uv = np.full((*body.shape, 2), np.nan, np.float32)
    uv[body] = lookup[chart - 1, v, u] * _SCALE + _OFFSET
    return uv
