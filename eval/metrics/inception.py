"""Metrics of whole sets of images, by torch-fidelity: Inception score, FID and KID.

Features are extracted image by image and may be stored; the metrics take them in the order of
the images' ids, whatever order they arrived in.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from eval.metrics.microbatch import in_microbatches

SPLITS = 10  # of the Inception score
SUBSETS, SUBSET_SIZE = 100, 1000  # of KID
SEED = 2020  # torch-fidelity's own, which draws KID's subsets


class Features(NamedTuple):
    """What Inception (TensorFlow's of 2015) computes of N images."""

    pool: np.ndarray  # (N, 2048) float32, for FID and KID
    logits: np.ndarray  # (N, 1008) float32, without bias, for the Inception score


class Inception:
    """Extracts features; `weights` is torch-fidelity's file."""

    def __init__(self, weights: Path, device: torch.device):
        # torch-fidelity unpickles the file, so refuse one that could run code.
        torch.load(weights, map_location="cpu", weights_only=True)
        self.device = device
        self.network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], str(weights)
        ).to(device)

    def __call__(self, images: np.ndarray) -> Features:
        """The features of images (N, H, W, 3) uint8, of any size: the network scales to 299."""
        return Features(*in_microbatches(self._forward, self.device, images))

    def _forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return self.network(images.movedim(-1, 1))


def is_10(generated: np.ndarray) -> float:
    """Inception score, in [1, 1008]: mean over 10 splits in the order given, no image dropped.

    Takes logits (N, 1008) float32; ValueError of fewer than 10.
    """
    _needs(generated, SPLITS, "is_10")
    scores = isc_features_to_metric(torch.from_numpy(generated), SPLITS, shuffle=False)
    return scores["inception_score_mean"]


def fid(generated: np.ndarray, reference: np.ndarray) -> float:
    """Fréchet Inception distance, 0 or more.

    Takes pool features (N, 2048) and (M, 2048) float32; ValueError of fewer than 2 a side.
    """
    statistics = []
    for pool in (generated, reference):
        _needs(pool, 2, "fid")
        statistics.append(fid_features_to_statistics(torch.from_numpy(pool)))
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def kid(generated: np.ndarray, reference: np.ndarray) -> float:
    """Kernel Inception distance, unbiased, so it may be a little below 0.

    Mean over 100 seeded subsets of 1,000 images, or of all where either side has fewer. Takes pool
    features (N, 2048) and (M, 2048) float32; ValueError of fewer than 2 a side.
    """
    for pool in (generated, reference):
        _needs(pool, 2, "kid")
    distance = kid_features_to_metric(
        torch.from_numpy(generated),
        torch.from_numpy(reference),
        kid_subsets=SUBSETS,
        kid_subset_size=min(SUBSET_SIZE, len(generated), len(reference)),
        rng_seed=SEED,
        verbose=False,
    )
    return distance["kernel_inception_distance_mean"]


def in_id_order(ids: Sequence[str], features: np.ndarray) -> np.ndarray:
    """One feature of N images, (N, channels), sorted by id; ValueError if an id comes twice."""
    if len(set(ids)) != len(ids):
        raise ValueError("an image id comes twice; every image counts once")
    return features[sorted(range(len(ids)), key=ids.__getitem__)]


def _needs(features: np.ndarray, least: int, metric: str) -> None:
    if len(features) < least:
        raise ValueError(f"{metric} needs at least {least} images; there are {len(features)}")
