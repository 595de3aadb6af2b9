"""The files that PRNet's users have: meshes as .obj and _mesh.mat, position maps as .npy.

PRNet's two programs write different .obj files. demo.py turns y round and writes colours in
[0, 1], or none beside a texture; run_basics.py leaves y and writes colours of 0..255.
"""

import io
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat

from workers.data.errors import BadMesh
from workers.extraction.faces.prnet_sheet import SIDE, VERTICES


class Mesh(NamedTuple):
    """A face on a picture."""

    vertices: np.ndarray  # (V, 3): x right, y down, in pixels; z towards the viewer
    colours: np.ndarray | None  # (V, 3) in [0, 1]: the picture's, where the file has them
    turned: bool = False  # whether y still runs up, from the picture's last row


def read_mesh(data: bytes, name: str, texels: np.ndarray) -> Mesh:
    """The bytes of a mesh's file, whose name tells its kind; BadMesh where it holds none.

    `texels` (V,) says where the vertices lie in a position map.
    """
    extension = name.rpartition(".")[2].lower()
    mesh = {"obj": _obj, "mat": _mat, "npy": _position_map}[extension](data, texels)
    if len(mesh.vertices) != VERTICES:
        raise BadMesh(f"PRNet's mesh has {VERTICES:,} vertices, this one {len(mesh.vertices):,}")
    if not np.isfinite(mesh.vertices).all():
        raise BadMesh("vertices are not finite")
    return mesh


def _obj(data: bytes, _: np.ndarray) -> Mesh:
    lines = [line.split()[1:] for line in data.split(b"\n") if line.startswith(b"v ")]
    try:
        numbers = np.array(lines, float)
    except ValueError as error:
        raise BadMesh(f"its lines v hold no numbers: {error}") from error
    if numbers.ndim != 2 or numbers.shape[1] not in (3, 6):
        raise BadMesh("its lines v hold neither x y z nor x y z r g b")
    colours = numbers[:, 3:] if numbers.shape[1] == 6 else None
    of_demo = colours is None or colours.max() <= 1
    if colours is not None and not of_demo:
        colours = colours / 255
    return Mesh(numbers[:, :3], colours, turned=of_demo)


def _mat(data: bytes, _: np.ndarray) -> Mesh:
    try:
        arrays = loadmat(io.BytesIO(data), variable_names=("vertices", "colors"))
    except Exception as error:  # scipy raises a dozen types for damaged files
        raise BadMesh(f"no .mat file of MATLAB 5: {error}") from error
    if "vertices" not in arrays:
        raise BadMesh("the .mat file has no array vertices: PRNet's is called NAME_mesh.mat")
    vertices, colours = arrays["vertices"], arrays.get("colors")
    if vertices.dtype.kind not in "fiu" or vertices.ndim != 2 or vertices.shape[1] != 3:
        raise BadMesh(f"vertices are {VERTICES:,} x 3 numbers, these {vertices.shape}")
    if colours is not None and colours.shape == vertices.shape and colours.dtype.kind in "fiu":
        colours = colours / (255 if colours.max() > 1 else 1)
        return Mesh(vertices.astype(float), colours)
    return Mesh(vertices.astype(float), None)


def _position_map(data: bytes, texels: np.ndarray) -> Mesh:
    try:
        positions = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise BadMesh(f"no .npy file of numbers: {error}") from error
    if positions.shape != (SIDE, SIDE, 3) or positions.dtype.kind != "f":
        found = f"{positions.dtype} {positions.shape}"
        raise BadMesh(f"a position map holds floats of shape ({SIDE}, {SIDE}, 3), not {found}")
    return Mesh(positions.reshape(-1, 3)[texels].astype(float), None)
