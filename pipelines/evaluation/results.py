"""What the committed tables of an evaluation add up to."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from configs.evaluate import Bootstrap
from eval.metrics.variants import MetricVariant, Row
from eval.statistics import Summary, merge, partial_sums, summarise
from pipelines.evaluation.sets import summarise_sets
from pipelines.runs.plan import Plan
from pipelines.runs.tables import read_shards
from workers.data.storage import Store

SHOWN = 24  # pairs on the page: the worst, and a random choice
COLUMNS = {
    "metrics": ["score_id", "method", "item_id", "metric", "value"],
    "scores": ["score_id", "method", "status", "width", "height"],
}
NO_ROWS = pd.DataFrame(columns=["metric", "item_id", "value"])


@dataclass
class Results:
    """What one pass over the tables finds, and, by method and variant, its summary."""

    methods: list[str]
    ranked: MetricVariant | None  # decides which pairs are the worst
    failed: Counter[str] = field(default_factory=Counter)  # by method
    sizes: Counter[str] = field(default_factory=Counter)
    values: dict[Row, np.ndarray] = field(default_factory=dict)
    worst: pd.DataFrame = field(default_factory=pd.DataFrame)  # score_id, value; worst first
    random: pd.DataFrame = field(default_factory=pd.DataFrame)
    summaries: dict[Row, Summary] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)  # what has no value, and why

    @property
    def resolution(self) -> str:
        """The images' sizes, the most frequent first."""
        if len(self.sizes) == 1:
            return next(iter(self.sizes))
        return ", ".join(f"{size} ({n})" for size, n in self.sizes.most_common())


def collect(store: Store, plan: Plan, bootstrap: Bootstrap) -> Results:
    """Read a run's tables and add them up, in any order of the shards to the same result."""
    variants = [MetricVariant.parse(name) for name in plan.identity["weights"]]
    methods = sorted(plan.keys.table.column("method").unique().to_pylist())
    of_pairs = [variant for variant in variants if variant.of == "pair"]
    results = Results(methods, of_pairs[0] if of_pairs else None)
    sums: defaultdict[str, list[pd.DataFrame]] = defaultdict(list)
    values: dict[Row, list[np.ndarray]] = {(m, v): [] for v in of_pairs for m in methods}
    for metrics, scores in zip(
        _frames(store, plan, "metrics"), _frames(store, plan, "scores"), strict=True
    ):
        _count(results, scores)
        _keep_shown(results, metrics if results.ranked else _unranked(scores))
        for method, rows in metrics.groupby("method"):
            sums[str(method)] = [merge([*sums[str(method)], partial_sums(rows)])]
            for name, column in rows.groupby("metric")["value"]:
                values[str(method), MetricVariant.parse(str(name))].append(column.to_numpy())
    for (method, variant), parts in values.items():
        results.values[method, variant] = np.concatenate([np.empty(0), *parts])
        (mine,) = sums[method] or [partial_sums(NO_ROWS)]
        mine = mine[mine["metric"] == str(variant)]
        summary = summarise(mine, bootstrap.seed, bootstrap.replicates)
        results.summaries[method, variant] = summary
    of_sets, absent = summarise_sets(store, plan, [v for v in variants if v.of == "set"], methods)
    results.summaries |= of_sets
    results.absent |= absent
    return results


def _frames(store: Store, plan: Plan, table: str) -> Iterator[pd.DataFrame]:
    for part in read_shards(store, plan, table, COLUMNS[table]):
        yield part.to_pandas()


def _count(results: Results, scores: pd.DataFrame) -> None:
    """Count failed pairs, and the sizes of the others."""
    ok = scores["status"] == "ok"
    results.failed.update(scores.loc[~ok, "method"])
    sizes = zip(scores.loc[ok, "width"], scores.loc[ok, "height"], strict=True)
    results.sizes.update(f"{width:.0f}x{height:.0f}" for width, height in sizes)


def _unranked(scores: pd.DataFrame) -> pd.DataFrame:
    """The pairs of an evaluation that has no metric of pairs, without a value."""
    ok = scores.loc[scores["status"] == "ok", ["score_id"]]
    return ok.assign(metric=str(None), value=np.nan)


def _keep_shown(results: Results, metrics: pd.DataFrame) -> None:
    """Keep the worst pairs so far, and those whose ids' hashes are smallest: a random choice."""
    rows = metrics.loc[metrics["metric"] == str(results.ranked), ["score_id", "value"]]
    if results.ranked:
        rows = rows.dropna()
        sign = 1 if results.ranked.better == "higher" else -1
        rows = rows.assign(badness=rows["value"] * sign)
        results.worst = _first(results.worst, rows, ["badness", "score_id"])
    hashes = [hashlib.sha256(i.encode()).hexdigest() for i in rows["score_id"]]
    results.random = _first(results.random, rows.assign(hash=hashes), ["hash"])


def _first(kept: pd.DataFrame, rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    both = pd.concat([kept, rows]) if len(kept) else rows
    return both.sort_values(by).head(SHOWN)
