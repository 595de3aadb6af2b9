"""`reposer evaluate compare=[A,B]`: two finished evaluations, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from configs.evaluate import EvaluateConfig
from eval.evaluation_page import Gallery, Shown, comparison_page, number
from eval.metrics.registry import METRICS, Variant
from eval.statistics import Comparison, paired, worst_regressions
from eval.statistics import compare as compare_pairs
from pipelines.evaluation.report import PAGE, thumbnail
from pipelines.evaluation.results import read_shards
from pipelines.runs.execute import OK
from pipelines.runs.lifecycle import finished_run
from pipelines.runs.plan import Plan, RunError
from workers.albums import Album, open_album
from workers.data.storage import Store
from workers.data.tables import parquet_bytes
from workers.shards.rows import ScoreKey

COMPARISON, DIFFERENCES = "comparison.parquet", "differences.parquet"
OURS = {COMPARISON, DIFFERENCES, PAGE}
SAME_PHOTOGRAPHS = ("catalog", "reference")  # inputs that two runs should share


@dataclass(frozen=True)
class Evaluation:
    """A finished run of evaluate."""

    store: Store
    plan: Plan

    @cached_property
    def metrics(self) -> pa.Table:
        """Its rows of `metrics`."""
        columns = ["pair_id", "method", "item_id", "metric", "value"]
        return pa.concat_tables(read_shards(self.store, self.plan, "metrics", columns))

    @cached_property
    def keys(self) -> dict[tuple[str, str], ScoreKey]:
        """Its keys by method and pair id."""
        return {(str(key[1]), str(key[0])): ScoreKey(*key) for key in self.plan.keys}  # type: ignore[arg-type]

    @cached_property
    def album(self) -> Album:
        """Its pictures, which may have gone since."""
        config = {**self.plan.identity["config"], "out": self.store.url}
        return open_album(EvaluateConfig.model_validate(config), body=False)

    @property
    def methods(self) -> list[str]:
        """Its methods, by name."""
        return sorted(self.plan.keys.table.column("method").unique().to_pylist())

    def values(self, method: str, variant: Variant) -> pd.DataFrame:
        """Rows (pair_id, item_id, value)."""
        rows = (pc.field("method") == method) & (pc.field("metric") == str(variant))
        return self.metrics.filter(rows).select(["pair_id", "item_id", "value"]).to_pandas()


def open_evaluation(url: str) -> Evaluation:
    """The evaluation at a URL; RunError where there is another run, or an unfinished one."""
    return Evaluation(Store(url), finished_run(url, "evaluate"))


def run(config: EvaluateConfig) -> int:
    """Compare, and leave a table, the differences and a page; returns the exit code."""
    assert config.compare
    store = Store(config.out)
    if strangers := [file.name for file in store.list() if file.name not in OURS]:
        raise RunError(f"{store.url} is not empty ({strangers[0]}); use another out=")
    a, b = map(open_evaluation, config.compare)
    shared = [name for name in a.plan.identity["weights"] if name in b.plan.identity["weights"]]
    variants = [v for v in map(Variant.parse, shared) if METRICS[v.metric].of == "pair"]
    if not variants:
        raise RunError(f"{a.store.url} and {b.store.url} share no metric of pairs")
    pairs = _methods(config, a, b)
    rows, differences = [], []
    for method_a, method_b in pairs:
        name = method_a if method_a == method_b else f"{method_a} → {method_b}"
        for variant in variants:
            sides = a.values(method_a, variant), b.values(method_b, variant)
            both = paired(*sides)
            better = METRICS[variant.metric].better
            boot = config.bootstrap
            found = compare_pairs(*sides, better, boot.seed, boot.replicates)
            rows.append(_row(name, variant, both, found))
            differences.append(both.assign(method=name, metric=str(variant)))
    store.put(COMPARISON, parquet_bytes(pa.Table.from_pylist(rows)))
    each = pd.concat(differences, ignore_index=True)
    store.put(DIFFERENCES, parquet_bytes(pa.Table.from_pandas(each, preserve_index=False)))
    verdict = [_sentence(row) for row in rows if row["metric"] == shared[0]]
    gallery = _regressions(a, b, pairs, variants[0])
    histograms = {
        f"{row['metric']}, {row['method']}": d["difference"].to_numpy()
        for row, d in zip(rows, differences, strict=True)
    }
    page = comparison_page(
        store.url, {"A": a.store.url, "B": b.store.url}, verdict, _notices(a, b), rows, histograms,
        gallery,
    )  # fmt: skip
    store.put(PAGE, page.encode())
    print("\n".join(verdict))
    for kind, name in (("table", COMPARISON), ("differences", DIFFERENCES), ("page", PAGE)):
        print(f"{kind:14} {store.url}/{name}")
    return OK


def _methods(config: EvaluateConfig, a: Evaluation, b: Evaluation) -> list[tuple[str, str]]:
    """Which method of A is compared with which of B."""
    if config.methods:
        for name, side in zip(config.methods, (a, b), strict=True):
            if name not in side.methods:
                raise RunError(f"{side.store.url} has no method {name} ({', '.join(side.methods)})")
        return [config.methods]
    if len(a.methods) == len(b.methods) == 1:
        return [(a.methods[0], b.methods[0])]
    if not (shared := [(m, m) for m in a.methods if m in b.methods]):
        raise RunError(
            f"the runs share no method; methods=[A,B] names one of {', '.join(a.methods)} and one "
            f"of {', '.join(b.methods)}"
        )
    return shared


def _row(method: str, variant: Variant, both: pd.DataFrame, found: Comparison) -> dict[str, Any]:
    """A row of the table `comparison`; the means are of pairs that both runs have."""
    difference, better = found.difference, METRICS[variant.metric].better
    gain = (difference.low, difference.high) if better == "higher" else (
        -difference.high, -difference.low)  # fmt: skip
    shown = "better" if gain[0] > 0 else "worse" if gain[1] < 0 else "no difference shown"
    return {
        "method": method,
        "metric": str(variant),
        "b_is": shown,
        "n": difference.n,
        "a": float(both["a"].mean()),
        "b": float(both["b"].mean()),
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "wins": found.wins,
        "losses": found.losses,
        "ties": found.ties,
        "unmatched": found.unmatched,
        "definition": variant.definition,
    }


def _sentence(row: Mapping[str, Any]) -> str:
    interval = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
    said = {"better": "B is better", "worse": "B is worse"}.get(row["b_is"], row["b_is"])
    return (
        f"{row['method']}, {row['metric']}: {said}, B - A = {row['difference']:+.4f} {interval}; "
        f"{row['wins']} wins, {row['losses']} losses, {row['ties']} ties over {row['n']} pairs"
        + (f", {row['unmatched']} in one run alone" if row["unmatched"] else "")
    )


def _notices(a: Evaluation, b: Evaluation) -> list[str]:
    """What a reader must know of two runs that do not quite fit each other."""
    one, other = a.plan.identity, b.plan.identity
    notices = [
        f"The runs' photographs differ (fingerprints of {name})."
        for name in SAME_PHOTOGRAPHS
        if one["inputs"].get(name, "") != other["inputs"].get(name, one["inputs"].get(name, ""))
    ]
    if one["split"] != other["split"]:
        notices.append("The runs scored other splits; only pairs of both are compared.")
    for name, identity in (("A", one), ("B", other)):
        if identity["forced"]:
            notices.append(f"{name} was forced: {identity['forced']}.")
        notices += [f"Of {name}: {said}." for said in identity.get("notices", ())]
    return notices


def _regressions(
    a: Evaluation, b: Evaluation, methods: list[tuple[str, str]], variant: Variant
) -> Gallery:
    """The pairs in which B loses most, over all methods."""
    better, found = METRICS[variant.metric].better, []
    for method_a, method_b in methods:
        both = paired(a.values(method_a, variant), b.values(method_b, variant))
        worst = worst_regressions(both, better)
        found.append(worst.assign(method_a=method_a, method_b=method_b))
    ranked = pd.concat(found).sort_values(["loss", "pair_id"], ascending=[False, True]).head(24)
    shown = [
        Shown(
            row["pair_id"] if len(methods) == 1 else f"{row['method_b']} · {row['pair_id']}",
            f"{number(row['a'])} → {number(row['b'])}",
            _pictures(a, b, row),
        )
        for _, row in ranked.iterrows()
    ]
    return Gallery(f"Worst regressions by {variant}", shown)


def _pictures(a: Evaluation, b: Evaluation, row: pd.Series) -> list[tuple[str, bytes]]:
    keys = a.keys[row["method_a"], row["pair_id"]], b.keys[row["method_b"], row["pair_id"]]
    try:
        pairs = a.album.pair(keys[0]), b.album.pair(keys[1])
        source = b.album.source(keys[1])
    except ValueError:  # the runs' numbers stand, though their pictures may have gone
        return []
    pictures: list[tuple[str, np.ndarray]] = [] if source is None else [("source", source)]
    pictures += [("target", pairs[1].reference), ("A", pairs[0].generated)]
    pictures += [("B", pairs[1].generated)]
    return [(title, thumbnail(pixels)) for title, pixels in pictures]
