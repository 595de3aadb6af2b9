"""Scores pairs of images by any choice of variants, computing what they share once."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from eval.metrics.differences import differences
from eval.metrics.images import Values
from eval.metrics.registry import METRICS, Crop, Variant, cropped
from eval.metrics.ssim import ms_ssim, ssim, ssim_win51
from eval.metrics.weights import MissingWeightsError, Weights, find_weights

PairMetric = Callable[[np.ndarray, np.ndarray, np.ndarray | None], Values]
CPU = torch.device("cpu")
WHITE = 255

BY_FORMULA: dict[str, PairMetric] = {
    "ssim_dsc": ssim,
    "ssim_255": ssim,
    "ssim_win51": ssim_win51,
    "ms_ssim": lambda generated, reference, _: ms_ssim(generated, reference),
    "psnr": differences,
    "l1": differences,
}
BY_NETWORK = {
    "lpips_alex": "alex",
    "lpips_vgg": "vgg",
    "lpips_squeeze": "squeeze",
    "lpips_squeeze_caffe": "squeeze",
}


def available(
    variants: Iterable[Variant], folder: Path | None = None
) -> tuple[dict[Variant, Weights | None], dict[Variant, str]]:
    """The variants that can be computed, with their weights; and why the others cannot.

    Weights files are looked for in `folder`, by default in $TORCH_HOME/hub/checkpoints.
    """
    found: dict[Variant, Weights | None] = {}
    missing: dict[Variant, str] = {}
    weights: dict[str, Weights | MissingWeightsError | None] = {}
    for variant in variants:
        file = METRICS[variant.metric].weights
        if file is not None and file.name not in weights:
            try:
                weights[file.name] = find_weights(file, folder)
            except MissingWeightsError as error:
                weights[file.name] = error
        outcome = None if file is None else weights[file.name]
        if isinstance(outcome, MissingWeightsError):
            missing[variant] = str(outcome)
        else:
            found[variant] = outcome
    return found, missing


class PairScorer:
    """Computes the pair metrics among the variants; `variants` and weights as of `available`."""

    def __init__(self, variants: dict[Variant, Weights | None], device: torch.device = CPU):
        self.variants = [v for v in variants if METRICS[v.metric].of == "pair"]
        self.metrics = dict(BY_FORMULA)
        for variant in self.variants:
            weights, name = variants[variant], variant.metric
            if name not in self.metrics:
                if weights is None:
                    raise ValueError(f"{name} needs weights")
                from eval.metrics.perceptual import Lpips  # seconds, spent where it is asked for

                self.metrics[name] = Lpips(name, BY_NETWORK[name], weights.path, device)

    def __call__(
        self, generated: np.ndarray, reference: np.ndarray, masks: np.ndarray | None = None
    ) -> dict[Variant, np.ndarray]:
        """Each variant's values, float64 (N,), of images (N, H, W, 3) uint8 of one size.

        `masks` (N, H, W) bool, the body, are needed by variants over the body, which have NaN
        where a mask leaves no pixel. ValueError where shapes do not fit, or images are too
        small for a metric. A pair's values do not depend on the others in its batch.
        """
        values: dict[Variant, np.ndarray] = {}
        crops: dict[Crop, None] = dict.fromkeys(v.crop for v in self.variants)
        for crop in crops:
            mine = [v for v in self.variants if v.crop == crop]
            images = cropped(generated, crop, WHITE), cropped(reference, crop, WHITE)
            for metric in dict.fromkeys(self.metrics[v.metric] for v in mine):
                group = [v for v in mine if self.metrics[v.metric] is metric]
                over_body = [v for v in group if v.body]
                if over_body and masks is None:
                    raise ValueError(f"{over_body[0]} needs masks of the body")
                on = cropped(masks, crop, False) if over_body and masks is not None else None
                try:
                    whole, body = metric(*images, on)
                except ValueError as error:
                    raise ValueError(f"{group[0]}: {error}") from error
                values |= {v: (body if v.body else whole)[v.metric] for v in group}
        return {v: values[v] for v in self.variants}
