"""DensePose's IUV images -> UV maps on SMPL's texture sheet."""

import numpy as np

from models.lookup import CHARTS

_SCALE, _OFFSET = np.array([[2, -2], [-1, 1]], np.float32)
# A pixel lies on the line between its neighbours if it is this near: rounding and overshoot bring
# blends off it. On real maps up to 0.7 % of the borders of parts are such pixels by chance (0.1 %
# at full size, the others at a fifth of it), and after interpolation more than 2 % (mostly 20).
_ON_LINE = 8
_BLENDED = 1 / 80
_CHANCE = 2  # pixels: on a small map one is a large share


class UnclearChannelOrder(ValueError):  # noqa: N818 - its name is an error_type in the tables
    """An IUV image that could be read in more than one way, or in none."""


class InterpolatedIuv(ValueError):  # noqa: N818
    """An IUV image whose pixels were averaged, labels included, so that they name wrong parts."""


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
            f"first and last channel stay within 0..{CHARTS}, as the chart index must; if it was "
            "interpolated, saved as JPEG or drawn to be looked at, give DensePose's own"
        )
    return pixels if first else pixels[..., ::-1]


def refuse_interpolated(iuv: np.ndarray) -> None:
    """Raise InterpolatedIuv if (H, W, 3) uint8 channels I, U, V were interpolated.

    Between two parts, or a part and the background, scaling puts pixels that are a mean of both:
    their label lies between the two labels, on the line between the two (I, U, V). U and V off
    the body count as half a label: scaling leaves them where the label is rounded off. DensePose
    changes labels from one pixel to the next, and nearest neighbour keeps that so.
    """
    label = 2 * iuv[..., 0] + ((iuv[..., 0] == 0) & iuv[..., 1:].any(axis=-1))
    blended = borders = 0
    for axis in (0, 1):
        before, here, after = _neighbours(label, axis)
        between = (np.minimum(before, after) < here) & (here < np.maximum(before, after))
        first, pixel, last = (x[between].astype(np.float32) for x in _neighbours(iuv, axis))
        line, offset = last - first, pixel - first
        share = (offset * line).sum(axis=-1) / (line * line).sum(axis=-1)
        blended += int((np.abs(offset - share[:, None] * line) <= _ON_LINE).all(axis=-1).sum())
        borders += int((before != after).sum())
    if blended > max(_CHANCE, _BLENDED * borders):
        raise InterpolatedIuv(
            f"the IUV image was interpolated: {blended} pixels between two parts mix the labels of "
            "both; give it in the size that DensePose wrote (size= scales it), or scale it with "
            "nearest neighbour"
        )


def _neighbours(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of all pixels but the outermost along an axis: that before, itself, and that after."""
    x = np.moveaxis(x, axis, 0)
    return x[:-2], x[1:-1], x[2:]


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
