"""What human parsers write: our codes -> the numbers of a table -> a file of any kind."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from workers.extraction.parsing.reading import PALETTES
from workers.extraction.parsing.tables import TABLES
from world.labels import (
    ACCESSORIES,
    DRESS,
    GLASSES,
    GLOVES,
    HAIR,
    HANDS,
    HAT,
    NAMES,
    OUTERWEAR,
    PERSON,
    SHOES,
    SKIN,
    SKIRT,
    SOCKS,
    TOP,
    TROUSERS,
)

# What a parser without a label for a thing writes instead.
INSTEAD = {
    HANDS: SKIN,
    GLOVES: HANDS,
    GLASSES: ACCESSORIES,
    HAT: HAIR,
    SOCKS: SHOES,
    SKIRT: TROUSERS,
    DRESS: TOP,
    OUTERWEAR: TOP,
    PERSON: TOP,
}


def numbers_of(table: str) -> np.ndarray:
    """The number that a parser writes for each of our codes, uint8 (256,)."""
    first: dict[int, int] = {}
    for number, label in enumerate(TABLES[table]):
        first.setdefault(label.code, number)
    numbers = np.zeros(256, np.uint8)
    for code in NAMES:
        known = code
        while known not in first:
            known = INSTEAD[known]
        numbers[code] = first[known]
    return numbers


def parsed(codes: np.ndarray, table: str) -> np.ndarray:
    """Codes (H, W) as a parser of this table writes them, uint8."""
    return numbers_of(table)[codes]


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _indexed(numbers: np.ndarray, **options: Any) -> bytes:
    """A PNG with a palette that has nothing to do with any parser's."""
    image = Image.fromarray(numbers)
    image.putpalette(np.random.default_rng(0).permutation(768).astype(np.uint8).tobytes())
    return saved(image, **options)


def _coloured(numbers: np.ndarray, palette: str, mode: str = "RGB") -> bytes:
    colours = PALETTES[palette][numbers]
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.uint8)
    return saved(Image.fromarray(rgb).convert(mode))


def _array(numbers: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, numbers)
    return out.getvalue()


def png(numbers: np.ndarray, bits: int = 8, interlaced: bool = False) -> bytes:
    """A grey PNG of 4 or 8 bits, as Pillow does not write it."""
    steps = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2)]
    steps = [*steps, (1, 2, 0, 1)] if interlaced else [(0, 1, 0, 1)]
    lines = b""
    for top, down, left, across in steps:
        part = numbers[top::down, left::across]
        for line in part if part.shape[1] else ():
            if bits == 4:
                line = np.append(line, [0] * (len(line) % 2)).reshape(-1, 2) @ [16, 1]
            lines += b"\0" + line.astype(np.uint8).tobytes()
    height, width = numbers.shape
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


# By what they hold, and the extension of the file.
KINDS: dict[tuple[str, str], Callable[[np.ndarray], bytes]] = {
    ("indices", "png"): _indexed,
    ("indices, one transparent", "png"): lambda n: _indexed(n, transparency=5),
    ("grey", "png"): lambda n: saved(Image.fromarray(n)),
    ("grey and opacity", "png"): lambda n: saved(Image.fromarray(n).convert("LA")),
    ("grey, interlaced", "png"): lambda n: png(n, interlaced=True),
    ("grey, 16 bits", "png"): lambda n: saved(Image.fromarray(n.astype(np.uint16))),
    ("three equal channels", "png"): lambda n: saved(Image.fromarray(n).convert("RGB")),
    ("colours of VOC", "png"): lambda n: _coloured(n, "PASCAL VOC"),
    ("colours of VOC, opacity", "png"): lambda n: _coloured(n, "PASCAL VOC", "RGBA"),
    ("colours of CIHP_PGN", "png"): lambda n: _coloured(n, "CIHP_PGN"),
    ("grey", "bmp"): lambda n: saved(Image.fromarray(n), "BMP"),
    ("grey", "tif"): lambda n: saved(Image.fromarray(n), "TIFF"),
    ("bytes", "npy"): _array,
    ("integers", "npy"): lambda n: _array(n.astype(np.int64)),
}
FOUR_BITS = "grey, 4 bits", "png"  # of labels below 16


def file_of(numbers: np.ndarray, kind: tuple[str, str] = ("indices", "png")) -> bytes:
    """The bytes of a parser's file."""
    return png(numbers, bits=4) if kind == FOUR_BITS else KINDS[kind](numbers)
