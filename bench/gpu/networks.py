"""The other networks: DensePose's and the metrics', on seeded weights, against the CPU."""

import importlib.util
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from bench.gpu.inputs import Bench
from configs.densepose import DensePose

NETWORK = "R_50_FPN_s1x"
MIN_SCORE = 0.05  # of people that seeded weights find


def densepose(bench: Bench) -> Iterator[dict]:
    """Photographs a second, and how far boxes and surfaces are from the CPU's."""
    from tests.helpers.densepose_seeded import seeded_file
    from workers.extraction.densepose.torchvision_backend import Torchvision

    count, side = (1, 64) if bench.tiny else (8, 400)
    weights = seeded_file(f"densepose_rcnn_{NETWORK}")
    photographs = list(_photographs(bench)[:count])

    def detector(precision: Literal["float32", "mixed"], device: torch.device) -> Torchvision:
        settings = DensePose(
            weights="seeded.pkl",
            precision=precision,
            min_score=MIN_SCORE,
            short_side=side,
            long_side=2 * side,
        )
        found = Torchvision(settings, weights, count)
        found.device = device
        found.network.to(device)
        return found

    expected = detector("float32", torch.device("cpu"))(photographs[:2])
    for precision in ("float32", "mixed"):
        detect = detector(precision, bench.device)
        found = detect(photographs[:2])
        yield {"precision": precision, **_apart(found, expected)}
        seconds = bench.seconds(partial(detect, photographs), 0.5)
        yield {"precision": precision, "batch": count, "photographs_s": count / seconds}


def _apart(found: Sequence[Sequence], expected: Sequence[Sequence]) -> dict[str, float]:
    """Differences of the people of photographs, best first."""
    counts = [sum(map(len, people)) for people in (found, expected)]
    of_boxes, same, of_uv = [0.0], [1.0], [0.0]
    for a, b in zip(chain(*found), chain(*expected), strict=False):
        of_boxes.append(float(np.abs(a.box - b.box).max()))
        if a.labels.shape == b.labels.shape:
            equal = a.labels == b.labels
            same.append(float(equal.mean()))
            of_uv.append(float(np.abs(a.uv - b.uv)[:, equal].max(initial=0)))
    return {
        "people": counts[0],
        "people_on_cpu": counts[1],
        "box_px": max(of_boxes),
        "labels_equal": min(same),
        "uv_max": max(of_uv),
    }


def metrics(bench: Bench) -> Iterator[dict]:
    """LPIPS and Inception: pairs and images a second, and their values' difference to the CPU's."""
    lacking = [x for x in ("lpips", "torch_fidelity") if not importlib.util.find_spec(x)]
    if lacking:
        yield {"skipped": f"no package {' and '.join(lacking)} here"}
        return
    from eval.metrics.inception import Inception
    from eval.metrics.perceptual import Lpips

    cpu, count = torch.device("cpu"), 2 if bench.tiny else 16
    generated = _photographs(bench)
    reference = np.roll(generated, 1, axis=0)
    few = slice(0, 2)
    with tempfile.TemporaryDirectory() as folder:
        backbone = _alexnet(Path(folder))
        on_cpu, here = (Lpips("lpips", "alex", backbone, device) for device in (cpu, bench.device))
        values = [x(generated[few], reference[few]).whole["lpips"] for x in (here, on_cpu)]
        seconds = bench.seconds(partial(here, generated[:count], reference[:count]), 0.3)
        yield {
            "network": "lpips_alex",
            "max": float(np.abs(values[0] - values[1]).max()),
            "value": float(values[1][0]),
            "pairs_s": count / seconds,
        }
        weights = _inception(Path(folder))
        on_cpu, here = (Inception(weights, device) for device in (cpu, bench.device))
        pools = [x(generated[few]).pool for x in (here, on_cpu)]
        seconds = bench.seconds(partial(here, generated[:count]), 0.3)
        yield {
            "network": "Inception",
            "max_of_mean": float(np.abs(pools[0] - pools[1]).max() / np.abs(pools[1]).mean()),
            "images_s": count / seconds,
        }


def _photographs(bench: Bench) -> np.ndarray:
    """The sample's, (64, H, W, 3) uint8."""
    pixels = bench.sample[0].mul(255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return pixels.repeat(2, axis=1).repeat(2, axis=2) if bench.tiny else pixels


def _alexnet(folder: Path) -> Path:
    """Seeded weights in torchvision's file format."""
    from torchvision.models import alexnet

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(alexnet(weights=None).state_dict(), folder / "alex.pth")
    return folder / "alex.pth"


def _inception(folder: Path) -> Path:
    """Seeded weights in torch-fidelity's file format."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Unfilled(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_: Any, **__: Any) -> Any:
            """Stay as drawn."""

    torch.manual_seed(0)
    empty = folder / "empty.pth"
    torch.save({}, empty)
    network = Unfilled("seeded", ["2048"], str(empty))
    torch.save(network.state_dict(), folder / "inception.pth")
    return folder / "inception.pth"
