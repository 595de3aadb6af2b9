"""Metrics of whole sets of images, from the features that the workers have stored."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eval.metrics.registry import METRICS, OfSets
from eval.metrics.variants import MetricVariant, Row
from eval.statistics import Summary
from pipelines.runs.plan import Plan
from pipelines.runs.tables import read_shards
from workers.data.storage import Store
from workers.shards.rows import ScoreKey, score_id

REFERENCE = ScoreKey._fields.index("reference")


def summarise_sets(
    store: Store, plan: Plan, variants: Sequence[MetricVariant], methods: Sequence[str]
) -> tuple[dict[Row, Summary], dict[str, str]]:
    """The values by method and variant; and, by name, why one is absent.

    Every pair counts once on either side; where pairs are unpaired, every photograph does.
    """
    photographs = (
        {score_id(key): str(key[REFERENCE]) for key in plan.keys}
        if plan.identity.get("unpaired")
        else None
    )
    summaries: dict[Row, Summary] = {}
    absent: dict[str, str] = {}
    for variant in variants:
        compute = METRICS[variant.metric].compute
        assert isinstance(compute, OfSets)
        columns = ["score_id", "method", "role", "crop", compute.feature]
        wanted = pc.field("crop") == variant.crop
        parts = read_shards(store, plan, "features", columns)
        features = pa.concat_tables([part.filter(wanted) for part in parts])
        for method in methods:
            mine = features.filter(pc.field("method") == method)
            by_role = {role: mine.filter(pc.field("role") == role) for role in compute.roles}
            if photographs and "reference" in by_role:
                by_role["reference"] = _each_once(by_role["reference"], photographs)
            try:
                value = compute.load()(*(_in_id_order(t, compute) for t in by_role.values()))
            except ValueError as error:
                absent[f"{variant} of {method}"] = str(error)
                continue
            n = by_role["generated"].num_rows
            summaries[method, variant] = Summary(n, 0, n, value, np.nan, np.nan)
    return summaries, absent


def _each_once(features: pa.Table, photographs: Mapping[str, str]) -> pa.Table:
    """One row a photograph; `photographs` names it by score_id."""
    rows: dict[str, int] = {}
    for row, pair in enumerate(features.column("score_id").to_pylist()):
        rows.setdefault(photographs[pair], row)
    return features.take(list(rows.values()))


def _in_id_order(table: pa.Table, compute: OfSets) -> np.ndarray:
    """A side's features (N, channels) float32, in the order of the pairs' ids."""
    from eval.metrics.inception import in_id_order  # seconds, for torch-fidelity

    values = np.frombuffer(b"".join(table.column(compute.feature).to_pylist()), "<f4")
    values = values.reshape(table.num_rows, -1) if table.num_rows else np.empty((0, 1), np.float32)
    return in_id_order(table.column("score_id").to_pylist(), values)
