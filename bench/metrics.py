"""How fast `eval.metrics` scores pairs, beside a loop of library calls, and in how much memory.

    python -m bench.metrics [--pairs 16] [--rounds 3] [--memory-pairs 100000]

Both sides run in turn, round by round, so that a busy machine slows both alike. With two threads,
both sides spread pairs over them, or let torch use them. LPIPS runs on seeded weights. Pictures are
the real side-by-side ones where they are (REPOSER_REAL, or ../shared/real), else blobs with noise.
Memory is the process's after each tenth of a stream of small synthetic pairs, scored in shards
whose partial sums are merged.
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import lpips
import numpy as np
import pandas as pd
import pytorch_msssim
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from bench.machine import machine
from eval.metrics.perceptual import Lpips
from eval.metrics.score import CPU, PairScorer
from eval.metrics.variants import MetricVariant
from eval.naming import side_by_side
from eval.statistics import merge, partial_sums, summarise

REAL = Path(os.environ.get("REPOSER_REAL", "../shared/real")) / "sidebyside"
GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
SHARD = 1000  # pairs, of the memory stream


class Case(NamedTuple):
    """The library's call scores a pair, ours a batch; each gives a value or an array a metric.

    Torch spreads its own calls over threads. Of the others, pairs are spread.
    """

    name: str
    library: Callable[[np.ndarray, np.ndarray], list[float]]
    ours: Callable[[np.ndarray, np.ndarray], list[np.ndarray]]
    library_by_torch: bool = False
    ours_by_torch: bool = False


def main(arguments: list[str] | None = None) -> None:
    """Print rates, ratios, the largest difference of values, and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-pairs", type=int, default=100_000)
    options = parser.parse_args(arguments)
    generated, reference = real_pairs() if REAL.is_dir() else synthetic_pairs(options.pairs, 256)
    generated, reference = generated[: options.pairs], reference[: options.pairs]
    print(f"{len(generated)} pairs of 256x256; {machine()}")
    with tempfile.TemporaryDirectory() as folder:
        compared = cases(Path(folder))
        for threads in (1, 2):
            torch.set_num_threads(threads)
            print(f"  {threads} thread{'s' * (threads > 1)}: pairs/s of the library, ours, ratio")
            for case in compared:
                compare(case, generated, reference, threads, options.rounds)
    torch.set_num_threads(1)
    memory(options.memory_pairs)


def cases(folder: Path) -> list[Case]:
    """Every metric that is slow enough to matter."""

    def dsc(x: np.ndarray, y: np.ndarray, data_range: float) -> Any:
        return structural_similarity(y, x, channel_axis=-1, data_range=data_range, **GAUSSIAN)

    def both(x: np.ndarray, y: np.ndarray) -> list[float]:
        return [dsc(x, y, np.ptp(x)), dsc(x, y, 255)]

    def win51(x: np.ndarray, y: np.ndarray) -> list[Any]:
        return [structural_similarity(y / 255, x / 255, win_size=51, channel_axis=-1, data_range=1)]

    def multiscale(x: np.ndarray, y: np.ndarray) -> list[float]:
        tensors = (torch.from_numpy(side).movedim(-1, 0)[None].float() for side in (x, y))
        return [pytorch_msssim.ms_ssim(*tensors, data_range=255).item()]

    found = [
        Case("ssim_255", lambda x, y: [dsc(x, y, 255)], _formula("ssim_255")),
        Case("ssim_dsc, ssim_255", both, _formula("ssim_dsc", "ssim_255")),
        Case("ssim_win51", win51, _formula("ssim_win51")),
        Case("ms_ssim", multiscale, _formula("ms_ssim"), library_by_torch=True),
    ]
    for net in ("alex", "squeeze"):
        library, backbone = _seeded(net, folder / f"{net}.pth")
        ours = Lpips("lpips", net, backbone, CPU)
        found.append(
            Case(
                f"lpips_{net}",
                lambda x, y, library=library: [_lpips(library, x, y)],
                lambda x, y, ours=ours: list(ours(x, y).whole.values()),
                library_by_torch=True,
                ours_by_torch=True,
            )
        )
    return found


def compare(
    case: Case, generated: np.ndarray, reference: np.ndarray, threads: int, rounds: int
) -> None:
    """Run both sides in turn and print; the first round, of two pairs, is a warm-up."""
    seconds, theirs, mine = np.zeros(2), np.empty(0), np.empty(0)
    spread = 1 if case.ours_by_torch else threads
    for at in range(-1, rounds):
        x, y = (side[: 2 if at < 0 else None] for side in (generated, reference))
        start = time.perf_counter()
        with ThreadPoolExecutor(1 if case.library_by_torch else threads) as pool:
            theirs = np.array(list(pool.map(case.library, x, y))).T
        middle = time.perf_counter()
        with ThreadPoolExecutor(spread) as pool:
            parts = pool.map(case.ours, np.array_split(x, spread), np.array_split(y, spread))
            mine = np.concatenate([np.stack(part) for part in parts], axis=1)
        if at >= 0:
            seconds += middle - start, time.perf_counter() - middle
    rates = rounds * len(generated) / seconds
    print(
        f"    {case.name:20} {rates[0]:7.1f} {rates[1]:8.1f} {rates[1] / rates[0]:6.1f}x   "
        f"max |difference| {np.abs(theirs - mine).max():.1e}"
    )


def memory(pairs: int, size: int = 64) -> None:
    """Print the process's memory while it scores `pairs` pairs."""
    variants = [
        MetricVariant(name) for name in ("ssim_dsc", "ssim_255", "ssim_win51", "l1", "psnr")
    ]
    scorer = PairScorer(dict.fromkeys(variants))
    generated, reference = synthetic_pairs(SHARD, size)
    sums, resident, start = [], [], time.perf_counter()
    shards = max(pairs // SHARD, 1)
    for shard in range(shards):
        scores = scorer(np.roll(generated, shard, axis=0), reference)
        items = [f"item{(shard * SHARD + i) // 8 % 10_000:05}" for i in range(SHARD)]
        rows = [
            pd.DataFrame({"metric": str(variant), "item_id": items, "value": values})
            for variant, values in scores.items()
        ]
        sums = [merge([*sums, partial_sums(pd.concat(rows))])]
        if (shard + 1) % max(shards // 10, 1) == 0:
            resident.append(_resident_mb())
    (merged,) = sums
    summaries = [summarise(part) for _, part in merged.groupby("metric")]
    print(
        f"  {shards * SHARD:,} pairs of {size}x{size}, {len(summaries)} variants and their "
        f"intervals: {time.perf_counter() - start:.0f} s"
    )
    print("  MB resident after each tenth: " + ", ".join(f"{mb:.0f}" for mb in resident))


def real_pairs() -> tuple[np.ndarray, np.ndarray]:
    """The published pictures of all methods, (N, 256, 256, 3) uint8 twice."""
    pairs = [
        pair
        for of_method in side_by_side([path.name for path in REAL.iterdir()]).values()
        for pair in of_method
    ]
    generated, reference = (
        np.stack([np.asarray(Image.open(REAL / name).convert("RGB")) for name in names])
        for names in ([p.generated for p in pairs], [p.reference for p in pairs])
    )
    return generated, reference


def synthetic_pairs(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of a colour on white, and the same with noise, (count, size, size, 3) uint8."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    centre = rng.uniform(0.3, 0.7, (2, count, 1, 1))
    blob = np.exp(-20 * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2))[..., None]
    reference = 255 - blob * rng.uniform(50, 250, (count, 1, 1, 3))
    generated = reference + rng.normal(0, 10, reference.shape)
    return generated.clip(0, 255).astype(np.uint8), reference.astype(np.uint8)


def _formula(*names: str) -> Callable[[np.ndarray, np.ndarray], list[np.ndarray]]:
    scorer = PairScorer({MetricVariant(name): None for name in names})
    return lambda x, y: list(scorer(x, y).values())


@torch.inference_mode()
def _lpips(model: lpips.LPIPS, x: np.ndarray, y: np.ndarray) -> float:
    tensors = (torch.from_numpy(side).movedim(-1, 0)[None] / 127.5 - 1 for side in (x, y))
    return model(*tensors).item()


def _seeded(net: str, path: Path) -> tuple[lpips.LPIPS, Path]:
    """The library's model on seeded weights, and the same weights as a file."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package passes torchvision deprecated arguments
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    weights = model.net.state_dict()
    torch.save({f"features.{k.partition('.')[2]}": v for k, v in weights.items()}, path)
    return model, path


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
