"""PRNet's data (`Data/uv-data`): where the mesh's vertices lie on its texture sheet."""

import io
from typing import NamedTuple

import numpy as np

from workers.data.storage import Store

VERTICES = 43_867
SIDE = 256  # of the sheet, whose position map holds a vertex a texel
HOW = "prnet.data= names PRNet's folder Data/uv-data"


class Sheet(NamedTuple):
    """The mesh, but for where its vertices are on a photograph."""

    texels: np.ndarray  # (V,) int64: row * 256 + column on the sheet
    faces: np.ndarray  # (F, 3) int64
    canonical: np.ndarray | None  # (V, 3): x right, y down, z towards the viewer
    by_grid: bool  # whether the triangles are the sheet's grid, not PRNet's own

    @property
    def uv(self) -> np.ndarray:
        """(V, 2) in [-1, 1]: corner-aligned, so that a position map is D at 256 texels."""
        row, column = np.divmod(self.texels, SIDE)
        return np.stack([column, row], axis=1) * (2 / (SIDE - 1)) - 1


def read_sheet(folder: str) -> Sheet:
    """The sheet in PRNet's folder; ValueError, one line, where its files are not PRNet's.

    Wants face_ind.txt. Without triangles.txt neighbours on the sheet are joined, which differs at
    the rim; without canonical_vertices.npy nobody can say where a face looks.
    """
    store = Store(folder)
    there = {file.name for file in store.list()}
    if "face_ind.txt" not in there:
        raise ValueError(f"{folder}: there is no face_ind.txt; {HOW}")
    texels = _numbers(store, "face_ind.txt", (VERTICES,)).astype(np.int64)
    if texels.min() < 0 or texels.max() >= SIDE**2:
        raise ValueError(f"{folder}/face_ind.txt has texels outside {SIDE}x{SIDE}; {HOW}")
    by_grid = "triangles.txt" not in there
    faces = _grid(texels) if by_grid else _triangles(store)
    known = "canonical_vertices.npy" in there
    return Sheet(texels, faces, _canonical(store) if known else None, by_grid)


def _triangles(store: Store) -> np.ndarray:
    faces = _numbers(store, "triangles.txt", None).reshape(-1, 3).astype(np.int64)
    if faces.min() < 0 or faces.max() >= VERTICES:
        raise ValueError(f"{store.url}/triangles.txt names vertices that the mesh lacks; {HOW}")
    return faces


def _canonical(store: Store) -> np.ndarray:
    try:
        data = io.BytesIO(store.read("canonical_vertices.npy"))
        points = np.asarray(np.load(data, allow_pickle=False), np.float64)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{store.url}/canonical_vertices.npy: {error}; {HOW}") from error
    if points.shape != (VERTICES, 3):
        raise ValueError(
            f"{store.url}/canonical_vertices.npy has shape {points.shape}, not {VERTICES, 3}; {HOW}"
        )
    return points


def _numbers(store: Store, name: str, shape: tuple[int, ...] | None) -> np.ndarray:
    try:
        numbers = np.array(store.read(name).split(), float)
    except ValueError as error:
        raise ValueError(f"{store.url}/{name} is no list of numbers: {error}; {HOW}") from error
    if len(numbers) % 3 if shape is None else numbers.shape != shape:
        raise ValueError(f"{store.url}/{name} has {len(numbers)} numbers; {HOW}")
    return numbers


def _grid(texels: np.ndarray) -> np.ndarray:
    """Triangles that join a vertex with its neighbours on the sheet."""
    vertex = np.full((SIDE, SIDE), -1)
    vertex[np.divmod(texels, SIDE)] = np.arange(len(texels))
    a, b, c, d = vertex[:-1, :-1], vertex[:-1, 1:], vertex[1:, :-1], vertex[1:, 1:]
    both = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))])
    return both[(both >= 0).all(axis=1)]
