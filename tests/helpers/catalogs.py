"""Small catalogs and stand-in models for tests of runs."""

import ctypes
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from configs.fields import ImageFormat
from models.maps import Source, Target
from models.uv_maps import quantise
from workers.data.images import encode
from workers.data.storage import Store
from workers.data.tables import SCHEMAS, parquet_bytes

SIZE = 32


def _hang() -> None:
    while True:
        time.sleep(1)


def _eat() -> None:
    held = []
    while True:
        held.append(np.ones(2**24))  # 128 MiB, touched


# What some u coordinates make the stand-in do.
POISONS: dict[str, tuple[float, Callable[[], object]]] = {
    "exit": (0.987654, lambda: os._exit(3)),
    "crash": (0.976543, lambda: ctypes.string_at(0)),  # reads address 0
    "hang": (0.965432, _hang),
    "eat": (0.954321, _eat),
}


def body_uv(seed: int, size: int = SIZE, poison: str | None = None) -> np.ndarray:
    """A UV map (size, size, 2) of a box whose place and texture depend on the seed."""
    generator = np.random.default_rng(seed)
    uv = np.full((size, size, 2), np.nan, np.float32)
    left, top = generator.integers(2, size // 3, 2)
    width, height = generator.integers(size // 3, size // 2, 2)
    box = np.mgrid[-0.9 : 0.9 : height * 1j, -0.9 : 0.9 : width * 1j]
    uv[top : top + height, left : left + width] = np.stack([box[1], box[0]], axis=-1)
    if poison:
        uv[top, left, 0] = POISONS[poison][0]
    return uv


def write_catalog(
    url: str,
    count: int,
    *,
    poison: Mapping[int, str] = MappingProxyType({}),
    bad: Sequence[int] = (),
    prefix: str = "p",
    ids: Sequence[str] = (),
    size: int = SIZE,
    layout: str = "anny",
    seed: int = 7,
) -> list[str]:
    """A catalog of `count` photographs, those of a seed; `bad` ones are no image files.

    Returns the ids.

    They are `ids`, or `prefix` and a number.

    `poison` maps numbers of poses to what they make the stand-in do.
    """
    generator = np.random.default_rng(seed)
    images, uv_maps = [], []
    ids = list(ids or (f"{prefix}{i:03d}" for i in range(count)))
    for i, image_id in enumerate(ids):
        pixels = generator.integers(0, 256, (size, size, 3), dtype=np.uint8)
        data = b"not an image" if i in bad else encode(pixels, ImageFormat(format="png"))
        image = {"bytes": data, "path": None}
        sides = {"width": size, "height": size}
        images.append({"image_id": image_id, "image": image, **sides})
        uv = quantise(body_uv(i, size, poison.get(i))).tobytes()
        row = {"image_id": image_id, "layout": layout, "uv": uv, "status": "ok", **sides}
        uv_maps.append(row)
    store = Store(url)
    for name, rows in (("images", images), ("uv_maps", uv_maps)):
        table = pa.Table.from_pylist(rows, SCHEMAS[name])
        store.put(f"{name}/00000-of-00001.parquet", parquet_bytes(table))
    return ids


def write_faces(folder: Path, ids: Sequence[str], facing: Sequence[Sequence[float] | None]) -> None:
    """A catalog with the table `faces`."""
    write_catalog(str(folder), len(ids), ids=ids)
    table = pa.table({"image_id": list(ids), "facing": list(facing)}, SCHEMAS["faces"])
    Store(str(folder)).put("faces/00000-of-00001.parquet", parquet_bytes(table))


def write_annotations(url: str, rows: Sequence[Mapping]) -> None:
    """Rows of a catalog's annotations."""
    table = pa.Table.from_pylist(list(rows), SCHEMAS["annotations"])
    Store(url).put("annotations/00000-of-00001.parquet", parquet_bytes(table))


def write_pairs(path: Path, pairs: Sequence[tuple[str, str]]) -> str:
    """A pairs CSV."""
    path.write_text("from,to\n" + "".join(f"{s},{t}\n" for s, t in pairs))
    return str(path)


def rows_of(url: str, table: str = "renders") -> list[dict]:
    """All rows of a table, by id."""
    store = Store(url)
    tables = [pq.read_table(io.BytesIO(store.read(f.name))) for f in store.list(table)]
    rows = pa.concat_tables(tables).to_pylist()
    return sorted(rows, key=lambda row: next(iter(row.values())))


def holds(uv: torch.Tensor, value: float) -> bool:
    """Whether a u coordinate of UV maps (B, 2, H, W) is `value`, but for storage's rounding."""
    return bool((uv[:, 0] - value).abs().nan_to_num(1).min() < 1e-4)


class StandIn:
    """A fake model: the source's mean colour on the target's body. Fast, and it can be poisoned."""

    name, layout, sha256 = "stand-in", "anny", "0" * 64
    same_size = reveals = False

    def __init__(self) -> None:
        self.device = torch.device("cpu")

    def encode(self, source: Source) -> torch.Tensor:
        return source.photograph.mean(dim=(2, 3), keepdim=True)

    def render(self, state: torch.Tensor, source_index: list[int], target: Target) -> torch.Tensor:
        for value, deed in POISONS.values():
            if holds(target.uv, value):
                deed()
        return state[source_index] * (~target.uv[:, :1].isnan()).float()
