"""g in float16: the same pictures, by torch's operations and by kernels."""

import os
import subprocess
import sys

import pytest
import torch

from models.config import ModelConfig
from models.generator import build_generator
from models.inpainter import build_inpainter
from models.maps import Source, Target
from models.reposer import CoordinateReposer, batch_size
from models.variants import VARIANTS
from tests.helpers.ellipses import body

CPU = torch.device("cpu")
LEANS = (-0.3, 0.0, 0.3)
INPUTS = (
    Source(
        torch.rand(3, 3, 40, 36, generator=torch.Generator().manual_seed(1)),
        torch.cat([body(40, 36, lean) for lean in LEANS]),
    ),
    Target(torch.cat([body(40, 36, lean) for lean in (0.2, 0.1, -0.2, 0.0)])),
)


def reposers(variant: str, blend: bool) -> list[CoordinateReposer]:
    torch.manual_seed(0)
    config = ModelConfig(variant, "anny", "consistent", 8, 24, 48, blend=blend)
    networks = build_inpainter(config), build_generator(config)
    return [CoordinateReposer(config, *networks, "0" * 64, CPU, p) for p in ("fp32", "fp16")]


@pytest.mark.parametrize("variant", VARIANTS)
def test_float16_paints_what_float32_paints(variant: str) -> None:
    exact, half = reposers(variant, blend=variant == "full")
    source, target = INPUTS
    expected = exact.render(exact.encode(source), [2, 0, 1, 1], target)
    found = half.render(half.encode(source), [2, 0, 1, 1], target)
    assert found.dtype == torch.float32
    assert found.std() > 0.01
    assert (found - expected).square().mean().log10() < -6  # 60 dB
    assert not torch.equal(found, expected)


def test_float16_does_not_depend_on_the_batch() -> None:
    _, half = reposers("full", blend=False)
    source, target = INPUTS
    state = half.encode(source)
    together = half.render(state, [0, 1, 2, 0], target)
    for k, i in enumerate([0, 1, 2, 0]):
        alone = half.render(state, [i], Target(target.uv[k : k + 1]))
        assert torch.equal(alone[0], together[k])


def test_coordinates_and_textures_are_float32() -> None:
    exact, half = reposers("full", blend=False)
    for a, b in zip(exact.encode(INPUTS[0]), half.encode(INPUTS[0]), strict=True):
        assert torch.equal(a.texture.coordinates, b.texture.coordinates)
        assert torch.equal(a.texture.colours, b.texture.colours)
        assert {x.dtype for x in b.of_g} == {torch.float16}


def test_true_batches_have_few_sizes() -> None:
    sizes = {count: batch_size(count) for count in range(1, 601)}
    assert all(size >= count for count, size in sizes.items())
    assert all(sizes[full] == full for full in (1, 2, 4, 8, 16, 32, 64))
    assert sorted(set(sizes.values()))[:6] == [1, 2, 4, 8, 16, 32]


@pytest.mark.skipif(sys.platform != "linux", reason="Triton is for Linux")
def test_kernels_are_their_twins() -> None:
    pytest.importorskip("triton")
    on_cpu = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    command = [sys.executable, "-m", "tests.models.twins"]
    ended = subprocess.run(
        command, env=os.environ | on_cpu, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "twins\n", ended.stderr
