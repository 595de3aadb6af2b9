"""How fast one process does the work around the model: `python -m bench.rates`."""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.engines import SAMPLE
from bench.machine import machine
from configs.extract import ExtractConfig
from configs.fields import ImageFormat
from models.uv_maps import dequantise, quantise
from workers.data.catalog import Catalog
from workers.data.images import decode, encode
from workers.data.tables import parquet_bytes
from workers.extraction.extractors import extraction_of
from workers.shards.shard import made_tables


def main() -> None:
    """Print images per second of each kind of work."""
    catalog = Catalog(str(SAMPLE))
    ids = catalog.images.ids.to_pylist()
    photographs = [catalog.photograph(image_id) for image_id in ids]
    uv_maps = [catalog.uv_map(image_id, "anny") for image_id in ids]
    jpegs = [encode(p, ImageFormat()) for p in photographs]
    height, width = photographs[0].shape[:2]
    print(f"{len(ids)} photographs of {width}x{height}; {machine()}")
    for fmt in ("jpeg", "png", "webp"):
        settings = ImageFormat.model_validate({"format": fmt})
        _rate(f"encode {fmt}", photographs, lambda p, s=settings: encode(p, s))
    _rate("decode jpeg", jpegs, lambda data: decode(data, 10**8))
    maps = [np.moveaxis(uv, 0, 2) for uv in uv_maps]
    _rate("quantise a UV map", maps, quantise)
    _rate("dequantise a UV map", [quantise(uv) for uv in maps], dequantise)
    _extract(ids, jpegs, maps)


def _extract(ids: list[str], jpegs: list[bytes], maps: list[np.ndarray]) -> None:
    """The extract worker on a folder of photographs with UV arrays beside them."""
    with tempfile.TemporaryDirectory() as folder:
        for image_id, jpeg, uv in zip(ids, jpegs, maps, strict=True):
            Path(folder, f"{image_id}.jpg").write_bytes(jpeg)
            array = io.BytesIO()
            np.save(array, uv)
            Path(folder, f"{image_id}.npy").write_bytes(array.getvalue())
        config = ExtractConfig(input=folder, out="unused")
        extraction = extraction_of(config)
        photos, worker = extraction.input.photos, extraction.job.make_worker()
        start = time.monotonic()
        tables = made_tables(("images", "uv_maps"), worker(photos))
        size = sum(len(parquet_bytes(table)) for table in tables.values())
        rate = len(photos) / (time.monotonic() - start)
    print(
        f"  {'extract, to Parquet':22} {rate:8.0f} images/s   {size / len(photos):,.0f} bytes a row"
    )


def _rate(what: str, values: list, work: Callable) -> None:
    start, done = time.monotonic(), 0
    while time.monotonic() - start < 1:
        for value in values:
            work(value)
        done += len(values)
    print(f"  {what:22} {done / (time.monotonic() - start):8.0f} images/s")


if __name__ == "__main__":
    main()
