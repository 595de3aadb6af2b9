"""Small catalogs and stand-in models for tests of runs."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from configs.schema import ImageFormat
from models.uv_maps import quantise
from workers.images import encode
from workers.storage import Store
from workers.tables import SCHEMAS, parquet_bytes

SIZE = 32
POISON = 0.987654  # a u coordinate that ends the stand-in's process


def body_uv(seed: int, size: int = SIZE, poison: bool = False) -> np.ndarray:
    """A UV map (size, size, 2) of a box whose place and texture depend on the seed."""
    generator = np.random.default_rng(seed)
    uv = np.full((size, size, 2), np.nan, np.float32)
    left, top = generator.integers(2, size // 3, 2)
    width, height = generator.integers(size // 3, size // 2, 2)
    box = np.mgrid[-0.9 : 0.9 : height * 1j, -0.9 : 0.9 : width * 1j]
    uv[top : top + height, left : left + width] = np.stack([box[1], box[0]], axis=-1)
    if poison:
        uv[top, left, 0] = POISON
    return uv


def write_catalog(
    url: str, count: int, *, poison: Sequence[int] = (), bad: Sequence[int] = (), prefix: str = "p"
) -> list[str]:
    """A catalog of `count` photographs; `bad` ones are no image files. Returns the ids."""
    generator = np.random.default_rng(7)
    images, uv_maps = [], []
    ids = [f"{prefix}{i:03d}" for i in range(count)]
    for i, image_id in enumerate(ids):
        pixels = generator.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        data = b"not an image" if i in bad else encode(pixels, ImageFormat(format="png"))
        image = {"bytes": data, "path": None}
        size = {"width": SIZE, "height": SIZE}
        images.append({"image_id": image_id, "image": image, **size})
        uv = quantise(body_uv(i, poison=i in poison)).tobytes()
        row = {"image_id": image_id, "layout": "anny", "uv": uv, "status": "ok", **size}
        uv_maps.append(row)
    store = Store(url)
    for name, rows in (("images", images), ("uv_maps", uv_maps)):
        table = pa.Table.from_pylist(rows, SCHEMAS[name])
        store.put(f"{name}/00000-of-00001.parquet", parquet_bytes(table))
    return ids


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


class StandIn:
    """A fake model: the source's mean colour on the target's body. Fast, and it can be poisoned."""

    name, layout, sha256 = "stand-in", "anny", "0" * 64

    def __init__(self) -> None:
        self.device = torch.device("cpu")

    def encode(self, photographs: torch.Tensor, source_uv: torch.Tensor) -> torch.Tensor:
        return photographs.mean(dim=(2, 3), keepdim=True)

    def render(
        self, state: torch.Tensor, source_index: list[int], target_uv: torch.Tensor
    ) -> torch.Tensor:
        if (target_uv[:, 0] - POISON).abs().nan_to_num(1).min() < 1e-4:
            os._exit(3)
        return state[source_index] * (~target_uv[:, :1].isnan()).float()
