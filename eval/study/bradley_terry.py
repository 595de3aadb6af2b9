"""Scores of several methods from choices among two or more of them.

An answer picks method i of the shown set S with probability exp(s_i) / sum over S of exp(s_j):
Bradley and Terry's model of pairs (Biometrika 39, 1952), and Plackett and Luce's of the best of
N. Scores are log-odds with mean 0. Their intervals come from the sandwich covariance, clustered by
participant and item as in `eval.study.intervals`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import log_softmax, softmax

from eval.study.intervals import Interval, spreads


class Score(NamedTuple):
    """A method's score, with its two-way 95 % interval; `n` answers showed it."""

    method: str
    n: int
    score: float
    interval: Interval


def scores(
    shown: Sequence[Sequence[str]],
    chosen: Sequence[str],
    participant: np.ndarray,
    item: np.ndarray,
) -> list[Score]:
    """The methods, best first, from N answers: the methods shown in each and the one chosen.

    ValueError where the answers bound no scores: some methods never lost to the others, or no
    answer connects them.
    """
    methods = sorted({method for options in shown for method in options})
    place = {method: k for k, method in enumerate(methods)}
    sets = np.zeros((len(shown), len(methods)), bool)
    for answer, options in enumerate(shown):
        sets[answer, [place[method] for method in options]] = True
    picked = np.eye(len(methods))[[place[method] for method in chosen]]
    _check_bounded(sets, picked, methods)
    theta, spread = _fit(sets, picked, participant, item)
    half = spread.quantile * np.sqrt(spread.variance)
    found = [
        Score(
            method,
            int(sets[:, k].sum()),
            float(theta[k]),
            Interval(float(theta[k] - half[k]), float(theta[k] + half[k])),
        )
        for k, method in enumerate(methods)
    ]
    return sorted(found, key=lambda s: -s.score)


def _fit(sets: np.ndarray, picked: np.ndarray, participant: np.ndarray, item: np.ndarray):
    """The scores (K,) of the greatest likelihood, and their spread."""

    def utilities(theta: np.ndarray) -> np.ndarray:
        return np.where(sets, theta, -np.inf)

    def loss(theta: np.ndarray) -> float:
        return -float(log_softmax(utilities(theta), axis=1)[picked > 0].sum())

    def gradient(theta: np.ndarray) -> np.ndarray:
        return (softmax(utilities(theta), axis=1) - picked).sum(axis=0)

    def hessian(theta: np.ndarray) -> np.ndarray:
        p = softmax(utilities(theta), axis=1)
        return np.diag(p.sum(axis=0)) - p.T @ p

    start = np.zeros(sets.shape[1])
    theta = minimize(
        loss, start, jac=gradient, hess=hessian, method="Newton-CG", options={"xtol": 1e-10}
    ).x
    theta -= theta.mean()
    # The likelihood says nothing of the scores' sum, so its Hessian has no inverse; with 1 added
    # everywhere it has, and residuals, whose rows sum to 0, do not notice.
    residuals = picked - softmax(utilities(theta), axis=1)
    influence = residuals @ np.linalg.inv(hessian(theta) + 1)
    return theta, spreads(influence, participant, item)["two_way"]


def _check_bounded(sets: np.ndarray, picked: np.ndarray, methods: Sequence[str]) -> None:
    """Ford's condition: however the methods are parted, each part beats the other somewhere."""
    beats = csr_array(picked.T @ (sets & (picked == 0)))
    parts, part = connected_components(beats, connection="strong")
    if parts > 1:
        names = [[m for m, p in zip(methods, part, strict=True) if p == k] for k in range(parts)]
        raise ValueError(
            "scores have no bounds: answers do not rank these both ways: "
            + " | ".join(", ".join(group) for group in names)
        )
