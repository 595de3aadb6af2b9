"""`reposer evaluate compare=[A,B]`: two finished evaluations, pair by pair."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from configs.evaluate import Bootstrap, EvaluateConfig
from eval.evaluation_page import Gallery, Shown, comparison_page, number
from eval.metrics.variants import MetricVariant
from eval.statistics import Comparison, compare, paired, worst_regressions
from pipelines.evaluation.finished import Evaluation, open_evaluation
from pipelines.evaluation.report import PAGE, thumbnail
from pipelines.runs.execute import OK
from pipelines.runs.plan import RunError
from workers.data.storage import Store
from workers.data.tables import parquet_bytes

COMPARISON, DIFFERENCES = "comparison.parquet", "differences.parquet"
OURS = {COMPARISON, DIFFERENCES, PAGE}
SAME_PHOTOGRAPHS = ("catalog", "reference")  # inputs that two runs should share


class Compared(NamedTuple):
    """A metric of a method of A and one of B."""

    row: dict[str, Any]  # of the table `comparison`
    pairs: pd.DataFrame  # of the table `differences`


def run(config: EvaluateConfig) -> int:
    """Compare, and leave a table, the differences and a page; returns the exit code."""
    assert config.compare
    store = Store(config.out)
    if strangers := [file.name for file in store.list() if file.name not in OURS]:
        raise RunError(f"{store.url} is not empty ({strangers[0]}); use another out=")
    a, b = map(open_evaluation, config.compare)
    variants, methods = _variants(a, b), _methods(config, a, b)
    found = [
        _compared(a, b, pair, variant, config.bootstrap) for pair in methods for variant in variants
    ]
    rows = [compared.row for compared in found]
    store.put(COMPARISON, parquet_bytes(pa.Table.from_pylist(rows)))
    each = pd.concat([compared.pairs for compared in found], ignore_index=True)
    store.put(DIFFERENCES, parquet_bytes(pa.Table.from_pandas(each, preserve_index=False)))
    verdict = [_sentence(row) for row in rows if row["metric"] == str(variants[0])]
    page = comparison_page(
        store.url,
        {"A": a.store.url, "B": b.store.url},
        verdict,
        _notices(a, b),
        rows,
        {f"{c.row['metric']}, {c.row['method']}": c.pairs["difference"].to_numpy() for c in found},
        _regressions(a, b, methods, variants[0]),
    )
    store.put(PAGE, page.encode())
    print("\n".join(verdict))
    for kind, name in (("table", COMPARISON), ("differences", DIFFERENCES), ("page", PAGE)):
        print(f"{kind:14} {store.url}/{name}")
    return OK


def _variants(a: Evaluation, b: Evaluation) -> list[MetricVariant]:
    """The metrics of pairs that both runs have."""
    names = [name for name in a.plan.identity["weights"] if name in b.plan.identity["weights"]]
    variants = [v for v in map(MetricVariant.parse, names) if v.of == "pair"]
    if not variants:
        raise RunError(f"{a.store.url} and {b.store.url} share no metric of pairs")
    return variants


def _compared(
    a: Evaluation,
    b: Evaluation,
    methods: tuple[str, str],
    variant: MetricVariant,
    bootstrap: Bootstrap,
) -> Compared:
    name = methods[0] if methods[0] == methods[1] else " → ".join(methods)
    sides = a.values(methods[0], variant), b.values(methods[1], variant)
    pairs = paired(*sides)
    found = compare(*sides, variant.better, bootstrap.seed, bootstrap.replicates)
    return Compared(
        _row(name, variant, pairs, found), pairs.assign(method=name, metric=str(variant))
    )


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


def _row(
    method: str, variant: MetricVariant, pairs: pd.DataFrame, found: Comparison
) -> dict[str, Any]:
    """A row of the table `comparison`; the means are of pairs that both runs have."""
    difference = found.difference
    up, down = ("better", "worse") if variant.better == "higher" else ("worse", "better")
    shown = up if difference.low > 0 else down if difference.high < 0 else "no difference shown"
    return {
        "method": method,
        "metric": str(variant),
        "b_is": shown,
        "n": difference.n,
        "a": float(pairs["a"].mean()),
        "b": float(pairs["b"].mean()),
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
    a: Evaluation, b: Evaluation, methods: list[tuple[str, str]], variant: MetricVariant
) -> Gallery:
    """The pairs in which B loses most, over all methods."""
    found = []
    for method_a, method_b in methods:
        both = paired(a.values(method_a, variant), b.values(method_b, variant))
        worst = worst_regressions(both, variant.better)
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
