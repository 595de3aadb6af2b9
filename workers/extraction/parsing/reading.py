"""The files of human parsers: bytes -> the label number of each pixel."""

import io

import numpy as np
import pandas as pd

from workers.data.errors import BadImage, BadParsing, BadUvMap
from workers.data.images import PNG_BITS, read_map

PNG, GREY = b"\x89PNG", 0
REMEDY = "save the label numbers as a PNG of one channel"


def _bit_shuffled(label: int) -> int:
    """A label's colour in the palette of PASCAL VOC, 0xRRGGBB: its bits, spread over channels."""
    return sum(
        (label >> (3 * place + channel) & 1) << (7 - place) + 8 * (2 - channel)
        for channel in range(3)
        for place in range(3)
    )


# https://github.com/Engineering-Course/CIHP_PGN; VITON-HD's files carry it, too.
_CIHP_PGN = """
    000000 800000 ff0000 005500 aa0033 ff5500 000055 0077dd 555500 005555
    553300 345680 008000 0000ff 33aadd 00ffff 55ffaa aaff55 ffff00 ffaa00"""
# The colours of labels 0, 1, ..., as 0xRRGGBB. Self-Correction-Human-Parsing, and many viewers of
# LIP and ATR, use PASCAL VOC's.
PALETTES = {
    "PASCAL VOC": np.array([_bit_shuffled(label) for label in range(256)]),
    "CIHP_PGN": np.array([int(colour, 16) for colour in _CIHP_PGN.split()]),
}


def read_labels(data: bytes, max_pixels: int) -> np.ndarray:
    """The bytes of an image or .npy file -> integers (H, W), not yet known to be labels.

    Of a palette the indices are taken, never the colours; of a grey image its values, 16 bits
    included; of colours the numbers that exactly one of PALETTES gives them; three equal channels
    are one. Raises BadImage for what is no image, BadParsing for what holds no numbers.
    """
    if data.startswith(b"\x93NUMPY"):
        return _of_array(data, max_pixels)
    try:
        pixels = read_map(data, max_pixels)
    except BadUvMap as error:  # a format that changes numbers
        raise BadParsing(str(error)) from error
    if pixels.dtype == bool:
        raise BadParsing(f"an image of 1 bit is a mask and holds no labels: {REMEDY}")
    if pixels.dtype.kind not in "ui":
        raise BadParsing(f"its values are no whole numbers: {REMEDY}")
    if pixels.ndim == 3:
        return _of_colours(pixels)
    bits, kind = data[PNG_BITS : PNG_BITS + 2]
    if data.startswith(PNG) and kind == GREY and bits in (2, 4):  # Pillow has stretched them
        return pixels // (255 // (2**bits - 1))
    return pixels


def _of_array(data: bytes, max_pixels: int) -> np.ndarray:
    try:
        labels = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise BadParsing(f"no .npy file of numbers: {error}") from error
    if labels.dtype == bool:
        raise BadParsing("a mask (bool), which holds no labels: Sapiens has them in NAME_seg.npy")
    if labels.dtype.kind not in "ui" or labels.ndim != 2:
        found = f"{labels.shape} {labels.dtype}"
        raise BadParsing(f"labels are integers of shape (H, W), these are {found}")
    if labels.size > max_pixels:
        raise BadImage(f"the array has shape {labels.shape}, more than max_pixels={max_pixels}")
    return labels


def _of_colours(pixels: np.ndarray) -> np.ndarray:
    """Labels (H, W) of colours (H, W, 3); BadParsing where no palette fits, or two do."""
    red, green, blue = np.moveaxis(pixels.astype(np.int64), 2, 0)
    # By hashes, for it takes long to sort a million pixels.
    place, colours = pd.factorize((red << 16 | green << 8 | blue).ravel())
    if pixels.dtype != np.uint8:
        raise BadParsing(f"colours of 16 bits a channel are in no palette: {REMEDY}")
    readings = {}
    for name, palette in PALETTES.items():
        order = palette.argsort()
        at = np.searchsorted(palette, colours, sorter=order).clip(max=len(palette) - 1)
        if (palette[order[at]] == colours).all():
            readings[name] = order[at]
    if not readings and (red == green).all() and (green == blue).all():
        return pixels[..., 0]
    if not readings:
        every = np.concatenate([*PALETTES.values()])
        strange = colours[np.isin(colours, every, invert=True)]
        rgb = tuple(int(strange[0] if len(strange) else colours[0]).to_bytes(3, "big"))
        raise BadParsing(
            f"{len(colours)} colours of no one palette of labels, such as {rgb}: {REMEDY}"
        )
    labels, *others = readings.values()
    if any((labels != other).any() for other in others):
        raise BadParsing(f"its colours fit the palettes {' and '.join(readings)}: {REMEDY}")
    return labels[place].reshape(pixels.shape[:2])
