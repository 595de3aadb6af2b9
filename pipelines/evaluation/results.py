"""What the committed tables of an evaluation add up to: summaries, distributions, a verdict."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from configs.evaluate import EvaluateConfig, Gate
from eval.metrics.registry import METRICS, Variant
from eval.statistics import (
    NoRegression,
    Summary,
    Threshold,
    Verdict,
    merge,
    partial_sums,
    summarise,
)
from pipelines.runs.plan import Plan, RunError
from workers.data.storage import READERS, Store
from workers.data.tables import SCHEMAS
from workers.shards.shard import read_file

if TYPE_CHECKING:
    from eval.metrics.inception import Features

SHOWN = 24  # pairs on the page: the worst, and a random choice

Row = tuple[str, Variant]  # of a summary: method and variant


@dataclass
class Results:
    """What one pass over the tables finds, and, by method and variant, its summary."""

    methods: list[str]
    ranked: Variant | None  # decides which pairs are the worst
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


def collect(store: Store, plan: Plan, config: EvaluateConfig) -> Results:
    """Read a run's tables, shard by shard, and add them up: the order makes no difference."""
    variants = [Variant.parse(name) for name in plan.identity["weights"]]
    methods = sorted(plan.keys.table.column("method").unique().to_pylist())
    pair_variants = [v for v in variants if METRICS[v.metric].of == "pair"]
    results = Results(methods, pair_variants[0] if pair_variants else None)
    sums: dict[str, pd.DataFrame] = {}
    values: dict[Row, list[np.ndarray]] = {(m, v): [] for v in pair_variants for m in methods}
    for metrics, scores in zip(
        _frames(store, plan, "metrics"), _frames(store, plan, "scores"), strict=True
    ):
        good = scores[scores["status"] == "ok"]
        results.failed.update(scores.loc[scores["status"] != "ok", "method"])
        results.sizes.update(
            f"{w:.0f}x{h:.0f}" for w, h in zip(good["width"], good["height"], strict=True)
        )
        for method, rows in metrics.rename(columns={"metric": "variant"}).groupby("method"):
            part = partial_sums(rows)
            sums[str(method)] = merge([sums[str(method)], part]) if method in sums else part
            for variant, column in rows.groupby("variant")["value"]:
                values[str(method), Variant.parse(str(variant))].append(column.to_numpy())
        _keep_shown(results, metrics)
    results.values = {row: np.concatenate([np.empty(0), *parts]) for row, parts in values.items()}
    for method, variant in values:
        mine = sums.get(method, partial_sums(pd.DataFrame(columns=["variant", "item_id", "value"])))
        mine = mine[mine["variant"] == str(variant)]
        boot = config.bootstrap
        results.summaries[method, variant] = summarise(mine, boot.seed, boot.replicates)
    _add_sets(results, store, plan, [v for v in variants if v not in pair_variants])
    return results


def _frames(store: Store, plan: Plan, table: str) -> Iterator[pd.DataFrame]:
    columns = {"metrics": ["score_id", "method", "item_id", "metric", "value"],
               "scores": ["score_id", "method", "status", "width", "height"]}[table]  # fmt: skip
    for read in read_shards(store, plan, table, columns):
        yield read.to_pandas()


def read_shards(store: Store, plan: Plan, table: str, columns: list[str]) -> Iterator[pa.Table]:
    """A table's files in the order of the shards, a few ahead: on object storage it is waiting."""
    with ThreadPoolExecutor(READERS) as pool:
        names = [shard.file(table) for shard in plan.shards]
        for start in range(0, len(names), READERS):
            part = names[start : start + READERS]
            yield from pool.map(lambda name: read_file(store, name, columns), part)


def _keep_shown(results: Results, metrics: pd.DataFrame) -> None:
    """Keep the worst pairs so far, and those whose ids' hashes are smallest: a random choice."""
    if results.ranked is None:
        return
    rows = metrics.loc[metrics["metric"] == str(results.ranked), ["score_id", "value"]].dropna()
    hashes = [hashlib.sha256(i.encode()).hexdigest() for i in rows["score_id"]]
    sign = 1 if METRICS[results.ranked.metric].better == "higher" else -1
    rows = rows.assign(badness=rows["value"] * sign, hash=hashes)
    for name, by in (("worst", ["badness", "score_id"]), ("random", ["hash"])):
        both = pd.concat([getattr(results, name), rows]) if len(getattr(results, name)) else rows
        setattr(results, name, both.sort_values(by).head(SHOWN))


def _add_sets(results: Results, store: Store, plan: Plan, variants: Sequence[Variant]) -> None:
    """Metrics of whole sets of images; every pair counts once on either side."""
    if not variants:
        return
    from eval.metrics.inception import SET_METRICS  # seconds, spent where it is asked for

    for variant in variants:
        column = "logits" if variant.metric == "is_10" else "pool"
        parts = read_shards(store, plan, "features", ["score_id", "method", "role", "crop", column])
        wanted = pc.field("crop") == variant.crop
        features = pa.concat_tables([part.filter(wanted) for part in parts])
        for method in results.methods:
            mine = features.filter(pc.field("method") == method)
            sides = [_side(mine, role, column) for role in ("generated", "reference")]
            try:
                estimate = SET_METRICS[variant.metric](*sides)
            except ValueError as error:
                results.absent[f"{variant} of {method}"] = str(error)
                continue
            n = mine.filter(pc.field("role") == "generated").num_rows
            nan = float("nan")
            results.summaries[method, variant] = Summary(n, 0, n, estimate.value, nan, nan)


def _side(features: pa.Table, role: str, column: str) -> "Features":
    """One side's features in the order of ids; the column that was not read is empty."""
    from eval.metrics.inception import Features, in_id_order

    rows = features.filter(pc.field("role") == role)
    values = np.frombuffer(b"".join(rows.column(column).to_pylist()), "<f4")
    values = values.reshape(rows.num_rows, -1) if rows.num_rows else np.empty((0, 1), np.float32)
    empty = np.empty((rows.num_rows, 0), np.float32)
    both = Features(empty, values) if column == "logits" else Features(values, empty)
    return in_id_order(rows.column("score_id").to_pylist(), both)


def check_gates(config: EvaluateConfig) -> None:
    """Refuse gates that could never be judged."""
    for gate in config.gates:
        if gate.metric not in config.metrics:
            raise RunError(f"the gate on {gate.metric} wants {gate.metric} among metrics")
        if gate.no_regression and METRICS[Variant.parse(gate.metric).metric].of == "set":
            raise RunError(f"{gate.metric} is of a whole set and has no interval: give its gate "
                           "worst: VALUE")  # fmt: skip
        if gate.no_regression and config.date is None:
            raise RunError(
                f"no_regression of {gate.metric} compares with earlier dates: give date="
            )


def judge(
    gates: Sequence[Gate], results: Results, accepted: Mapping[Row, Summary]
) -> list[Verdict]:
    """Each gate's verdict, for each method it is about; `accepted` is of the last accepted run."""
    verdicts = []
    for gate in gates:
        variant = Variant.parse(gate.metric)
        better = METRICS[variant.metric].better
        for method in [gate.method] if gate.method else results.methods:
            name = f"{method}: {variant}" if len(results.methods) > 1 else str(variant)
            current = results.summaries.get((method, variant))
            verdicts.append(
                NoRegression(name, better).judge(current, accepted.get((method, variant)))
                if gate.worst is None
                else Threshold(name, better, gate.worst).judge(current)
            )
    return verdicts


def accepted_summaries(table: pa.Table | None) -> dict[Row, Summary]:
    """The summaries that a table `summary` holds."""
    rows = [] if table is None else table.to_pylist()
    return {
        (row["method"], Variant.parse(row["metric"])): Summary(*(row[f] for f in Summary._fields))
        for row in rows
    }


def summary_rows(results: Results, plan: Plan) -> pa.Table:
    """The table `summary`."""
    rows = [
        {
            "method": method,
            "metric": str(variant),
            "failed": results.failed[method],
            **summary._asdict(),
            "better": METRICS[variant.metric].better,
            "definition": variant.definition,
            "resolution": results.resolution,
            "crop": variant.crop,
            "weights_sha256": plan.identity["weights"][str(variant)],
            "inputs": json.dumps(plan.identity["inputs"]),
            "split": plan.identity["split"],
            "forced": plan.identity["forced"] is not None,
        }
        for (method, variant), summary in results.summaries.items()
    ]
    return pa.Table.from_pylist(rows, SCHEMAS["summary"])
