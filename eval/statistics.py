"""Means with intervals, and differences between two runs.

Pairs of one item (a garment on one person) are alike, so intervals come from a bootstrap over
items, not pairs: only each item's count and sum of values matter, however many pairs there are.
The sums are whole numbers (of 2^-32), so partial sums of shards merge exactly, in any order.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from eval.metrics.registry import Better

UNIT = 2.0**-32  # of the sums: 2^31 / value pairs an item before they overflow
REPLICATES = 2000
CONFIDENCE = 0.95
DRAWS_AT_ONCE = 2**22  # bounds the bootstrap's memory, about 100 MB

KEYS = ["metric", "item_id"]
COUNTS = ["n", "missing", "infinite", "total"]


class Summary(NamedTuple):
    """A metric's mean over pairs with its 95 % interval.

    `missing` pairs have no value (NaN) and are in no mean. The bounds are NaN of fewer than two
    items, whose spread is unknown.
    """

    n: int
    missing: int
    items: int
    mean: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Two runs, pair by pair: `difference` is B - A; B wins where it is better."""

    difference: Summary
    wins: int
    losses: int
    ties: int
    unmatched: int  # pairs that only one of the runs has


def partial_sums(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows (metric, item_id, value), one a pair -> KEYS and COUNTS, one an item, sorted.

    NaN is counted as missing and inf (the PSNR of equal images) as infinite; neither is summed.
    ValueError of a row without item: a grouping would lose it.
    """
    if rows["item_id"].isna().any():
        raise ValueError("every pair needs an item_id; a pair of no item is an item of its own")
    value = rows["value"].to_numpy(np.float64)
    finite = np.isfinite(value)
    counts = pd.DataFrame(
        {
            "metric": rows["metric"].to_numpy(),
            "item_id": rows["item_id"].to_numpy(),
            "n": (~np.isnan(value)).astype(np.int64),
            "missing": np.isnan(value).astype(np.int64),
            "infinite": np.isposinf(value).astype(np.int64),
            "total": np.rint(np.where(finite, value, 0) / UNIT).astype(np.int64),
        }
    )
    return merge([counts])


def merge(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Partial sums of shards as one: associative and commutative, to the bit."""
    return pd.concat(list(parts)).groupby(KEYS, sort=True, as_index=False)[COUNTS].sum()


def summarise(sums: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Summary:
    """One metric's partial sums -> its mean and interval.

    The percentile bootstrap over items, seeded; items count in the order of their ids, so the
    result depends on nothing but the sums. Bounds are order statistics, not interpolated: an
    infinite PSNR stays infinite.
    """
    sums = sums.sort_values("item_id")
    n, missing = int(sums["n"].sum()), int(sums["missing"].sum())
    counted = sums[sums["n"] > 0]
    counts = counted["n"].to_numpy(np.float64)
    totals = counted["total"].to_numpy(np.float64) * UNIT
    totals[counted["infinite"].to_numpy() > 0] = np.inf
    if n == 0:
        return Summary(0, missing, 0, np.nan, np.nan, np.nan)
    mean = float(totals.sum() / n)
    interval = _interval(totals, counts, seed, replicates)
    return Summary(n, missing, len(counts), mean, *interval)


def summarise_ratio(rows: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Summary:
    """Rows (item_id, value, reference) -> the sum of values over that of references.

    With its interval by the same bootstrap over items. A row with NaN on either side is missing.
    """
    good = rows.dropna(subset=["value", "reference"])
    sums = good.groupby("item_id", sort=True)[["value", "reference"]].sum()
    totals, references = (sums[name].to_numpy(np.float64) for name in ("value", "reference"))
    if not references.sum() > 0:
        return Summary(0, len(rows), 0, np.nan, np.nan, np.nan)
    interval = _interval(totals, references, seed, replicates)
    ratio = float(totals.sum() / references.sum())
    return Summary(len(good), len(rows) - len(good), len(sums), ratio, *interval)


def _interval(
    totals: np.ndarray, counts: np.ndarray, seed: int, replicates: int
) -> tuple[float, float]:
    """The bounds of sum(totals) / sum(counts), of items (N,); NaN of fewer than two."""
    if len(counts) < 2:
        return np.nan, np.nan
    means = _bootstrap_means(totals, counts, seed, replicates)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)


def _bootstrap_means(
    totals: np.ndarray, counts: np.ndarray, seed: int, replicates: int
) -> np.ndarray:
    """Means over pairs, (replicates,), of as many items drawn with replacement."""
    rng, items = np.random.default_rng(seed), len(totals)
    at_once = max(1, DRAWS_AT_ONCE // items)
    means = []
    for start in range(0, replicates, at_once):
        drawn = rng.integers(items, size=(min(at_once, replicates - start), items))
        means.append(totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def paired(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """One metric's rows (pair_id, item_id, value) of two runs, joined by pair.

    Returns pair_id, item_id, a, b and difference = b - a (0 between equal values, infinite ones
    too), sorted by pair_id. ValueError if a pair comes twice in a run, or the runs share none.
    """
    for name, rows in (("A", a), ("B", b)):
        twice = rows["pair_id"][rows["pair_id"].duplicated()]
        if len(twice):
            raise ValueError(f"run {name} scores pair {twice.iloc[0]} twice")
    joined = (
        a[["pair_id", "item_id", "value"]]
        .rename(columns={"value": "a"})
        .merge(b[["pair_id", "value"]].rename(columns={"value": "b"}), on="pair_id")
        .sort_values("pair_id", ignore_index=True)
    )
    if joined.empty:
        raise ValueError("the two runs have no pair in common")
    equal = joined["a"] == joined["b"]
    with np.errstate(invalid="ignore"):
        joined["difference"] = np.where(equal, 0.0, joined["b"] - joined["a"])
    return joined


def compare(
    a: pd.DataFrame, b: pd.DataFrame, better: Better, seed: int = 0, replicates: int = REPLICATES
) -> Comparison:
    """One metric's rows (pair_id, item_id, value) of runs A and B; see `paired`."""
    pairs = paired(a, b)
    gain = pairs["difference"] * (1 if better == "higher" else -1)
    rows = pairs.assign(metric="difference").rename(columns={"difference": "value"})
    rows.loc[np.isinf(rows["value"]), "value"] = np.nan  # it has no mean
    return Comparison(
        summarise(partial_sums(rows), seed, replicates),
        wins=int((gain > 0).sum()),
        losses=int((gain < 0).sum()),
        ties=int((gain == 0).sum()),
        unmatched=len(a) + len(b) - 2 * len(pairs),
    )


def worst_regressions(pairs: pd.DataFrame, better: Better, count: int = 24) -> pd.DataFrame:
    """Of rows as `paired` returns: the `count` in which B loses most, worst first."""
    loss = pairs["difference"] * (-1 if better == "higher" else 1)
    ranked = pairs.assign(loss=loss)[loss > 0]
    return ranked.sort_values(["loss", "pair_id"], ascending=[False, True]).head(count)
