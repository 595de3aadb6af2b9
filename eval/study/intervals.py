"""Intervals of shares and scores when answers of one person, and of one item, are alike.

A study asks the same people about the same items, so its answers are not independent, and an
interval that assumes so is too narrow. The variance by participant and by item both is
that of Cameron, Gelbach and Miller, "Robust Inference with Multiway Clustering" (Journal of
Business and Economic Statistics 29, 2011): by participant, plus by item, minus by their
crossing; with G / (G - 1) for G clusters, and Student's t with the smaller of the two numbers of
clusters less one. It is never taken smaller than that of one kind of cluster alone, or of
independent answers. For a share the variance gives an effective number of answers, which enters
Wilson's interval (as in surveys: Korn and Graubard, Survey Methodology 24, 1998): bounds stay
within 0 and 1. `bench/coverage.py` measures how often these intervals hold the truth.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Bounds; NaN where one cluster alone shows no spread."""

    low: float
    high: float


class Spread(NamedTuple):
    """The variance of estimates (K,), and the quantile to multiply its root with."""

    variance: np.ndarray
    quantile: float
    clusters: int  # by two ways: the fewer


class Share(NamedTuple):
    """A share of answers with its 95 % intervals by what is taken to be independent."""

    n: int
    participants: int
    items: int
    share: float
    answers: Interval  # Wilson's: each answer by itself
    participant: Interval
    item: Interval
    two_way: Interval  # the honest one: new people and new items


def share_of(chosen: np.ndarray, participant: np.ndarray, item: np.ndarray) -> Share:
    """The share of answers (N,) bool that are true, N >= 1; see `spreads` for the labels."""
    n, share = len(chosen), float(np.mean(chosen))
    found = spreads((chosen - share)[:, None] / n, participant, item)
    intervals = {kind: _wilson(share, spread) for kind, spread in found.items()}
    people, items = found["participant"].clusters, found["item"].clusters
    return Share(n, people, items, share, **intervals)


def spreads(
    influence: np.ndarray, participant: np.ndarray, item: np.ndarray
) -> Mapping[str, Spread]:
    """The spread of K estimates by each kind of cluster: answers, participant, item, two_way.

    `influence` (N, K) is what each answer adds to the estimates, to first order (of a mean:
    (value - mean) / N); `participant` and `item` (N,) are labels of any kind.
    """
    people, participant = _codes(participant)
    items, item = _codes(item)
    answers = (influence**2).sum(axis=0)
    by_person = np.maximum(_clustered(influence, participant, people), answers)
    by_item = np.maximum(_clustered(influence, item, items), answers)
    cells, cell = _codes(participant * items + item)
    both = by_person + by_item - _clustered(influence, cell, cells)
    floor = np.maximum(by_person, by_item)
    return {
        "answers": Spread(answers, _quantile(np.inf), len(influence)),
        "participant": Spread(by_person, _quantile(people - 1), people),
        "item": Spread(by_item, _quantile(items - 1), items),
        "two_way": Spread(
            np.maximum(both, floor), _quantile(min(people, items) - 1), min(people, items)
        ),
    }


def _clustered(influence: np.ndarray, cluster: np.ndarray, clusters: int) -> np.ndarray:
    """Variances (K,) of sums over clusters that are independent of each other."""
    if clusters < 2:
        return np.full(influence.shape[1], np.nan)
    sums = [np.bincount(cluster, column, clusters) for column in influence.T]
    return np.square(sums).sum(axis=1) * clusters / (clusters - 1)


def _wilson(share: float, spread: Spread) -> Interval:
    """Wilson's interval of as many independent answers as would have this variance.

    Where all answers agree nothing shows how alike they are, and each cluster counts once.
    """
    variance, t = float(spread.variance[0]), spread.quantile
    n = share * (1 - share) / variance if variance else spread.clusters
    middle = share + t**2 / (2 * n)
    half = t * np.sqrt(share * (1 - share) / n + (t / (2 * n)) ** 2)
    whole = 1 + t**2 / n
    low, high = float((middle - half) / whole), float((middle + half) / whole)
    return Interval(min(low, share), max(high, share))  # where rounding would leave out 0 or 1


def _quantile(freedom: float) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) if freedom >= 1 else np.nan


def _codes(labels: np.ndarray) -> tuple[int, np.ndarray]:
    found, codes = np.unique(labels, return_inverse=True)
    return len(found), codes
