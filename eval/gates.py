"""Gates: what a metric must reach for a run to be accepted."""

from typing import NamedTuple

import numpy as np

from eval.metrics.registry import Better
from eval.statistics import Summary


class Verdict(NamedTuple):
    """Whether a condition holds, and the sentence that says why."""

    passed: bool
    sentence: str


def threshold(name: str, better: Better, worst: float, current: Summary | None) -> Verdict:
    """Whether a mean is no worse than `worst`; a run without a value does not pass."""
    if current is None or np.isnan(current.mean):
        return _unknown(name)
    bound = "at least" if better == "higher" else "at most"
    if _worse(current.mean, worst, better):
        return Verdict(
            False,
            f"{name} is {current.mean:.4f} over {current.n} pairs; {bound} {worst:.4f} is wanted",
        )
    return Verdict(True, f"{name} is {current.mean:.4f}, {bound} {worst:.4f}")


def no_regression(
    name: str, better: Better, current: Summary | None, accepted: Summary | None
) -> Verdict:
    """Whether a mean is no worse than the accepted run's whole interval.

    A first run, with nothing accepted before it, passes; a run without a value does not.
    """
    if current is None or np.isnan(current.mean):
        return _unknown(name)
    if accepted is None:
        return Verdict(True, f"{name} is {current.mean:.4f}; nothing to compare with")
    bound, side = (accepted.low, "below") if better == "higher" else (accepted.high, "above")
    if np.isnan(bound):
        return Verdict(
            False,
            f"{name} cannot be compared: the accepted {accepted.mean:.4f} has no interval; give a "
            "threshold instead",
        )
    interval = f"{accepted.mean:.4f} [{accepted.low:.4f}, {accepted.high:.4f}]"
    if _worse(current.mean, bound, better):
        return Verdict(
            False,
            f"{name} regressed: {current.mean:.4f} over {current.n} pairs is {side} the accepted "
            f"{interval}",
        )
    return Verdict(True, f"{name} is {current.mean:.4f}, not {side} the accepted {interval}")


def _worse(value: float, bound: float, better: Better) -> bool:
    return value < bound if better == "higher" else value > bound


def _unknown(name: str) -> Verdict:
    return Verdict(False, f"{name} has no value in this run, so its gate cannot pass")
