"""DensePose's IUV images -> UV maps on SMPL's texture sheet."""

import numpy as np

from models.lookup import CHARTS, SIDE
from models.uv_maps import between

_SCALE, _OFFSET = np.array([[2, -2], [-1, 1]], np.float32)
# A pixel lies on the line between its neighbours if it is this near: rounding and overshoot bring
# blends off it. On real maps up to 0.7 % of the borders of parts are such pixels by chance (0.1 %
# at full size, the others at a fifth of it), and after interpolation more than 2 % (mostly 20).
_ON_LINE = 8
_BLENDED = 1 / 80
_CHANCE = 2  # pixels: on a small map one is a large share
# Pixels on either side that smooth out the steps of 8 bits. They grow wider with the image: one for
# each 256 pixels of its longer side, within these bounds.
_REACH = (2, 6)
_ROUNDED = 1  # what rounding of three values may add to their second difference


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


def smoothed(iuv: np.ndarray) -> np.ndarray:
    """U and V of (H, W, 3) uint8 channels I, U, V, without the steps of 8 bits; (H, W, 2) float32.

    On a photograph of 1,024 pixels a step is as wide as a pixel. Along rows, then along columns, a
    pixel becomes the mean of itself and of those pairs of opposite neighbours that are of its
    chart, and on a line with it but for rounding. So neither edges nor folds are blurred, and no
    value moves by more than a step.
    """
    values = iuv[..., 1:].astype(np.float32)
    far = int(np.clip(max(iuv.shape[:2]) // 256, *_REACH))
    for axis in (0, 1):
        label, value = (np.moveaxis(x, axis, 0) for x in (iuv[..., 0], values))
        total, count = value.copy(), np.ones((*label.shape, 1), np.float32)
        for reach in range(1, far + 1):
            before, here, after = slice(-2 * reach), slice(reach, -reach), slice(2 * reach, None)
            bend = value[before] + value[after] - 2 * value[here]
            pair = (label[before] == label[here]) & (label[after] == label[here])
            pair = (pair & (np.abs(bend) <= _ROUNDED).all(axis=-1))[..., None]
            total[here] += np.where(pair, value[before] + value[after], 0)
            count[here] += 2 * pair
        values = np.moveaxis(total / count, 0, axis)
    return values


def uv_from_iuv(labels: np.ndarray, charts: np.ndarray, lookup: np.ndarray) -> np.ndarray:
    """Labels, their U and V, and a lookup (models.lookup) -> UV map (H, W, 2) float32.

    `labels` (H, W) are charts 1..24, 0 off the body; `charts` (H, W, 2) are U and V in 0..255,
    whole or not. u' = 2u - 1 and v' = 1 - 2v: the lookup's v points up, a UV map's down. NaN off
    the body, and where U and V were rounded off the edge of their chart (about 1 % of a body's
    pixels).
    """
    body = labels > 0
    chart = labels[body].astype(np.int64)  # of the body alone, for photographs may be large
    u, v = charts[body].astype(np.float32).T
    uv = np.full((*body.shape, 2), np.nan, np.float32)
    uv[body] = between(lookup.reshape(-1, SIDE, 2), (chart - 1) * SIDE + v, u) * _SCALE + _OFFSET
    return uv
