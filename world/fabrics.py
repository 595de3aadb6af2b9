"""Fabrics: a colour for every place, from cloth coordinates in metres."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from world.noise import layered, noise
from world.places import smoothstep

Colour = tuple[float, float, float]  # sRGB in [0, 1]


def rgb(code: str) -> Colour:
    """Six hexadecimal digits -> a colour."""
    r, g, b = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return r, g, b


def scaled(colour: Colour, by: float, plus: float = 0.0) -> Colour:
    """A darker or lighter colour."""
    r, g, b = (min(1.0, by * c + plus) for c in colour)
    return r, g, b


@dataclass(frozen=True)
class Fabric:
    """A pattern with up to three colours; `scale` is its repeat in metres."""

    pattern: str  # a key of PATTERNS
    colours: tuple[Colour, Colour, Colour]
    scale: float = 0.05
    seed: int = 0
    text: str = ""
    weave: float = 0.03  # contrast of the threads

    def paint(self, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Colours (N, 3) at cloth coordinates (N, 2) and canonical points (N, 3)."""
        colour = PATTERNS[self.pattern](self, cloth, points)
        threads = noise(np.concatenate([cloth * 900, points[:, :1] * 0], axis=1), self.seed)
        blotch = layered(points * 9, self.seed + 5, 2)
        return np.clip(
            colour * (1 + self.weave * (threads - 0.5) * 2 + 0.05 * (blotch - 0.5))[:, None], 0, 1
        )


def _mix(a: Colour, b: Colour | np.ndarray, share: np.ndarray) -> np.ndarray:
    return np.array(a) * (1 - share[:, None]) + np.array(b) * share[:, None]


def _over(below: np.ndarray, colour: Colour, share: np.ndarray) -> np.ndarray:
    return below * (1 - share[:, None]) + np.array(colour) * share[:, None]


def _wave(x: np.ndarray, duty: float, soft: float = 0.02) -> np.ndarray:
    """1 on a share `duty` of every unit, with soft edges."""
    t = np.abs((x % 1.0) - 0.5)
    return 1 - smoothstep(duty / 2 - soft, duty / 2 + soft, t)


def _plain(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    return _mix(f.colours[0], f.colours[0], np.zeros(len(cloth)))


def _stripes(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    return _mix(f.colours[0], f.colours[1], _wave(cloth[:, 1] / f.scale, 0.42))


def _pinstripes(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    return _mix(f.colours[0], f.colours[1], 0.8 * _wave(cloth[:, 0] / f.scale, 0.14, 0.05))


def _bands(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Two broad bands across the chest, a colour block below."""
    z = cloth[:, 1]
    colour = _mix(f.colours[0], f.colours[1], smoothstep(0.503, 0.497, z))
    return _over(colour, f.colours[2], smoothstep(0.453, 0.447, z) * smoothstep(0.387, 0.393, z))


def _gingham(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    across, along = (_wave(cloth[:, k] / f.scale, 0.5) for k in (0, 1))
    return _mix(f.colours[0], f.colours[1], (across + along) / 2)


def _tartan(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    broad = [_wave(cloth[:, k] / f.scale, 0.45, 0.01) for k in (0, 1)]
    fine = [_wave(cloth[:, k] / f.scale + 0.5, 0.07, 0.015) for k in (0, 1)]
    colour = _mix(f.colours[0], f.colours[1], (broad[0] + broad[1]) * 0.42)
    return _over(colour, f.colours[2], np.maximum(fine[0], fine[1]) * 0.7)


def _dots(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    cell = cloth / f.scale
    offset = np.floor(cell[:, 1]) % 2 * 0.5
    dx = (cell[:, 0] + offset) % 1.0 - 0.5
    dy = cell[:, 1] % 1.0 - 0.5
    return _mix(f.colours[0], f.colours[1], smoothstep(0.27, 0.22, np.hypot(dx, dy)))


def _floral(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Five-petalled flowers on a jittered lattice, with leaves."""
    cell = cloth / f.scale
    colour = _mix(f.colours[0], f.colours[0], np.zeros(len(cloth)))
    home = np.floor(cell)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            lattice = home + np.array((i, j))
            at = np.concatenate([lattice * 7.31 + 0.5, np.full((len(cell), 1), 3.0)], axis=1)
            jitter = [noise(at + k * 17.7, f.seed) - 0.5 for k in (0, 1, 2)]
            d = cell - lattice - 0.5 - np.stack(jitter[:2], axis=1) * 0.9
            radius, angle = np.hypot(*d.T), np.arctan2(d[:, 1], d[:, 0]) + jitter[2] * 9
            petal = (0.30 + 0.14 * jitter[2]) * (0.72 + 0.28 * np.cos(5 * angle))
            leaf = np.hypot(d[:, 0] * 0.8 - 0.3, d[:, 1] * 2.2 + 0.25)
            green = scaled(f.colours[2], 0.45, 0.12)
            colour = _over(colour, green, smoothstep(0.20, 0.15, leaf) * 0.55)
            colour = _over(colour, f.colours[1], smoothstep(petal + 0.03, petal - 0.03, radius))
            colour = _over(colour, f.colours[2], smoothstep(0.10, 0.07, radius))
    return colour


def _gradient(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    return _mix(f.colours[0], f.colours[1], smoothstep(0.62, 0.12, points[:, 2]))


def _tie_dye(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    swirl = layered(points * 6, f.seed, 3)
    t = 0.5 + 0.5 * np.sin(np.hypot(cloth[:, 0], cloth[:, 1] - 0.45) * 40 + swirl * 9)
    return _over(_mix(f.colours[0], f.colours[1], t), f.colours[2], smoothstep(0.5, 0.75, swirl))


def _denim(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    twill = _wave((cloth[:, 0] + cloth[:, 1]) / 0.006, 0.5, 0.25)
    faded = smoothstep(0.45, 0.8, layered(points * [10, 10, 5], f.seed, 3))
    thigh = smoothstep(0.16, 0.0, np.abs(points[:, 2] + 0.10)) * smoothstep(
        -0.04, -0.1, points[:, 1]
    )
    share = np.clip(0.06 * twill + 0.22 * faded + 0.28 * thigh, 0, 1)
    return _mix(f.colours[0], scaled(f.colours[0], 0.62, 0.45), share)


def _knit(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    ribs = 0.5 + 0.5 * np.cos(cloth[:, 0] / 0.011 * 2 * np.pi)
    rows = 0.5 + 0.5 * np.cos(cloth[:, 1] / 0.008 * 2 * np.pi)
    return _mix(f.colours[0], scaled(f.colours[0], 0.72), 0.75 * ribs * (0.7 + 0.3 * rows))


def _chevron(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    zigzag = np.abs((cloth[:, 0] / f.scale) % 1.0 - 0.5) * f.scale
    return _mix(f.colours[0], f.colours[1], _wave((cloth[:, 1] + zigzag) / f.scale, 0.45))


def _spots(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Animal spots: rings where a noise crosses a level."""
    field = noise(points / (0.55 * f.scale), f.seed)
    ring = smoothstep(0.56, 0.60, field)
    return _over(
        _mix(f.colours[0], f.colours[1], ring), f.colours[2], smoothstep(0.70, 0.74, field)
    )


def _lettering(f: Fabric, cloth: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A word across the chest, on the front panel alone."""
    mask = _word(f.text)
    height, width = mask.shape
    wide = 0.25 if len(f.text) > 3 else 0.16
    tall = wide * height / width
    column = (cloth[:, 0] / wide + 0.5) * (width - 1)
    row = (0.515 + tall / 2 - cloth[:, 1]) / tall * (height - 1)
    inside = (column >= 0) & (column < width - 1) & (row >= 0) & (row < height - 1)
    inside &= points[:, 1] < -0.035
    r, c = np.where(inside, row, 0), np.where(inside, column, 0)
    i, j = r.astype(int), c.astype(int)
    r, c = r - i, c - j
    ink = (mask[i, j] * (1 - c) + mask[i, j + 1] * c) * (1 - r)
    ink += (mask[i + 1, j] * (1 - c) + mask[i + 1, j + 1] * c) * r
    colour = _mix(f.colours[0], f.colours[0], np.zeros(len(cloth)))
    return _over(colour, f.colours[1], np.where(inside, ink, 0.0))


@cache
def _word(text: str) -> np.ndarray:
    """A word's ink (H, W) in [0, 1], in Pillow's own font."""
    font = ImageFont.load_default(96)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, 255, font, stroke_width=2)
    image = image.resize((image.width // 3, image.height // 3), Image.Resampling.BOX)
    return np.asarray(image, np.float64) / 255


PATTERNS = {
    "plain": _plain,
    "stripes": _stripes,
    "pinstripes": _pinstripes,
    "bands": _bands,
    "gingham": _gingham,
    "tartan": _tartan,
    "dots": _dots,
    "floral": _floral,
    "gradient": _gradient,
    "tie_dye": _tie_dye,
    "denim": _denim,
    "knit": _knit,
    "chevron": _chevron,
    "spots": _spots,
    "lettering": _lettering,
}
