"""Garments that follow the body: outlines on the canonical body, and how far the cloth stands off.

An outline is a signed distance in metres on the canonical body, positive under the cloth. The
same function colours pixels and lifts vertices, so edges cross the sheet's seams unnoticed.
"""

from dataclasses import dataclass, field

import numpy as np

from world.fabrics import Colour, Fabric, scaled
from world.places import CROTCH, NECK, WAIST, Places, smoothstep

# A neckline's half width and depths (front, back) below the neck's base, and its shape.
NECKLINES = {
    "crew": (0.078, 0.055, 0.022, 2.0),
    "scoop": (0.098, 0.125, 0.035, 2.2),
    "v": (0.082, 0.165, 0.022, 1.15),
    "boat": (0.135, 0.050, 0.030, 2.0),
    "square": (0.105, 0.120, 0.050, 6.0),
    "turtle": (0.0, 0.0, 0.0, 2.0),
    "shirt": (0.062, 0.075, 0.004, 1.2),
}


@dataclass(frozen=True)
class Garment:
    """One layer. `kind` is a key of OUTLINES; lengths are metres on the canonical body."""

    kind: str
    label: int
    fabric: Fabric
    hem: float = 0.05  # z of the lower edge
    top: float = WAIST  # z of the upper edge, where it has one
    sleeve: float = 0.18  # along the arm: 0.28 is the elbow, 0.53 the wrist
    neckline: str = "crew"
    thickness: float = 0.006  # distance of the cloth from the skin
    loose: float = 0.0  # extra distance at the hem and cuffs
    smooth: int = 12  # rounds of smoothing, by which cloth bridges hollows
    trim: Colour | None = None  # neckline, cuffs, belt
    opening: float = 0.0  # half width of a jacket's open front
    buttons: bool = False
    folds: float = 1.0
    extras: tuple[str, ...] = field(default=())  # "pockets", "belt"


def outline(garment: Garment, places: Places) -> np.ndarray:
    """(N,) signed distance to the garment's edge, positive where it covers."""
    return OUTLINES[garment.kind](garment, places)


def _top(g: Garment, p: Places) -> np.ndarray:
    wave = 0.012 * np.cos(np.arctan2(p.x, -p.y) * 2)
    body = np.where(p.on_arm, 1.0, p.level - g.hem + wave)
    sleeve = np.where(p.arm > 0.02, g.sleeve - p.sleeve, 1.0)
    sd = np.minimum(np.minimum(body, sleeve), _neck(g, p))
    if g.opening:
        edge = np.abs(p.cut[:, 0]) - g.opening * (1 + 0.9 * smoothstep(0.30, 0.75, p.z))
        sd = np.where((p.y < -0.02) & ~p.on_arm, np.minimum(sd, edge), sd)
    return sd


def _neck(g: Garment, p: Places) -> np.ndarray:
    width, front, back, power = NECKLINES[g.neckline]
    if not width:
        return np.where(p.neck > 0.02, 0.80 - p.z + 0.10 * (p.y + 0.05), 1.0)
    depth = back + (front - back) * p.front
    below = np.clip(NECK + 0.012 - p.z, 0, None)
    radius = ((np.abs(p.x) / width) ** power + (below / depth) ** power) ** (1 / power)
    # Above the neck's base and behind, the opening is a ring around the neck.
    ring = np.where(p.neck > 0.6, -0.05, np.abs(p.x) - width)
    return np.where(p.z > NECK + 0.012, ring, (radius - 1) * np.minimum(width, depth))


def _strapless(g: Garment, p: Places) -> np.ndarray:
    """A camisole: an upper edge with two straps."""
    edge = 0.590 - 0.012 * np.cos(p.x * 36) * p.front - p.z
    strap = 0.013 - np.abs(np.abs(p.x) - 0.088)
    strap = np.where(p.z > 0.5, np.minimum(strap, NECK + 0.02 - p.z), -1.0)
    body = np.minimum(p.level - g.hem, np.maximum(edge, strap))
    return np.where(p.on_arm, -np.abs(p.sleeve) - 0.01, np.minimum(body, 0.06 - p.sleeve))


def _trousers(g: Garment, p: Places) -> np.ndarray:
    dip = 0.012 * p.front
    return np.where(p.arm > 0.02, -0.1, np.minimum(g.top - dip - p.level, p.level - g.hem))


def _sock(g: Garment, p: Places) -> np.ndarray:
    """Socks and the legs of boots: everything below `top`."""
    return np.where(p.z < -0.2, g.top - p.z, -1.0)


OUTLINES = {"top": _top, "camisole": _strapless, "trousers": _trousers, "sock": _sock}


def stand_off(g: Garment, p: Places) -> np.ndarray:
    """(N,) metres from the smoothed skin to the cloth at each place; 0 outside."""
    sd = outline(g, p)
    inside = smoothstep(-0.004, 0.012, sd)
    if g.kind == "trousers":
        length = CROTCH - g.hem
        down = np.clip((CROTCH - p.z) / max(length, 0.05), 0, 1)
        return inside * (g.thickness + g.loose * down**1.5)
    if g.kind == "sock":
        return inside * g.thickness
    waist = np.exp(-(((p.z - WAIST) / 0.13) ** 2)) * (1 - p.arm)
    hem = smoothstep(0.45, g.hem, p.z) * (1 - p.arm)
    cuff = np.where(p.arm > 0.05, np.clip(p.sleeve / max(g.sleeve, 0.08), 0, 1), 0)
    return inside * (g.thickness + g.loose * (0.9 * waist + 0.35 * hem + 0.5 * cuff))


def paint(g: Garment, p: Places) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, 3) and signed distances (N,): the fabric, its trims, seams and buttons."""
    sd = outline(g, p)
    colour = g.fabric.paint(p.cloth, p.points)
    for trimmed, share in _trims(g, p, sd):
        colour = colour * (1 - share[:, None]) + np.array(trimmed) * share[:, None]
    colour = colour * (1 - _seams(g, p, sd)[:, None])
    return colour, sd


def _band(low: float, high: float, x: np.ndarray) -> np.ndarray:
    soft = 0.0012
    return smoothstep(low - soft, low + soft, x) * smoothstep(high + soft, high - soft, x)


def _trims(g: Garment, p: Places, sd: np.ndarray) -> list[tuple[Colour, np.ndarray]]:
    trims: list[tuple[Colour, np.ndarray]] = []
    dark = scaled(g.fabric.colours[0], 0.75)
    if g.trim is not None and g.kind in ("top", "camisole"):
        near_neck = (p.z > 0.5) & ~p.on_arm
        trims.append((g.trim, np.where(near_neck, _band(-0.01, 0.016, _safe_neck(g, p)), 0.0)))
        cuff = np.where(p.on_arm, _band(-0.01, 0.02, g.sleeve - p.sleeve), 0.0)
        trims.append((g.trim, cuff))
    if g.neckline == "shirt" and g.kind == "top":
        collar = np.where((p.z > 0.62) & ~p.on_arm, _band(-0.03, 0.034, _safe_neck(g, p)), 0.0)
        trims.append((g.trim or scaled(g.fabric.colours[0], 1.06), collar))
    if g.buttons:
        placket = (p.y < -0.03) & (p.z > g.hem + 0.01) & (p.z < 0.69) & ~p.on_arm
        trims.append((dark, 0.35 * np.where(placket, _band(0.014, 0.0165, np.abs(p.x)), 0.0)))
        height = ((p.z - g.hem) / 0.085) % 1.0 - 0.5
        button = np.hypot(p.x, height * 0.085)
        trims.append(((0.93, 0.92, 0.88), np.where(placket, smoothstep(0.0068, 0.0056, button), 0)))
    if g.kind == "trousers":
        if g.trim is not None:  # a belt and its buckle
            trims.append((g.trim, _band(0.008, 0.036, g.top - p.level)))
            buckle = (p.y < -0.05) & (np.abs(p.x) < 0.022)
            trims.append(
                ((0.80, 0.74, 0.58), np.where(buckle, _band(0.010, 0.034, g.top - p.level), 0))
            )
        if "pockets" in g.extras:
            trims += [(dark, 0.8 * s) for s in _pockets(p)]
    return trims


def _safe_neck(g: Garment, p: Places) -> np.ndarray:
    return _neck(g, p) if g.kind == "top" else outline(g, p)


def _pockets(p: Places) -> list[np.ndarray]:
    slant = np.abs(p.x) - 0.155 + 0.38 * (0.265 - p.z) * -1
    hip = np.where((p.y < -0.02) & (p.z < 0.29) & (p.z > 0.15), _band(-0.0015, 0.0015, slant), 0.0)
    u, v = np.abs(np.abs(p.x) - 0.092) - 0.052, np.abs(p.z - 0.115) - 0.06
    box = np.maximum(u, v)
    back = np.where(p.y > 0.03, _band(-0.0022, 0.0008, box), 0.0)
    return [hip, back]


def _seams(g: Garment, p: Places, sd: np.ndarray) -> np.ndarray:
    """How much darker seams are: stitched edges, armholes, the trousers' fly and side seams."""
    dark = 0.16 * _band(0.0115, 0.0135, sd) + 0.22 * _band(-0.002, 0.003, sd)
    if g.kind == "top" and g.sleeve > 0.1:
        dark += 0.18 * smoothstep(0.10, 0.0, np.abs(p.arm - 0.5))
    if g.kind == "trousers":
        fly = (p.y < -0.05) & (p.z > 0.13)
        dark += 0.2 * np.where(fly, _band(-0.0014, 0.0014, p.x - 0.004), 0.0)
        dark += 0.12 * np.where(p.z < 0.1, _band(-0.0014, 0.0014, p.y + 0.02), 0.0)
        dark += 0.15 * _band(0.040, 0.0425, g.top - p.level)
    return np.clip(dark, 0, 0.5)
