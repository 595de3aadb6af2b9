"""The table `summary` of an evaluation: a row a method and metric."""

import json

import pyarrow as pa

from eval.metrics.variants import MetricVariant, Row
from eval.statistics import Summary
from pipelines.evaluation.results import Results
from pipelines.runs.plan import Plan
from workers.data.tables import SCHEMAS

SUMMARY = "summary.parquet"


def summary_rows(results: Results, plan: Plan) -> pa.Table:
    """The table."""
    rows = [
        {
            "method": method,
            "metric": str(variant),
            "failed": results.failed[method],
            **summary._asdict(),
            "better": variant.better,
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


def read_summaries(table: pa.Table | None) -> dict[Row, Summary]:
    """The summaries that the table holds; none of no table."""
    rows = [] if table is None else table.to_pylist()
    return {
        (row["method"], MetricVariant.parse(row["metric"])): Summary(
            *(row[field] for field in Summary._fields)
        )
        for row in rows
    }
