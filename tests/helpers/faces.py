"""Faces as PRNet's users have them: its data, and one mesh in all kinds of files."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from workers.extraction.faces.prnet_sheet import SIDE, VERTICES, Sheet, read_sheet


def texels() -> np.ndarray:
    """As many texels as PRNet's mesh has vertices, those nearest to the sheet's middle."""
    row, column = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.sort(np.argsort((row**2 + column**2).ravel(), kind="stable")[:VERTICES])


def write_data(folder: Path) -> Path:
    """PRNet's data of half an egg, without triangles."""
    folder.mkdir(parents=True)
    np.savetxt(folder / "face_ind.txt", texels())
    row, column = np.divmod(texels(), SIDE)
    x, y = ((part - (SIDE - 1) / 2) * 0.8 for part in (column, row))
    z = 90 * np.sqrt(1 - (x / 103) ** 2 - (y / 103) ** 2)
    np.save(folder / "canonical_vertices.npy", np.stack([x, 1.2 * y, z], axis=1))
    return folder


def turned(yaw: float, pitch: float = 0.0) -> np.ndarray:
    """The rotation of a head (3, 3): yaw about the axis that runs down, then pitch; degrees."""
    a, b = np.radians([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_x @ about_y


def posed(sheet: Sheet, rotation: np.ndarray, width: int, height: int) -> np.ndarray:
    """Vertices (V, 3) of the face, turned, in the middle of a photograph."""
    assert sheet.canonical is not None
    points = (sheet.canonical - sheet.canonical.mean(axis=0)) @ rotation.T
    points *= 0.6 * min(width, height) / np.ptp(points[:, 1])
    middle = (points[:, 0].max() + points[:, 0].min()) / 2
    return points + np.array([width / 2 - middle, height / 2, 0])


def photograph(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8, in which every place has a colour of its own."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, np.full_like(x, 90)], axis=-1).astype("u1")


def write_mesh(path: Path, kind: str, vertices: np.ndarray, pixels: np.ndarray) -> None:
    """Write a mesh that lies on a picture (H, W, 3) as PRNet's programs write it.

    `kind`: demo.obj, texture.obj (both of demo.py), basics.obj (of run_basics.py), _mesh.mat, .npy.
    """
    height, width = pixels.shape[:2]
    x, y = (np.rint(vertices[:, i]).clip(0, (width, height)[i] - 1).astype(int) for i in (0, 1))
    colours = pixels[y, x] / 255
    up = vertices * [1, -1, 1] + [0, height - 1, 0]
    if kind == "demo.obj":
        path.with_suffix(".obj").write_text(_lines(np.hstack([up, colours])))
    elif kind == "texture.obj":
        path.with_suffix(".obj").write_text(_lines(up) + "vt 0.5 0.5\nf 3/3 2/2 1/1\n")
    elif kind == "basics.obj":
        path.with_suffix(".obj").write_text(_lines(np.hstack([vertices, colours * 255])))
    elif kind == "_mesh.mat":
        mesh = {"vertices": vertices, "colors": colours, "triangles": np.zeros((1, 3), np.int32)}
        savemat(path.with_name(f"{path.stem}_mesh.mat"), mesh)
    else:
        positions = np.zeros((SIDE**2, 3), np.float32)
        positions[texels()] = vertices
        np.save(path.with_suffix(".npy"), positions.reshape(SIDE, SIDE, 3))


def write_face(
    folder: Path, name: str, data: Path, kind: str, rotation: np.ndarray, pixels: np.ndarray
) -> np.ndarray:
    """A photograph and its mesh; returns the mesh's vertices."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.png")
    vertices = posed(read_sheet(str(data)), rotation, pixels.shape[1], pixels.shape[0])
    write_mesh(folder / f"{name}.png", kind, vertices, pixels)
    return vertices


def _lines(numbers: np.ndarray) -> str:
    return "".join("v " + " ".join(f"{x:.6f}" for x in row) + "\n" for row in numbers)
