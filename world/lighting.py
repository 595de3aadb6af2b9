"""Studio light: key, fill, sky and rim; a shadow map; a soft shadow on the floor; backdrops.

Light adds up in linear values; paint is given in sRGB, whose curve is approximated by a square.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

from models.raster import rasterise
from world.camera import Camera
from world.noise import layered
from world.places import smoothstep

SHADOW_SIZE = 320
COARSER = 4  # soft light and soft shadows are computed on every fourth pixel


@dataclass(frozen=True)
class Room:
    """What stands out of focus before a backdrop: shapes of a random field, sRGB in [0, 1]."""

    colour: tuple[float, float, float]
    seed: int


@dataclass(frozen=True)
class Studio:
    """`key` is the unit direction towards the key light; colours are sRGB in [0, 1]."""

    key: np.ndarray
    strength: float
    ambient: float
    warmth: float
    top: tuple[float, float, float]  # backdrop above
    bottom: tuple[float, float, float]  # and below
    room: Room | None = None


def linear(srgb: np.ndarray) -> np.ndarray:
    """Approximate sRGB's curve."""
    return np.square(srgb)


def shade(
    studio: Studio,
    colour: np.ndarray,
    normal: np.ndarray,
    lit: np.ndarray,
    open_sky: np.ndarray,
    gloss: np.ndarray,
) -> np.ndarray:
    """Linear radiance (N, 3) of surfaces: paint (N, 3) sRGB, unit normals (N, 3) in camera axes.

    `lit` (N,) is the share of the key that arrives, `open_sky` (N,) of the ambient light,
    `gloss` (N,) the strength of the highlight.
    """
    wrap = 0.18  # softboxes reach past the terminator
    key = np.clip((normal @ studio.key + wrap) / (1 + wrap), 0, None) * lit
    fill = np.clip(normal @ _unit((0.75, -0.62, 0.25)), 0, None) * 0.26
    sky = studio.ambient * (0.72 + 0.28 * normal[:, 2]) * open_sky
    rim = np.clip(normal @ _unit((0.55, 0.80, 0.30)), 0, None) * 0.22
    warm = np.array([1 + 0.05 * studio.warmth, 1.0, 1 - 0.06 * studio.warmth])
    cool = np.array([0.985, 1.0, 1.02])
    light = key[:, None] * studio.strength * warm + (fill * open_sky + sky + rim)[:, None] * cool
    half = _unit(studio.key + np.array([0.0, -1.0, 0.0]))
    highlight = np.clip(normal @ half, 0, None) ** 22 * gloss * lit
    return linear(colour) * light + highlight[:, None] * 0.35


def key_light_reach(
    studio: Studio,
    vertices: np.ndarray,
    used: np.ndarray,
    faces: np.ndarray,
    points: np.ndarray,
) -> np.ndarray:
    """(N,) share of the key light that reaches points (N, 3): a softened shadow map."""
    right = _unit(np.cross(studio.key, (0.0, 0.0, 1.0)))
    up = np.cross(right, studio.key)
    axes = np.stack([right, -up, -studio.key])
    seen = vertices @ axes.T
    low, high = seen[used].min(0), seen[used].max(0)
    scale = (SHADOW_SIZE - 5) / (high[:2] - low[:2]).max()
    screen = np.concatenate([(seen[:, :2] - low[:2]) * scale + 2, seen[:, 2:] - low[2] + 1], axis=1)
    depth = rasterise(screen, faces, SHADOW_SIZE, SHADOW_SIZE)[2]
    at = points @ axes.T
    x, y = ((at[:, :2] - low[:2]) * scale + 2).T
    z = at[:, 2] - low[2] + 1
    return _reach(depth, x, y, z - 0.028)


@njit(cache=True)
def _reach(depth: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Share of the nine shadow-map samples around (x, y) that lie behind z."""
    lit = np.zeros(len(x))
    for n in range(len(x)):
        for i in (-1.9, 0.0, 1.9):
            for j in (-1.9, 0.0, 1.9):
                # Turned, so that no row of samples lies along a row of the map.
                column = int(np.rint(x[n] + 0.89 * i - 0.45 * j))
                row = int(np.rint(y[n] + 0.45 * i + 0.89 * j))
                column = min(max(column, 0), depth.shape[1] - 1)
                row = min(max(row, 0), depth.shape[0] - 1)
                lit[n] += z[n] < depth[row, column]
    return lit / 9


def open_sky(depth: np.ndarray) -> np.ndarray:
    """(H, W) share of ambient light, from how far each pixel lies behind its surroundings."""
    hit = np.isfinite(depth)
    coarse, sky = depth[::COARSER, ::COARSER], np.ones_like(depth)
    known = np.isfinite(coarse)
    z = np.where(known, coarse, 0.0)
    for sigma, strength in ((0.010, 0.5), (0.035, 0.55)):
        s = sigma * len(coarse)
        mass = gaussian_filter(known.astype(np.float64), s, truncate=2.5)
        mean = gaussian_filter(z, s, truncate=2.5) / np.maximum(mass, 1e-6)
        mean = _enlarged(mean, len(depth))
        behind = np.where(hit, depth - mean, 0.0)
        sky *= 1 - strength * smoothstep(0.004, 0.20, behind)
    return sky


def backdrop(studio: Studio, camera: Camera, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Linear backdrop (H, W, 3) with the person's shadow on the floor (z = 0)."""
    size = camera.size
    rows = np.linspace(0, 1, size)[:, None, None]
    blend = smoothstep(0.15, 0.95, rows)
    picture = linear(np.array(studio.top)) * (1 - blend) + linear(np.array(studio.bottom)) * blend
    if studio.room:
        shapes = _out_of_focus(studio.room, size)[..., None]
        picture = picture * (1 - shapes) + linear(np.array(studio.room.colour)) * shapes
    x = np.linspace(-1, 1, size)[None, :, None]
    glow = np.exp(-(x**2) * 0.6 - ((rows - 0.42) * 1.7) ** 2 * 0.6)
    picture = picture * (0.93 + 0.07 * glow)
    shadow = _floor_shadow(studio, camera, vertices, faces)
    return picture * (1 - shadow[..., None])


def _out_of_focus(room: Room, size: int) -> np.ndarray:
    """(H, W) share of a picture's light that comes from what stands in a room."""
    row, column = np.mgrid[: 1 : (size // COARSER) * 1j, : 1 : (size // COARSER) * 1j]
    at = np.stack([2.6 * column, 1.3 * row, 0 * row], axis=-1).reshape(-1, 3)
    field = layered(at, room.seed, 2).reshape(row.shape)
    return _enlarged(smoothstep(0.50, 0.60, field), size)


def _floor_shadow(
    studio: Studio, camera: Camera, vertices: np.ndarray, faces: np.ndarray
) -> np.ndarray:
    """(H, W) share of light that the person keeps from the floor: a cast and a contact shadow."""
    side = camera.size // COARSER
    small = camera.scaled(side / camera.size)
    cast = vertices - studio.key * (vertices[:, 2:] / max(studio.key[2], 0.3)) * 0.55
    low = vertices[:, 2] < 0.10
    near_floor = faces[low[faces[:, 0]] & low[faces[:, 1]] & low[faces[:, 2]]]
    shadow = np.zeros((side, side))
    for ground, triangles, sigma, strength in (
        (cast, faces, 0.030, 0.20),
        (vertices, near_floor, 0.012, 0.34),
    ):
        hit = rasterise(small.project(ground * [1, 1, 0]), triangles, side, side)[0] >= 0
        shadow = np.maximum(shadow, gaussian_filter(hit * strength, sigma * side))
    return _enlarged(shadow, camera.size)


def _enlarged(small: np.ndarray, size: int) -> np.ndarray:
    """A square map, bilinearly, at `size` x `size`."""
    at = np.clip((np.arange(size) + 0.5) * len(small) / size - 0.5, 0, len(small) - 1)
    low = np.minimum(at.astype(int), len(small) - 2)
    share = at - low
    rows = small[low] * (1 - share)[:, None] + small[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


def tone(radiance: np.ndarray) -> np.ndarray:
    """Linear (..., 3) -> uint8 sRGB, highlights rolled off."""
    rolled = np.where(radiance > 0.8, 0.8 + 0.2 * np.tanh((radiance - 0.8) / 0.35), radiance)
    return np.rint(np.sqrt(np.clip(rolled, 0, 1)) * 255).astype(np.uint8)


def _unit(v: np.ndarray | tuple[float, float, float]) -> np.ndarray:
    v = np.asarray(v, np.float64)
    return v / np.linalg.norm(v)
