"""Finished runs of evaluate, as `compare=` reads them."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from configs.evaluate import EvaluateConfig
from eval.metrics.variants import MetricVariant
from pipelines.evaluation.inputs import input_of
from pipelines.runs.lifecycle import finished_run
from pipelines.runs.plan import Plan
from pipelines.runs.tables import read_shards
from workers.albums import Album
from workers.data.storage import Store
from workers.shards.rows import ScoreKey


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
        """Its pictures; they may have been removed since."""
        return planned_album(self.plan, self.store)

    @property
    def methods(self) -> list[str]:
        """Its methods, by name."""
        return sorted(self.plan.keys.table.column("method").unique().to_pylist())

    def values(self, method: str, variant: MetricVariant) -> pd.DataFrame:
        """Rows (pair_id, item_id, value)."""
        rows = (pc.field("method") == method) & (pc.field("metric") == str(variant))
        return self.metrics.filter(rows).select(["pair_id", "item_id", "value"]).to_pandas()


def open_evaluation(url: str) -> Evaluation:
    """The evaluation at a URL; RunError where there is another run, or an unfinished one."""
    return Evaluation(Store(url), finished_run(url, "evaluate"))


def planned_album(plan: Plan, store: Store) -> Album:
    """The pictures of an evaluation's pairs, without masks."""
    config = {**plan.identity["config"], "truth": plan.identity.get("truth"), "out": store.url}
    return input_of(EvaluateConfig.model_validate(config)).album
