"""Skin, face and eyes, painted over the canonical body."""

from dataclasses import dataclass

import numpy as np

from world import labels
from world.fabrics import Colour
from world.noise import layered
from world.places import Places, smoothstep

EYE = np.array([0.0325, -0.139, 0.9015])  # the left eye's opening; the right one mirrors x
HEAD_CENTRE = np.array([0.0, -0.055, 0.90])
SKIN_TONES: tuple[Colour, ...] = (
    (0.96, 0.82, 0.73),
    (0.93, 0.76, 0.65),
    (0.89, 0.70, 0.57),
    (0.82, 0.62, 0.48),
    (0.72, 0.52, 0.39),
    (0.60, 0.42, 0.31),
    (0.48, 0.33, 0.25),
    (0.37, 0.25, 0.19),
)
IRISES: tuple[Colour, ...] = (
    (0.30, 0.18, 0.10),
    (0.22, 0.13, 0.08),
    (0.33, 0.42, 0.28),
    (0.33, 0.47, 0.60),
    (0.42, 0.33, 0.18),
)


@dataclass(frozen=True)
class Complexion:
    """What is painted on the bare body; `hair` colours the brows and the scalp."""

    tone: Colour
    iris: Colour
    hair: Colour
    lips: float  # 0 natural .. 1 lipstick
    brow: float  # thickness in metres
    stubble: float
    seed: int
    close: bool = False  # seen from near, where the stubble's edge must be soft


def paint(c: Complexion, p: Places, eyeball: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, 3) in sRGB and label codes (N,); `eyeball` (N,) bool marks the eyes' charts."""
    tone = np.array(c.tone)
    blotch = layered(p.points * 25, c.seed, 3) - 0.5
    colour = tone * (1 + 0.08 * blotch[:, None] * [0.6, 1.0, 1.0])
    code = np.where(p.hand > 0.5, labels.HANDS, labels.SKIN).astype(np.uint8)
    # Palms, soles, knees and elbows are redder.
    warm = tone * [1.02, 0.90, 0.86]
    knees = smoothstep(0.07, 0.02, np.abs(p.z + 0.30)) * smoothstep(-0.04, -0.09, p.y)
    colour = _over(colour, warm, np.clip(0.5 * knees + 0.35 * smoothstep(0.3, 0.9, p.hand), 0, 1))
    head = (p.neck > 0.5) & (p.z > 0.775)
    code[head & (p.y < 0.0)] = labels.FACE  # behind it, skin: the nape
    near = np.flatnonzero(head)
    colour[near] = _face(c, p.take(near), colour[near], warm)
    eyes = np.flatnonzero(eyeball)
    colour[eyes] = _eyes(c, p.take(eyes))
    code[eyes] = labels.FACE
    return colour, code


def _over(below: np.ndarray, colour: np.ndarray, share: np.ndarray) -> np.ndarray:
    return below * (1 - share[:, None]) + colour * share[:, None]


def _face(c: Complexion, p: Places, colour: np.ndarray, warm: np.ndarray) -> np.ndarray:
    x, z, front = np.abs(p.x), p.z, p.y < -0.09
    red = np.array(c.tone) * [0.98, 0.74, 0.70]
    cheek = np.exp(-(((x - 0.047) / 0.020) ** 2) - ((z - 0.868) / 0.017) ** 2) * front
    nose = np.exp(-((x / 0.016) ** 2) - ((z - 0.862) / 0.012) ** 2) * (p.y < -0.15)
    colour = _over(colour, red, np.clip(0.40 * cheek + 0.25 * nose, 0, 1))
    if c.stubble:
        before = smoothstep(-0.025, -0.085, p.y) if c.close else p.y < -0.055
        below = smoothstep(0.755, 0.80, z) if c.close else smoothstep(0.785, 0.80, z)
        jaw = smoothstep(0.862, 0.835, z) * below * before
        grain = layered(p.points * 900, c.seed, 1)
        colour = _over(colour, np.array(c.hair), c.stubble * jaw * (0.35 + 0.5 * grain))
    # Lips: the upper ones' bow, the lower ones' curve, the line between.
    middle = 0.8279 + 0.0020 * (x / 0.0245) ** 2  # the hint of a smile
    taper = np.sqrt(np.clip(1 - (x / 0.0255) ** 2, 0, 1))
    upper = middle + 0.0088 * taper * (0.86 + 0.14 * np.cos((x / 0.0075 - 1) * np.pi) * (x < 0.015))
    lower = middle - 0.0115 * taper
    lip = smoothstep(0, 0.0016, upper - z) * smoothstep(0, 0.002, z - lower) * (p.y < -0.13)
    natural = np.array(c.tone) * [0.86, 0.56, 0.54]
    painted = np.array((0.70, 0.13, 0.18)) * (0.55 + 0.45 * c.tone[0])
    colour = _over(colour, natural * (1 - c.lips) + painted * c.lips, lip * (0.75 + 0.2 * c.lips))
    line = np.exp(-(((z - middle) / 0.0011) ** 2)) * (taper > 0.15) * (p.y < -0.13)
    colour = _over(colour, natural * 0.45, line * 0.8)
    nostril = np.exp(-(((x - 0.0085) / 0.0042) ** 2) - ((z - 0.8520) / 0.0026) ** 2) * (p.y < -0.14)
    colour = _over(colour, np.array(c.tone) * [0.45, 0.30, 0.27], 0.75 * nostril)
    return _brows(c, p, colour)


def _brows(c: Complexion, p: Places, colour: np.ndarray) -> np.ndarray:
    x, z = np.abs(p.x), p.z
    front = p.y < -0.10
    t = (x - 0.014) / 0.040
    arch = 0.9205 + 0.0052 * np.sin(np.clip(t, 0, 1) * 2.3)
    half = c.brow * (1 - 0.65 * np.clip(t, 0, 1) ** 2)
    brow = smoothstep(half, 0.5 * half, np.abs(z - arch)) * (t > 0) * (t < 1) * front
    brow *= smoothstep(0.0, 0.12, t) * smoothstep(1.0, 0.85, t)
    dark = np.array(c.hair) * 0.7
    colour = _over(colour, dark, 0.85 * brow)
    # Lashes and the crease around the eye's opening.
    du, dv = (x - EYE[0]) / 0.0135, (z - EYE[2]) / 0.0058
    ring = np.hypot(du, dv)
    upper = smoothstep(1.45, 1.0, ring) * (dv > -0.1)
    lower = smoothstep(1.35, 1.0, ring) * (dv <= -0.1)
    colour = _over(colour, np.array((0.07, 0.05, 0.05)), (0.88 * upper + 0.35 * lower) * front)
    lid = np.exp(-(((z - EYE[2] - 0.0105) / 0.0055) ** 2) - (du / 1.3) ** 2) * front * (ring > 1.3)
    return _over(colour, np.array(c.tone) * [0.72, 0.58, 0.55], 0.40 * lid)


def _eyes(c: Complexion, p: Places) -> np.ndarray:
    x, z = np.abs(p.x) - 0.0318, p.z - EYE[2]
    radius = np.hypot(x, z)
    colour = np.broadcast_to(np.array((0.93, 0.92, 0.90)), p.points.shape)
    colour = _over(colour, np.array((0.80, 0.62, 0.58)), smoothstep(0.008, 0.013, radius) * 0.5)
    iris = np.array(c.iris)
    shade = iris * np.clip(0.55 + 0.9 * (1 - z[:, None] / 0.006) * 0.5, 0.4, 1.5)
    colour = _over(colour, shade, smoothstep(0.0066, 0.0058, radius))
    colour = _over(colour, iris * 0.35, np.exp(-(((radius - 0.0060) / 0.0008) ** 2)) * 0.7)
    colour = _over(colour, np.array((0.02, 0.02, 0.02)), smoothstep(0.0031, 0.0025, radius))
    glint = np.hypot(x - 0.0022, z - 0.0024)
    return _over(colour, np.array((1.0, 1.0, 1.0)), smoothstep(0.0017, 0.0010, glint))
