"""What is true of every texel of the sheet in one photograph: where it is, and its paint.

A texel's centre is a point of the body's surface. It is VISIBLE if the photograph shows that point,
judged by a z-buffer that is much finer than the photograph. Only the body hides points here: hair,
skirts and shoes do not, because UV maps are of the body under them, too.
"""

import functools
from dataclasses import dataclass

import numpy as np

from models.layouts import LAYOUTS, mirror_map
from models.raster import interpolate, rasterise
from world import bodies, scene
from world.camera import Camera
from world.figures import Figure
from world.places import Places
from world.sheet import CHARTS

OFF, VISIBLE, MIRRORED, NEVER_SEEN, OUTSIDE = range(5)  # kinds of texels
Z_BUFFER = 1024  # samples a side
NEARER = 0.006  # metres by which another surface must be nearer to hide a point
SAMPLES = 2  # a side, of a texel's paint


@dataclass(frozen=True)
class Truth:
    """Of t x t texels; texel centres are corner-aligned, as in `models.coordinates.CONSISTENT`."""

    # (2, t, t) float32, points of the photograph in its [-1, 1] (beyond that: outside); NaN
    # where `kind` is OFF. Of a MIRRORED texel the point is that of its left/right mirror,
    # which is visible; of all others it is their own place, seen through the body where that
    # is in the way.
    coordinates: np.ndarray
    # (t, t) uint8: OFF the charts; VISIBLE; MIRRORED: not visible, but its mirror is; NEVER_SEEN:
    # neither is; OUTSIDE: neither is, and its place lies beyond the photograph's edge.
    kind: np.ndarray


def truth(stage: scene.Stage, size: int) -> Truth:
    """What is true of size x size texels."""
    face, weights = _texels(size)
    on = face >= 0
    faces = bodies.template().sheet.faces
    points = interpolate(stage.vertices.astype(np.float64), faces, face[on], weights[on])
    own = np.full((2, size, size), np.nan, np.float32)
    own[:, on] = (stage.camera.project(points)[:, :2].T * 2) / (stage.camera.size - 1) - 1
    inside = np.abs(own).max(axis=0) <= 1  # False where it is NaN
    visible = np.zeros((size, size), bool)
    visible[on] = _nearest(stage.camera, stage.vertices, face[on], points)
    visible &= inside

    column, row = mirror_map(LAYOUTS["anny"], size).astype(int)
    mirrored = on & ~visible & visible[row, column]
    kind = np.where(on, np.where(inside, NEVER_SEEN, OUTSIDE), OFF)
    kind = np.where(visible, VISIBLE, np.where(mirrored, MIRRORED, kind))
    coordinates = np.where(mirrored, own[:, row, column], own)
    return Truth(coordinates, kind.astype(np.uint8))


def painted(figure: Figure, size: int) -> np.ndarray:
    """The paint of the body and its clothes, unlit: (3, size, size) float32 sRGB in [0, 1].

    The mean of 2 x 2 samples a texel; NaN off the charts. Shoes, skirts and hair are bodies of
    their own, and not painted.
    """
    t = bodies.template()
    face, weights = _texels(size, SAMPLES)
    on = face >= 0
    attributes = np.concatenate(
        [t.canonical, figure.cut, np.stack([t.arm, t.hand, t.foot, t.neck], axis=1)], axis=1
    ).astype(np.float64)
    values = interpolate(attributes, t.sheet.faces, face[on], weights[on])
    places = Places(values[:, :3], values[:, 3:6], *values[:, 6:].T)
    eyeball = t.sheet.chart[face[on]] == CHARTS["eye"]
    samples = np.full((*face.shape, 3), np.nan)
    samples[on] = scene.paint_body(figure.look, places, eyeball)[0]
    blocks = samples.reshape(size, SAMPLES, size, SAMPLES, 3)
    there = ~np.isnan(blocks[..., :1])
    with np.errstate(invalid="ignore"):
        mean = np.where(there, blocks, 0).sum(axis=(1, 3)) / there.sum(axis=(1, 3))
    return np.where(_texels(size)[0] >= 0, np.moveaxis(mean, 2, 0), np.nan).astype(np.float32)


def on_body_chart(size: int) -> np.ndarray:
    """The texels (size, size) of torso, arms and legs: what garments are painted on."""
    face, _ = _texels(size)
    return (face >= 0) & (bodies.template().sheet.chart[face] == CHARTS["body"])


@functools.cache
def _texels(size: int, samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The face under each of samples x samples points a texel, -1 off the charts, and weights."""
    sheet = bodies.template().sheet
    screen = sheet.screen(size)
    screen[:, :2] = screen[:, :2] * samples + (samples - 1) / 2
    face, weights, _ = rasterise(screen, sheet.uv_faces, size * samples, size * samples)
    return face, weights


def _nearest(
    camera: Camera, vertices: np.ndarray, face: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """Which points (N, 3), on `face` (N,) of the body, it does not hide itself; bool (N,)."""
    faces = bodies.template().sheet.faces
    a, b, c = (vertices[faces[face, k]].astype(np.float64) for k in range(3))
    facing = (np.cross(b - a, c - a) * (camera.position - points)).sum(axis=1) > 0
    fine = camera.scaled(Z_BUFFER / camera.size)
    depth = rasterise(fine.project(vertices), faces, fine.size, fine.size)[2]
    x, y, z = fine.project(points).T
    column, row = (np.clip(np.rint(k), 0, fine.size - 1).astype(int) for k in (x, y))
    return facing & (z <= depth[row, column] + NEARER)
