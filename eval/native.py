"""What the benchmark's variant native adds up to: its methods, table and targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from eval.gates import Verdict, threshold
from eval.metrics.variants import MetricVariant
from eval.statistics import Comparison, Summary
from eval.tables import Column, Table, table_of

PERCEPTUAL = MetricVariant("lpips_squeeze_caffe")
TORSO_PERCEPTUAL = MetricVariant("lpips_squeeze_caffe", mask="torso")
TORSO_DETAIL = MetricVariant("detail", mask="torso")
SSIM = MetricVariant("ssim_255")
# Of the method native, on worlds of 1,024 pixels.
TARGETS = {PERCEPTUAL: 0.079, TORSO_PERCEPTUAL: 0.235, TORSO_DETAIL: 0.8}
MOST_SECONDS = 2.0  # CPU time of a pair, over that of the method upsampled

Folder = Literal["world", "quarter", "fitted"]


@dataclass(frozen=True)
class Method:
    """A way to a picture of the photographs' size: what is rendered from which catalogs."""

    about: str
    catalog: Folder
    poses: Folder
    model: Literal["bundled", "symmetry"] = "bundled"
    size: Literal["native"] | None = None


METHODS = {
    "native": Method("size=native", "world", "world", size="native"),
    "fitted-sources": Method(
        "size=native, the sources' maps by extractor=bodyfit", "fitted", "world", size="native"
    ),
    "fitted": Method(
        "size=native, all maps by extractor=bodyfit", "fitted", "fitted", size="native"
    ),
    "upsampled": Method(
        "rendered from photographs of a quarter of the size, and scaled up", "quarter", "quarter"
    ),
    "ceiling": Method(
        "the true photograph at a quarter of the size, scaled up: no render of that size is nearer",
        "quarter",
        "quarter",
    ),
    "symmetry": Method("model=symmetry at the full size", "world", "world", "symmetry"),
    "whole": Method("without size=: the networks see the full size", "world", "world"),
}


class Cost(NamedTuple):
    """Of a process that renders."""

    seconds: float  # of CPU time a pair, from reading to encoding, its share of the source included
    memory: float  # GB that it held at most, the networks and libraries included


Scores = Mapping[str, Mapping[MetricVariant, Summary]]  # by method

COST_COLUMNS = (
    Column("seconds", "CPU seconds a pair", "lower", 2),
    Column("memory", "GB of memory", "lower", 2),
)


def table(scores: Scores, costs: Mapping[str, Cost]) -> Table:
    """A row a method that was scored."""
    variants = dict.fromkeys(v for by_variant in scores.values() for v in by_variant)
    columns = [Column(str(v), str(v), v.better, 3) for v in variants]
    rows = {
        name: {str(v): summary for v, summary in by_variant.items()} | _cost(costs.get(name))
        for name, by_variant in scores.items()
    }
    notes = ["Mean over pairs, with a 95 % interval by bootstrap over items."]
    notes += [f"{name}: {METHODS[name].about}." for name in scores]
    return table_of("Held-out pairs at full size", [*columns, *COST_COLUMNS], rows, notes)


def _cost(cost: Cost | None) -> dict[str, Summary]:
    nan = float("nan")
    values = cost._asdict() if cost else {}
    return {name: Summary(1, 0, 1, value, nan, nan) for name, value in values.items()}


def verdicts(scores: Scores, costs: Mapping[str, Cost], gain: Comparison | None) -> list[Verdict]:
    """Whether each target holds; `gain` is of native over upsampled by PERCEPTUAL."""
    native = scores.get("native", {})
    found = [
        threshold(f"native: {variant}", variant.better, worst, native.get(variant))
        for variant, worst in TARGETS.items()
    ]
    if gain:
        found.append(_gain(gain))
    if {"native", "upsampled"} <= costs.keys():
        found.append(_seconds(costs["native"], costs["upsampled"]))
    return found


def _gain(gain: Comparison) -> Verdict:
    d, pairs = gain.difference, gain.wins + gain.losses + gain.ties
    return Verdict(
        d.high < 0,
        f"native against upsampled: {PERCEPTUAL} {d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}], "
        f"nearer on {gain.wins} of {pairs} pairs; an interval below 0 is wanted",
    )


def _seconds(native: Cost, upsampled: Cost) -> Verdict:
    times = native.seconds / upsampled.seconds
    return Verdict(
        times <= MOST_SECONDS,
        f"native takes {native.seconds:.2f} CPU seconds a pair, {times:.1f} times upsampled's "
        f"{upsampled.seconds:.2f}; at most {MOST_SECONDS:g} times is wanted",
    )
