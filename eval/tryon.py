"""What the benchmark's variant tryon adds up to: its methods, tables and targets."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import pandas as pd

from eval.gates import Verdict, threshold
from eval.metrics.variants import MetricVariant
from eval.statistics import Summary, compare
from eval.tables import Column, Table, table_of

SSIM = MetricVariant("ssim_255")
PERCEPTUAL = MetricVariant("lpips_squeeze_caffe")
PERSON = MetricVariant("lpips_squeeze_caffe", mask="person")
GARMENT = MetricVariant("lpips_squeeze_caffe", mask="garment")
HEAD = MetricVariant("lpips_squeeze_caffe", mask="head")
HEAD_PSNR = MetricVariant("psnr", mask="head")
METRICS = (SSIM, PERCEPTUAL, PERSON, GARMENT, HEAD, HEAD_PSNR)
LEAST_HEAD_PSNR = 34.0  # dB; results of the paper's authors copy their models' faces so well
ACROSS = 3  # other people whom each garment is tried on

NETWORK, SYMMETRY, WITHOUT = METHODS = ("network", "symmetry", "without")
ABOUT = {
    NETWORK: "a network that sees what stays of the model, head and hands",
    SYMMETRY: "model=symmetry reveal=head_and_hands, the baseline without training",
    WITHOUT: "model=bundled, which sees nothing of the model but the pose; its backdrop is not "
    "white, so compare it by .person, .garment and .head",
}
List = Literal["unpaired", "paired"]
LISTS: tuple[List, ...] = ("unpaired", "paired")  # clothes on other people, and on their own

Scores = Mapping[str, Mapping[MetricVariant, Summary]]  # by `named`
Values = Mapping[str, Mapping[MetricVariant, pd.DataFrame]]  # pair_id, item_id and value, likewise


class Garment(NamedTuple):
    """The photographs of an item, the first for its clothes, and who wears it."""

    photographs: list[str]
    person: str


def named(method: str, listed: List) -> str:
    """The name of a method's runs on a list of pairs."""
    return method if listed == "unpaired" else f"{method}-paired"


def lists(garments: list[Garment]) -> dict[List, list[tuple[str, str]]]:
    """The pairs (from, to) of each list: the first photograph of every item, and a model's pose.

    A model's pose is that of one further photograph, the same in both lists. ValueError where
    fewer than `ACROSS` others can wear something.
    """
    models = [g.photographs[1 + n % (len(g.photographs) - 1)] for n, g in enumerate(garments)]
    found: dict[List, list[tuple[str, str]]] = {name: [] for name in LISTS}
    for n, garment in enumerate(garments):
        following = [(n + step) % len(garments) for step in range(1, len(garments))]
        others = [m for m in following if garments[m].person != garment.person][:ACROSS]
        if len(others) < ACROSS:
            raise ValueError(f"garment transfer wants {ACROSS} other people for each item")
        source = garment.photographs[0]
        found["paired"].append((source, models[n]))
        found["unpaired"] += [(source, models[m]) for m in others]
    return found


def tables(scores: Scores, gaps: Mapping[str, Mapping[str, Summary]]) -> dict[str, Table]:
    """The report's tables by file name: `scores`, and `gaps` (see there)."""
    rows = {
        name: {str(v): summary for v, summary in by_variant.items()}
        for name, by_variant in scores.items()
    }
    measured = dict.fromkeys(v for by_variant in scores.values() for v in by_variant)
    columns = [_column(v) for v in measured]
    notes = [
        "Mean over pairs, with a 95 % interval by bootstrap over garments. Names without -paired: "
        "clothes on other people, against the truth of the sample world.",
        "-paired: the same clothes, on the people who wear them in their photographs, in the same "
        "poses.",
        *(f"{name}: {about}." for name, about in ABOUT.items()),
    ]
    apart = [
        "What changing people costs: each garment's mean on others minus its value on its own "
        "wearer, over the same poses, with a 95 % interval by bootstrap over garments."
    ]
    return {
        "scores": table_of("Garment transfer", columns, rows, notes),
        "gaps": table_of("Unpaired minus paired", columns, gaps, apart),
    }


def _column(variant: MetricVariant) -> Column:
    return Column(str(variant), str(variant), variant.better, 2 if variant == HEAD_PSNR else 3)


def gaps(values: Values, seed: int, replicates: int) -> dict[str, dict[str, Summary]]:
    """Of each method, by metric: what its garments lose on others, unpaired minus paired."""
    found: dict[str, dict[str, Summary]] = {}
    for method in METHODS:
        own, others = (values.get(named(method, listed), {}) for listed in ("paired", "unpaired"))
        found[method] = {
            str(v): compare(
                _of_garments(own[v]), _of_garments(others[v]), v.better, seed, replicates
            ).difference
            for v in own.keys() & others.keys()
        }
    return found


def _of_garments(values: pd.DataFrame) -> pd.DataFrame:
    """Each garment's mean, as its one pair."""
    means = values.groupby("item_id", as_index=False)["value"].mean()
    return means.assign(pair_id=means["item_id"])


def verdicts(scores: Scores, values: Values, seed: int, replicates: int) -> list[Verdict]:
    """Whether each target holds."""
    network, symmetry = (scores.get(name, {}) for name in (NETWORK, SYMMETRY))
    head = threshold(
        f"{NETWORK}: {HEAD_PSNR} in dB", "higher", LEAST_HEAD_PSNR, network.get(HEAD_PSNR)
    )
    if GARMENT not in network or GARMENT not in symmetry:
        return [head]
    ours, theirs = network[GARMENT], symmetry[GARMENT]
    before, now = (values[name][GARMENT] for name in (SYMMETRY, NETWORK))
    gain = compare(before, now, GARMENT.better, seed, replicates)
    nearer = Verdict(
        gain.difference.high < 0,
        f"{NETWORK} against {SYMMETRY}, pair by pair: {GARMENT} {_interval(gain.difference, '+')}, "
        f"nearer on {gain.wins} of {gain.difference.n} pairs; an interval below 0 is wanted",
    )
    apart = Verdict(
        ours.high < theirs.low,
        f"{GARMENT}: {NETWORK} {_interval(ours)}, {SYMMETRY} {_interval(theirs)}; intervals apart "
        "are wanted",
    )
    return [head, nearer, apart]


def _interval(summary: Summary, sign: str = "") -> str:
    mean, low, high = (f"{x:{sign}.4f}" for x in (summary.mean, summary.low, summary.high))
    return f"{mean} [{low}, {high}]"
