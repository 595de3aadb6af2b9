"""Finds MediaPipe's 468 points on anny's head: `python -m workers.face468_on_anny`.

The landmark network looks at rendered heads of several people, each from several sides. A point of
the picture is a place of the surface, and all heads share one surface, so the places are averaged,
left with right, and put back on the surface. It takes about a minute.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from configs.facemesh import FaceMesh as Settings
from models.face468 import POINTS, face_mesh, installed
from models.raster import interpolate, rasterise
from workers.extraction.faces.finder import FaceFinder
from workers.face468_map import FILE
from world import bodies, expressions, heads, portraits, scene, wardrobe
from world.hair import Style
from world.poses import Pose
from world.sheet import CHARTS

SEED, PEOPLE, SIZE = 0, 8, 256
YAWS, PITCHES = (-30, -10, 10, 30), (-8, 8)  # degrees
JAWS = (0.0, 0.45)
# In a shut mouth the lips' inner rims fall together: the open one alone tells them apart.
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318,
              324)  # fmt: skip
NEAR = 4  # pixels from a point to the skin


def main() -> None:
    """Write the table."""
    corners, weights = on_surface(averaged(list(seen())))
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["corner_1", "corner_2", "corner_3", "weight_1", "weight_2", "weight_3"])
        for three, shares in zip(corners.tolist(), weights.tolist(), strict=True):
            rows.writerow([*three, *(f"{share:.4f}" for share in shares)])


def seen() -> Iterator[np.ndarray]:
    """Of each picture, the places (468, 3) of its points on `reference`, and how sure they are."""
    finder, settled = FaceFinder(installed(), Settings()), reference()
    for person in range(PEOPLE):
        look = wardrobe.look(SEED, person, person)
        look = replace(look, hair=Style(look.hair.colour, thickness=0.003))
        figure = heads.dressed(look, SEED, person)
        for jaw in JAWS:
            shown = heads.expressive(figure, {"jawOpen": jaw})
            for yaw in YAWS:
                for pitch in PITCHES:
                    pose = Pose(head=(*np.radians([yaw, pitch]).tolist(), 0.0))
                    studio = portraits.view(SEED, person, 0)[0].studio
                    view = scene.View(pose, 0.0, "portrait", 0.85, studio)
                    photograph = scene.render(shown, view, SIZE)
                    for face in finder(photograph.pixels)[:1]:
                        places = _places(photograph, face.points[:, :2], settled)
                        if not jaw:
                            places[list(INNER_LIPS), 3] = 0
                        yield places
        print(f"{person + 1} of {PEOPLE} people", file=sys.stderr)


def reference() -> np.ndarray:
    """The average adult (V, 3) with an open mouth, so that the lips lie apart."""
    return expressions.moved(bodies.template().canonical, {"jawOpen": 0.45}).astype(np.float64)


def _places(photograph: scene.Photograph, points: np.ndarray, settled: np.ndarray) -> np.ndarray:
    """(468, 4): where the skin lies that is nearest to points of a picture, and its weight."""
    camera, faces = photograph.camera, heads.surface()
    face, weights, _ = rasterise(camera.project(photograph.vertices), faces, SIZE, SIZE)
    row, column = np.nonzero(np.isin(face, skin()))
    normals = bodies.normals(photograph.vertices, bodies.template().sheet.faces)
    out = np.zeros((POINTS, 4))
    for n, (x, y) in enumerate(points):
        distance = np.hypot(column - x, row - y)
        best = distance.argmin()
        if distance[best] < NEAR:
            at = face[row[best], column[best]][None], weights[row[best], column[best]][None]
            facing = -interpolate(normals, faces, *at)[0, 1]
            out[n] = *interpolate(settled, faces, *at)[0], max(facing, 0.05) ** 2
    return out


def skin() -> np.ndarray:
    """The faces of the head's skin."""
    return np.flatnonzero(bodies.template().sheet.chart == CHARTS["head"])


def averaged(places: list[np.ndarray]) -> np.ndarray:
    """The mean place (468, 3) of every point, and of its mirror image."""
    every = np.stack(places)
    weights = every[..., 3:]
    mean = (every[..., :3] * weights).sum(axis=0) / weights.sum(axis=0)
    uv = face_mesh().uv
    other = np.square(uv[:, None] * [-1, 1] - uv).sum(axis=-1).argmin(axis=1)
    return (mean + mean[other] * [-1, 1, 1]) / 2


def on_surface(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners (N, 3) of the triangles that points (N, 3) lie nearest to, and their weights."""
    settled, faces = reference(), bodies.template().sheet.faces[skin()]
    corners, weights = np.empty((len(points), 3), np.int64), np.empty((len(points), 3))
    start = settled[faces[:, 0]]
    one, other = settled[faces[:, 1]] - start, settled[faces[:, 2]] - start
    dots = [(a * b).sum(axis=1) for a, b in ((one, one), (one, other), (other, other))]
    for n, point in enumerate(points):
        to = point - start
        across, along = (to * one).sum(axis=1), (to * other).sum(axis=1)
        scale = dots[0] * dots[2] - dots[1] ** 2
        second = (dots[2] * across - dots[1] * along) / scale
        third = (dots[0] * along - dots[1] * across) / scale
        shares = np.stack([1 - second - third, second, third], axis=1).clip(0)
        shares /= shares.sum(axis=1, keepdims=True)
        nearest = start + one * shares[:, 1:2] + other * shares[:, 2:]
        best = np.square(nearest - point).sum(axis=1).argmin()
        corners[n], weights[n] = faces[best], shares[best]
    return corners, weights


if __name__ == "__main__":
    main()
