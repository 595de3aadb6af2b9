"""Seconds a pair: the networks called naively, pair by pair, against `CoordinateReposer`.

    python -m bench.forward [--sources 5] [--poses 5] [--size 256]

Naively, every pair runs splat, f and both encoders, and spectral norm runs its power iteration
on every forward, as in the authors' code. Both sides run in turn, source by source, so that a
busy machine slows both alike. Weights are seeded. Photographs are the real samples where
they are (REPOSER_REAL, or ../shared/real), else noise on synthetic bodies.
"""

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.config import ModelConfig
from models.coordinates import body_mask, meshgrid, sample, splat
from models.generator import Generator
from models.inpainter import Inpainter
from models.maps import Source, Target, Texture
from models.reposer import CoordinateReposer

REAL = Path(os.environ.get("REPOSER_REAL", "../shared/real")) / "official_samples"
CONFIG = ModelConfig(layout="smpl", convention="compat")


def main(arguments: list[str] | None = None) -> None:
    """Print the machine, both times, their ratio and the largest difference of the images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=5)
    parser.add_argument("--poses", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, help="of the synthetic images, in pixels")
    options = parser.parse_args(arguments)
    samples = real_samples if REAL.is_dir() else synthetic_samples
    photographs, source_uv, target_uv = samples(options.sources, options.poses, options.size)

    torch.manual_seed(0)
    inpainter, generator = Inpainter().eval(), Generator()
    for _ in range(50):  # until the power iterations of `naive` change nothing any more
        _ = [conv.weight for conv in generator.modules() if isinstance(conv, torch.nn.Conv2d)]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reposer = CoordinateReposer(CONFIG, inpainter, generator, "0" * 64, device)
    networks = inpainter.to(device), generator.to(device)

    naive_seconds, our_seconds, difference = 0.0, 0.0, 0.0
    indices = [0] * len(target_uv)
    for at in range(-1, len(photographs)):  # the first round, on one pose, is a warm-up
        S, M_S = photographs[max(at, 0)][None].to(device), source_uv[max(at, 0)][None].to(device)
        M_N = target_uv[: 1 if at < 0 else None].to(device)
        start = _now(device)
        expected = torch.cat([naive(*networks, reposer, S, M_S, pose) for pose in M_N.split(1)])
        middle = _now(device)
        images = reposer.render(reposer.encode(Source(S, M_S)), indices[: len(M_N)], Target(M_N))
        end = _now(device)
        if at >= 0:
            naive_seconds += middle - start
            our_seconds += end - middle
            difference = max(difference, (images - expected).abs().max().item())

    pairs = len(photographs) * len(target_uv)
    print(f"{_machine(device)}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{len(photographs)} sources x {len(target_uv)} poses, {tuple(target_uv.shape[-2:])}")
    print(f"naive          {naive_seconds / pairs:8.3f} s a pair")
    print(f"reposer        {our_seconds / pairs:8.3f} s a pair")
    print(f"ratio          {naive_seconds / our_seconds:8.2f}")
    print(f"max |difference| {difference:.1e}")


@torch.no_grad()  # inference_mode would forbid the power iterations
def naive(
    inpainter: Inpainter,
    generator: Generator,
    reposer: CoordinateReposer,
    S: Tensor,
    M_S: Tensor,
    M_N: Tensor,
) -> Tensor:
    """Render one pair with nothing folded or kept; of `reposer`, only the conventions are used."""
    convention, size = reposer.convention, reposer.config.texture_size
    C, known = splat(meshgrid(*M_S.shape[-2:], device=M_S.device), M_S, (size, size), convention)
    D = inpainter(C, known)
    T = sample(S * body_mask(M_S), D, convention)
    on = body_mask(M_N)
    warped = Texture(*(sample(x, M_N, convention) * on for x in (T, D)))
    encoded = generator.encode_source(Source(S, M_S))
    return generator(encoded, warped, Target(M_N), convention).colours


def real_samples(sources: int, poses: int, _size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Up to five real photographs and their UV maps, and up to five target UV maps."""
    photographs = [
        torch.from_numpy(np.asarray(Image.open(file).convert("RGB"), np.float32) / 255)
        for file in sorted((REAL / "source_img").glob("*.jpg"))[:sources]
    ]
    source_uv, target_uv = (
        [
            torch.from_numpy(np.load(f)).float()
            for f in sorted((REAL / folder).glob("*.npy"))[:count]
        ]
        for folder, count in (("source_uv", sources), ("target_uv", poses))
    )
    photographs, source_uv, target_uv = (
        torch.stack(maps).movedim(-1, 1).contiguous()
        for maps in (photographs, source_uv, target_uv)
    )
    return photographs, source_uv, target_uv


def synthetic_samples(sources: int, poses: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise photographs, and UV maps of a standing ellipse that leans by another angle each."""
    x, y = meshgrid(size, size)[0]
    maps = []
    for lean in torch.linspace(-0.4, 0.4, sources + poses).tolist():
        u, v = (x - lean * y) / 0.4, y / 0.9
        maps.append(torch.stack([u, v]).where(u**2 + v**2 < 1, torch.nan))
    uv = torch.stack(maps)
    photographs = torch.rand(sources, 3, size, size, generator=torch.Generator().manual_seed(0))
    return photographs, uv[:sources], uv[sources:]


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
