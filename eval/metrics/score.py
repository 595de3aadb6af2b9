"""Computes any choice of metric variants, and what they share once."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from eval.metrics.crops import WHITE, Crop, boxed, cropped
from eval.metrics.registry import METRICS, OfPairs, OfSets, PairFunction, Role
from eval.metrics.variants import REGIONS, Mask, MetricVariant
from eval.metrics.weights import MissingWeightsError, Weights, find_weights

if TYPE_CHECKING:  # torch-fidelity takes seconds
    from eval.metrics.inception import Features

CPU = torch.device("cpu")
Found = Mapping[MetricVariant, Weights | None]
"""Variants that can be computed, with their weights (None: there are none)."""


def available(
    variants: Iterable[MetricVariant], folder: Path | None = None
) -> tuple[dict[MetricVariant, Weights | None], dict[MetricVariant, str]]:
    """The variants that can be computed, with their weights; and why the others cannot.

    Weights files are looked for in `folder`, by default in $TORCH_HOME/hub/checkpoints.
    """
    found: dict[MetricVariant, Weights | None] = {}
    missing: dict[MetricVariant, str] = {}
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
    """Computes the metrics of pairs among the variants."""

    def __init__(self, variants: Found, device: torch.device = CPU):
        functions: dict[str, PairFunction] = {}
        self.passes: dict[tuple[Crop, Mask | None], dict[PairFunction, list[MetricVariant]]] = {}
        for variant, weights in variants.items():
            metric = METRICS[variant.metric]
            if not isinstance(metric.compute, OfPairs):
                continue
            if metric.weights and weights is None:
                raise ValueError(f"{metric.name} needs weights")
            if metric.name not in functions:
                functions[metric.name] = metric.compute.load(weights and weights.path, device)
            changed = None if variant.mask in REGIONS else variant.mask  # of the images themselves
            by_function = self.passes.setdefault((variant.crop, changed), {})
            by_function.setdefault(functions[metric.name], []).append(variant)
        self.variants = [variant for variant in variants if variant.of == "pair"]

    def __call__(
        self,
        generated: np.ndarray,
        reference: np.ndarray,
        masks: Mapping[str, np.ndarray] | None = None,
    ) -> dict[MetricVariant, np.ndarray]:
        """Each variant's values, float64 (N,), of images (N, H, W, 3) uint8 of one size.

        `masks` (N, H, W) bool, of the reference images, are needed by the variants that name them;
        these have NaN where a mask leaves no pixel. ValueError where shapes do not fit, or images
        are too small for a metric. A pair's values do not depend on the others in its batch.
        """
        masks = masks or {}
        if lacking := [v for v in self.variants if v.mask and v.mask not in masks]:
            raise ValueError(f"{lacking[0]} needs masks of the {lacking[0].mask}")
        values: dict[MetricVariant, np.ndarray] = {}
        for (crop, changed), by_function in self.passes.items():
            x, y, counted = cropped(generated, crop), cropped(reference, crop), np.True_
            if changed == "person":
                person = cropped(masks["person"], crop, False)
                x, y = (np.where(person[..., None], side, np.uint8(WHITE)) for side in (x, y))
                counted = person.any(axis=(1, 2))
            elif changed == "torso":
                x, y = (boxed(side, masks["torso"]) for side in (x, y))
            for function, variants in by_function.items():
                regions = dict.fromkeys(v.mask for v in variants if v.mask in REGIONS)
                for region in regions or (None,):
                    on = cropped(masks[region], crop, False) if region else None
                    try:
                        whole, inside = function(x, y, on)
                    except ValueError as error:
                        raise ValueError(f"{variants[0]}: {error}") from error
                    for v in variants:
                        if v.mask == region or v.mask not in REGIONS:
                            value = (inside if v.mask in REGIONS else whole)[v.metric]
                            values[v] = np.where(counted, value, np.nan)
        return {variant: values[variant] for variant in self.variants}


class FeatureExtractor:
    """Extracts the features that the metrics of sets among the variants are computed from."""

    def __init__(self, variants: Found, device: torch.device = CPU):
        needed: dict[tuple[Role, Crop], None] = {}
        self.inception: Callable[[np.ndarray], Features] | None = None
        for variant, weights in variants.items():
            metric = METRICS[variant.metric]
            if isinstance(metric.compute, OfSets):
                needed |= {(role, variant.crop): None for role in metric.compute.roles}
                if self.inception is None:
                    self.inception = _inception(weights, device)
        self.needed = list(needed)

    def __call__(
        self, generated: np.ndarray, reference: np.ndarray
    ) -> dict[tuple[Role, Crop], "Features"]:
        """The features of images (N, H, W, 3) uint8, by side and crop."""
        if self.inception is None:
            return {}
        images: dict[Role, np.ndarray] = {"generated": generated, "reference": reference}
        return {
            (role, crop): self.inception(cropped(images[role], crop)) for role, crop in self.needed
        }


def _inception(weights: Weights | None, device: torch.device) -> Callable[[np.ndarray], "Features"]:
    from eval.metrics.inception import Inception

    if weights is None:
        raise ValueError("metrics of sets need Inception's weights")
    return Inception(weights.path, device)
