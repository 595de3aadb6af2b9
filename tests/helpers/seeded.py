"""Seeded stand-ins for the authors' weights, with their keys and shapes.

The golden files were made with these; the authors' own weights are not ours to pass on.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.authors import generator_names, inpainter_names
from models.generator import Generator
from models.inpainter import Inpainter


def seeded_tensor(key: str, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """The tensor that the golden files' recipe gives an authors' key."""
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    rs = np.random.RandomState((zlib.crc32(key.encode()) + seed) & 0xFFFFFFFF)
    a = rs.standard_normal(shape)
    if key.endswith("running_var"):
        a = 1 + 0.1 * np.abs(a)
    elif key.endswith("running_mean"):
        a = 0.1 * a
    elif ".norm." in key and key.endswith("weight"):
        a = 1 + 0.1 * a
    elif key.endswith("bias"):
        a = 0.05 * a
    elif len(shape) == 4:
        a = a * np.sqrt(2 / (shape[1] * shape[2] * shape[3]))
    else:
        a = a / np.linalg.norm(a)
    return torch.from_numpy(np.asarray(a, np.float32))


@cache
def authors_states() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Seeded state dicts of f and g under the authors' keys."""
    f = {
        name: seeded_tensor(name, tuple(tensor.shape))
        for key, tensor in Inpainter().state_dict().items()
        for name in inpainter_names(key)
    }
    g = {
        name: seeded_tensor(name, tuple(tensor.shape))
        for key, tensor in Generator().state_dict().items()
        for name in generator_names(key)
    }
    for name, weight in g.items():
        if name.endswith("weight_bar"):
            u, v = leading_vectors(weight.flatten(1))
            g[name.replace("_bar", "_u")], g[name.replace("_bar", "_v")] = u, v
    return f, g


def leading_vectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The singular vectors to which spectral norm's power iteration converges."""
    u = torch.linalg.eigh(matrix.double() @ matrix.double().T).eigenvectors[:, -1]
    v = matrix.double().T @ u
    return u.float(), (v / v.norm()).float()


def write_authors_files(folder: Path) -> tuple[Path, Path]:
    """Write seeded weights as the authors' files are: inpainter.pth and refiner.pth."""
    files = folder / "inpainter.pth", folder / "refiner.pth"
    for file, state in zip(files, authors_states(), strict=True):
        torch.save(state, file)
    return files


@dataclass(frozen=True)
class GoldenPair:
    """One pair of real samples, and what the authors' code made of it with seeded weights."""

    photograph: Tensor  # S (1, 3, 256, 256)
    source_uv: Tensor  # M_S (1, 2, 256, 256)
    target_uv: Tensor  # M_N
    source_xy_textures: Tensor  # C
    inpainted_xy: Tensor  # D
    pred_textures: Tensor  # T
    pred_img: Tensor  # W
    refined: Tensor  # N^


def golden_pair(real: Path, golden: Path, index: int) -> GoldenPair:
    """Read golden pair 0 or 1."""
    samples = real / "official_samples"
    with np.load(golden / "reference_outputs.npz") as outputs:
        source, target = (str(name) for name in outputs[f"{index}/pair"])
        names = ("source_xy_textures", "inpainted_xy", "pred_textures", "pred_img", "refined")
        expected = [torch.from_numpy(outputs[f"{index}/{name}"])[None] for name in names]
    with Image.open(samples / f"source_img/{source}.jpg") as image:
        photograph = np.asarray(image.convert("RGB"), np.float32) / 255
    maps = [
        np.load(samples / f"{side}_uv/{name}.npy")
        for side, name in (("source", source), ("target", target))
    ]
    inputs = [torch.from_numpy(a).float().movedim(-1, 0)[None] for a in (photograph, *maps)]
    return GoldenPair(*inputs, *expected)
