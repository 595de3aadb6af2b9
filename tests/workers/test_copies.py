"""Copies between the host and a device, the GPU being a fake whose copies happen late."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from configs.fields import ImageFormat
from configs.render import RenderConfig
from models.maps import Target
from models.uv_maps import dequantise, dequantised
from tests.helpers.catalogs import SIZE, StandIn, write_catalog
from tests.helpers.fake_gpu import FakeGpu
from workers import rendering
from workers.copies import Copies, Planes
from workers.data.catalog import Catalog
from workers.data.images import decode, encode, encode_planes
from workers.shards.shard import WorkerLost, made_tables

GPU, CPU = torch.device("cuda"), torch.device("cpu")
PHOTOGRAPH, UV_MAP = SIZE * SIZE * 3, SIZE * SIZE * 2 * 2  # bytes, as stored


def fake_copies(gpu: FakeGpu) -> Callable[[torch.device], Copies]:
    return lambda device: Copies(GPU, gpu)


def test_what_goes_up_is_there_and_what_comes_down_is_waited_for() -> None:
    numbers = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    images = torch.rand(2, 3, 4, 5)
    with FakeGpu() as gpu:
        copies = Copies(GPU, gpu)
        there = copies.up(numbers)
        numbers[:] = 0  # which are in pinned memory by now
        assert there.tolist() == np.arange(24).reshape(2, 3, 4).tolist()
        planes = copies.down(images)
    with ThreadPoolExecutor(2) as pool:
        arrived = list(pool.map(lambda wait: wait(), planes))
    assert [stream for stream, _ in gpu.copied] == [copies.upward, copies.downward]
    assert copies.downward.waited_for == [gpu.computing]  # which may still render
    assert [stream for _, stream in gpu.kept] == [gpu.computing, copies.downward]
    for image, plane in zip(images.numpy(), arrived, strict=True):
        assert np.array_equal(plane, np.rint(image * 255).astype(np.uint8))


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
def test_levels_are_rounded_to_the_nearest_on_any_device(device: torch.device) -> None:
    values = torch.cat([torch.arange(256) / 255, torch.tensor([0.5, 1.5, 2.5, -9.0, 300.0]) / 255])
    images = values.float().repeat(3, 1)[None, :, :, None]
    with FakeGpu() as gpu:
        (plane,) = Copies(device, gpu).down(images)
    assert plane()[0, :, 0].tolist() == [*range(256), 0, 2, 2, 0, 255]


def test_bytes_come_down_as_they_are() -> None:
    images = torch.randint(256, (2, 3, 4, 5), dtype=torch.uint8)
    assert [plane().tolist() for plane in Copies(CPU).down(images)] == images.tolist()


def test_uv_maps_become_the_same_floats_anywhere() -> None:
    levels = np.arange(65536, dtype=np.uint16)
    stored = np.stack([levels, np.roll(levels, 1)]).reshape(2, 256, 256)
    exact = (stored.astype(np.float64) - 1) / 65534 * 2 - 1
    exact = np.where((stored == 0).any(axis=0), np.nan, exact).astype(np.float32)
    assert dequantise(stored).tobytes() == exact.tobytes()
    (floats,) = dequantised(torch.from_numpy(stored)[None]).numpy()
    assert np.array_equal(floats, exact, equal_nan=True)


# --- the worker


def pairs(catalog: str) -> list[tuple[str, str]]:
    ids = Catalog(catalog).images.ids.to_pylist()
    return [(source, target) for source in ids for target in ids]


def config(catalog: str) -> RenderConfig:
    execution = {"engine": "local", "microbatch": 4}
    return RenderConfig.model_validate(
        {"catalog": catalog, "poses": catalog, "out": "unused", "execution": execution}
    )


def test_a_pose_crosses_the_bus_once_and_a_render_as_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = write_catalog(f"{tmp_path}/c", 6)
    keys, settings = pairs(f"{tmp_path}/c"), config(f"{tmp_path}/c")
    expected = made_tables(("renders",), rendering.RenderWorker(settings, StandIn)(keys))
    with FakeGpu() as gpu:
        monkeypatch.setattr(rendering, "Copies", fake_copies(gpu))
        worker = rendering.RenderWorker(settings, StandIn)
        assert made_tables(("renders",), worker(keys)) == expected
    up, down = (
        [size for stream, size in gpu.copied if stream is at]
        for at in (worker.copies.upward, worker.copies.downward)
    )
    assert sorted(up) == sorted(len(ids) * [PHOTOGRAPH] + 2 * len(ids) * [UV_MAP])
    assert sum(down) == len(keys) * PHOTOGRAPH
    assert max(down) == 4 * PHOTOGRAPH  # a microbatch at a time


def test_poses_are_kept_within_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_catalog(f"{tmp_path}/c", 6)
    keys, settings = pairs(f"{tmp_path}/c"), config(f"{tmp_path}/c")
    expected = made_tables(("renders",), rendering.RenderWorker(settings, StandIn)(keys))
    monkeypatch.setattr(rendering, "HOST_BYTES", 3 * UV_MAP)
    monkeypatch.setattr(rendering, "DEVICE_BYTES", 4 * UV_MAP)
    worker = rendering.RenderWorker(settings, StandIn)
    assert made_tables(("renders",), worker(keys)) == expected
    assert (worker._views.bytes, len(worker._views)) == (3 * UV_MAP, 3)
    assert (worker._targets.bytes, len(worker._targets)) == (4 * UV_MAP, 2)  # float32


class OutOfMemory(StandIn):
    """A model that runs out of memory, artificially, on more than two pairs."""

    def render(self, state: torch.Tensor, source_index: list[int], target: Target) -> torch.Tensor:
        if len(source_index) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().render(state, source_index, target)


def test_memory_that_runs_out_frees_the_poses(tmp_path: Path) -> None:
    write_catalog(f"{tmp_path}/c", 3)
    keys, settings = pairs(f"{tmp_path}/c"), config(f"{tmp_path}/c")
    worker = rendering.RenderWorker(settings, OutOfMemory)
    freed = []
    clear = worker._targets.clear
    worker._targets.clear = lambda: (freed.append(worker._targets.bytes), clear())  # type: ignore
    table = made_tables(("renders",), worker(keys))["renders"]
    assert table.column("status").to_pylist() == ["ok"] * len(keys)
    assert freed[0] > 0


class Broken(Copies):
    """Copies that meet a CUDA error when they are waited for."""

    def down(self, images: torch.Tensor) -> list[Planes]:
        def wait() -> np.ndarray:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

        return [wait] * len(images)


def test_a_cuda_error_that_shows_late_ends_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalog(f"{tmp_path}/c", 2)
    monkeypatch.setattr(rendering, "Copies", Broken)
    worker = rendering.RenderWorker(config(f"{tmp_path}/c"), StandIn)
    with pytest.raises(WorkerLost, match="illegal memory access") as lost:
        list(worker(pairs(f"{tmp_path}/c")))
    assert lost.value.kind == "AcceleratorError"


# --- encoding


@pytest.mark.parametrize("fmt", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("size", [(32, 48), (33, 17), (1, 1)], ids=str)
def test_planes_are_encoded_to_the_same_bytes(fmt: str, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    planes = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
    settings = ImageFormat.model_validate({"format": fmt})
    assert encode_planes(planes, settings) == encode(pixels, settings)
    if fmt == "png":
        assert np.array_equal(decode(encode_planes(planes, settings), 10**6), pixels)


def test_other_threads_run_while_a_jpeg_is_encoded() -> None:
    planes = np.random.default_rng(1).integers(0, 256, (3, 4000, 4000), np.uint8)
    with ThreadPoolExecutor(1) as pool:
        encoding, ticks = pool.submit(encode_planes, planes, ImageFormat()), 0
        while not encoding.done():
            time.sleep(0.001)
            ticks += 1
    assert ticks > 10
