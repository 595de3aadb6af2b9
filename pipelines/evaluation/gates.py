"""The gates of an evaluation's config: may they be judged, and are they passed."""

from collections.abc import Mapping, Sequence

from configs.evaluate import EvaluateConfig, Gate
from eval.gates import Verdict, no_regression, threshold
from eval.metrics.variants import MetricVariant, Row
from eval.statistics import Summary
from pipelines.evaluation.results import Results
from pipelines.runs.plan import RunError


def check_gates(config: EvaluateConfig) -> None:
    """Refuse gates that could never be judged."""
    for gate in config.gates:
        if gate.metric not in config.metrics:
            raise RunError(f"the gate on {gate.metric} wants {gate.metric} among metrics")
        if gate.no_regression and MetricVariant.parse(gate.metric).of == "set":
            raise RunError(
                f"{gate.metric} is of a whole set and has no interval: give its gate worst: VALUE"
            )
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
        variant = MetricVariant.parse(gate.metric)
        for method in [gate.method] if gate.method else results.methods:
            row = method, variant
            name = f"{method}: {variant}" if len(results.methods) > 1 else str(variant)
            current = results.summaries.get(row)
            verdicts.append(
                no_regression(name, variant.better, current, accepted.get(row))
                if gate.worst is None
                else threshold(name, variant.better, gate.worst, current)
            )
    return verdicts
