"""The layout `face468` on the sample world's heads: where MediaPipe's 468 points lie on anny.

assets/face468/on_anny.csv says so, which `python -m workers.face468_on_anny` makes.
"""

import functools
from pathlib import Path

import numpy as np

import assets
from models.face468 import face_mesh
from models.raster import interpolate, rasterise
from world.heads import surface
from world.scene import Photograph

FILE = Path(assets.__file__).parent / "face468" / "on_anny.csv"
BEHIND = 0.012  # metres that the mesh's flat triangles may run under the skin


@functools.cache
def anchors(file: Path = FILE) -> tuple[np.ndarray, np.ndarray]:
    """The corners (468, 3) of the triangle of anny on which each point lies, and their weights."""
    rows = np.loadtxt(file, delimiter=",", skiprows=1)
    return rows[:, :3].astype(np.int64), rows[:, 3:]


def points(vertices: np.ndarray) -> np.ndarray:
    """The 468 points (468, 3) of a head whose body has these vertices (V, 3)."""
    corners, weights = anchors()
    return np.einsum("nk,nki->ni", weights, vertices[corners])


def face_map(photograph: Photograph) -> np.ndarray:
    """The UV map (H, W, 2) float32 of a portrait in layout face468, NaN beside the face.

    Shown is what no other part of the head hides. The sheet covers an open mouth, too.
    """
    mesh, camera = face_mesh(), photograph.camera
    size = camera.size
    screen = camera.project(points(photograph.vertices))
    face, weights, depth = rasterise(screen, mesh.faces, size, size)
    head = rasterise(camera.project(photograph.vertices), surface(), size, size)[2]
    shown = (
        (face >= 0) & np.isfinite(head) & (depth < np.where(np.isfinite(head), head, 0) + BEHIND)
    )
    uv = np.full((size, size, 2), np.nan, np.float32)
    uv[shown] = interpolate(mesh.uv, mesh.faces, face[shown], weights[shown])
    return uv
