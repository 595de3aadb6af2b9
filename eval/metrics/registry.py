"""Every metric by its exact name: what it means, and what computes it. A metric is one entry.

Functions are named as in entry points, `module:function`, and imported once they are needed:
numba, lpips and torch-fidelity take seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Literal

import numpy as np
import torch

from eval.metrics.images import Values
from eval.metrics.weights import (
    ALEXNET,
    INCEPTION,
    SQUEEZENET,
    SQUEEZENET_CAFFE,
    VGG16,
    WeightsFile,
)

Better = Literal["higher", "lower"]
Role = Literal["generated", "reference"]
Feature = Literal["pool", "logits"]
PairFunction = Callable[[np.ndarray, np.ndarray, np.ndarray | None], Values]
"""Generated and reference images (N, H, W, 3) uint8, and masks (N, H, W) bool or None."""


@dataclass(frozen=True)
class OfPairs:
    """Computes a value a pair of images.

    `load` takes the weights file (None: the metric has none) and the device. Metrics that load
    the same function share its calls: one call gives the values of all of them.
    """

    load: Callable[[Path | None, torch.device], PairFunction]
    over_body: bool = True  # whether the mean over the body alone has a meaning


@dataclass(frozen=True)
class OfSets:
    """Computes one value of a whole set of images, from a feature that Inception has of each.

    `load` returns a function of float32 arrays (N, channels), one for each of `roles`, in the
    order of the images' ids; it raises ValueError of too few images.
    """

    load: Callable[[], Callable[..., float]]
    feature: Feature
    roles: tuple[Role, ...]


@dataclass(frozen=True)
class Metric:
    """What one name means."""

    name: str
    definition: str
    better: Better
    compute: OfPairs | OfSets
    weights: WeightsFile | None = None


def _formula(function: str, over_body: bool = True) -> OfPairs:
    return OfPairs(lambda _weights, _device: resolve_name(f"eval.metrics.{function}"), over_body)


def _lpips(name: str, definition: str, net: str, weights: WeightsFile) -> Metric:
    def load(backbone: Path | None, device: torch.device) -> PairFunction:
        return resolve_name("eval.metrics.perceptual:Lpips")(name, net, backbone, device)

    definition = f"LPIPS v0.1 of the lpips package {definition}"
    return Metric(name, definition, "lower", OfPairs(load), weights)


def _inception(function: str, feature: Feature, *roles: Role) -> OfSets:
    return OfSets(lambda: resolve_name(f"eval.metrics.inception:{function}"), feature, roles)


_INCEPTION = "TensorFlow's Inception of 2015, by torch-fidelity"
METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "ssim_dsc",
            "SSIM, gaussian window of sigma 1.5, per channel, data range max - min of the "
            "generated image",
            "higher",
            _formula("ssim:ssim"),
        ),
        Metric(
            "ssim_255",
            "SSIM, gaussian window of sigma 1.5, per channel, data range 255",
            "higher",
            _formula("ssim:ssim"),
        ),
        Metric(
            "ssim_win51",
            "SSIM, uniform window of 51 pixels, sample covariance, per channel, images in [0, 1], "
            "data range 1",
            "higher",
            _formula("ssim:ssim_win51"),
        ),
        Metric(
            "ms_ssim",
            "multi-scale SSIM, gaussian window of 11 taps, five scales, per channel, data range "
            "255",
            "higher",
            _formula("ssim:ms_ssim", over_body=False),
        ),
        Metric(
            "psnr",
            "peak signal-to-noise ratio in dB, peak 255",
            "higher",
            _formula("differences:differences"),
        ),
        Metric(
            "l1",
            "mean absolute difference / 255",
            "lower",
            _formula("differences:differences"),
        ),
        Metric(
            "detail",
            "energy of the Laplacian over the reference image's: 1 is as much fine detail as is "
            "true, at the right place or not",
            "higher",
            _formula("detail:detail"),
        ),
        _lpips("lpips_alex", "on AlexNet", "alex", ALEXNET),
        _lpips("lpips_vgg", "on VGG-16", "vgg", VGG16),
        _lpips("lpips_squeeze", "on SqueezeNet 1.1", "squeeze", SQUEEZENET),
        _lpips(
            "lpips_squeeze_caffe",
            "(squeeze) on Caffe's SqueezeNet 1.1, not torchvision's: no other paper's LPIPS",
            "squeeze",
            SQUEEZENET_CAFFE,
        ),
        Metric(
            "is_10",
            f"Inception score over 10 splits in id order, {_INCEPTION}",
            "higher",
            _inception("is_10", "logits", "generated"),
            INCEPTION,
        ),
        Metric(
            "fid",
            f"Fréchet distance of generated and reference images' features, {_INCEPTION}",
            "lower",
            _inception("fid", "pool", "generated", "reference"),
            INCEPTION,
        ),
        Metric(
            "kid",
            "kernel distance (cubic, unbiased) of features, mean over 100 subsets of 1,000 (of "
            f"all where there are fewer), {_INCEPTION}",
            "lower",
            _inception("kid", "pool", "generated", "reference"),
            INCEPTION,
        ),
    )
}
