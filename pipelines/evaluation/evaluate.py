"""`reposer evaluate`: generated images against photographs, as metrics with names and intervals."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from configs.evaluate import EvaluateConfig
from eval.gates import Verdict
from eval.metrics.score import available
from eval.metrics.variants import MetricVariant
from pipelines.evaluation import compare, history
from pipelines.evaluation.gates import check_gates, judge
from pipelines.evaluation.inputs import input_of
from pipelines.evaluation.pairs import Pairs
from pipelines.evaluation.report import write_evaluation
from pipelines.evaluation.results import collect
from pipelines.evaluation.splits import Split
from pipelines.evaluation.summary import SUMMARY, read_summaries, summary_rows
from pipelines.runs import lease
from pipelines.runs.execute import OK, TOO_MANY_FAILED, closing_lines, dry_run, execute
from pipelines.runs.log import log
from pipelines.runs.plan import Plan, RunError, make_plan, read_plan
from workers.data.storage import Store
from workers.data.tables import parquet_bytes
from workers.scoring import ScoreWorker
from workers.shards.keys import Keys
from workers.shards.rows import ScoreKey, failed_score, score_id
from workers.shards.shard import Job

PIXELS = (
    256 * 256
)  # of a row, for the length of shards: it holds numbers, whatever the image's size


class Outcome(NamedTuple):
    """How an evaluation ended: the table `summary`, and whether every gate was passed."""

    summary: pa.Table
    accepted: bool


def run(config: EvaluateConfig, dry: bool = False) -> int:
    """Score, summarise and judge; returns the exit code."""
    if config.compare:
        if dry:
            raise RunError("compare= has no dry run: it reads what two runs have written")
        return compare.run(config)
    if dry:
        plan, job, _ = prepare(config)
        dry_run(job, plan, config)
        return OK
    outcome = _of_a_date(config, config.date.isoformat()) if config.date else evaluate(config)
    return OK if outcome.accepted else TOO_MANY_FAILED


def prepare(config: EvaluateConfig) -> tuple[Plan, Job, dict[MetricVariant, str]]:
    """The plan of an evaluation, what its workers do, and why some metrics will be absent."""
    check_gates(config)
    found, absent = available(
        [MetricVariant.parse(name) for name in dict.fromkeys(config.metrics)],
        Path(config.metric_weights) if config.metric_weights else None,
    )
    if not found:
        raise RunError(f"none of metrics can be computed: {'; '.join(absent.values())}")
    images = input_of(config, frozenset(v.mask for v in found if v.mask))
    split = Split(config.split) if config.split else None
    pairs = images.pairs(split)
    unpaired = config.unpaired or pairs.unpaired
    if unpaired:
        _refuse_without_truth(config, len(pairs.keys))
    facts = {
        "inputs": images.fingerprints(),
        "weights": {str(v): w.sha256 if w else None for v, w in found.items()},
        "excluded": dict(pairs.excluded),
        "split": pairs.split.id if pairs.split else None,
        "forced": _forced(config, pairs),
    }
    if unpaired:
        facts["unpaired"] = True
    if notices := _notices(pairs, unpaired):
        facts["notices"] = notices
    if config.resize:
        facts["resize"] = True
    if config.truth:
        facts["truth"] = config.truth
    worker = partial(ScoreWorker, images.album, found, config.execution.microbatch, config.resize)
    sets = any(variant.of == "set" for variant in found)
    tables = ("features", "metrics", "scores") if sets else ("metrics", "scores")
    job = Job(tables, worker, score_id, failed_score)
    keys = Keys.of(ScoreKey._fields, pairs.keys)
    plan = make_plan("evaluate", config, job, keys, lambda key: key[0], PIXELS, facts)
    return plan, job, absent


def _forced(config: EvaluateConfig, pairs: Pairs) -> str | None:
    """What is wrong with an evaluation that is forced; RunError where it is not forced."""
    if pairs.overlap is None or not pairs.overlap.seen:
        return None
    said = pairs.overlap.sentence
    if not config.force:
        raise RunError(
            f"{said}: score it on its own split's pairs (split=), or force=true, which marks the "
            "results"
        )
    return said


def _refuse_without_truth(config: EvaluateConfig, count: int) -> None:
    """RunError where a metric is asked for that needs a truth for each image."""
    of_pairs = [name for name in config.metrics if MetricVariant.parse(name).of == "pair"]
    if of_pairs:
        raise RunError(
            f"{', '.join(of_pairs)}: the images ({count}) show clothes on other people, so that no "
            "photograph is the truth of any: measure unpaired images by metrics=[fid,kid], against "
            "the photographs of these people; the others want pairs of one item, or truth="
        )


def _notices(pairs: Pairs, unpaired: bool) -> list[str]:
    """What a reader must know of the pairs, beside what forced them."""
    people = len({key.reference for key in pairs.keys})
    said = f"unpaired: clothes on other people, measured against the photographs of {people} people"
    unseen = [pairs.overlap.sentence] if pairs.overlap and not pairs.overlap.seen else []
    return [*([said] if unpaired else []), *pairs.notices, *unseen]


def evaluate(config: EvaluateConfig, earlier: pa.Table | None = None) -> Outcome:
    """Carry out an evaluation and leave summary, tables and report.

    `earlier` is the summary of the last accepted run of a schedule.
    """
    plan, job, absent = prepare(config)
    for variant, reason in absent.items():
        log(f"evaluate: {variant} is absent: {reason}")
    for reason, n in plan.identity["excluded"].items():
        log(f"evaluate: {n} pairs left out, {reason}")
    for notice in plan.identity.get("notices", ()):
        log(f"evaluate: {notice}")
    manifest = execute(job, plan, config)
    code, totals = closing_lines(manifest, config), manifest["totals"]
    store = Store(config.out)
    plan = read_plan(store)  # its shards may be of other lengths than this call would choose
    results = collect(store, plan, config.bootstrap)
    results.absent |= {str(variant): reason for variant, reason in absent.items()}
    verdicts = judge(config.gates, results, read_summaries(earlier))
    if code:
        failed = f"{totals['failed']} of {totals['rows']} pairs failed"
        verdicts.append(
            Verdict(False, f"{failed}, more than max_failed_fraction={config.max_failed_fraction}")
        )
    summary = summary_rows(results, plan)
    store.put(SUMMARY, parquet_bytes(summary))
    written = write_evaluation(store, plan, manifest, results, verdicts)
    for kind, url in {"summary": f"{store.url}/{SUMMARY}", **written}.items():
        print(f"{kind:14} {url}")
    for verdict in verdicts:
        print(f"{'passed' if verdict.passed else 'FAILED':14} {verdict.sentence}")
    return Outcome(summary, all(verdict.passed for verdict in verdicts))


def _of_a_date(config: EvaluateConfig, date: str) -> Outcome:
    """One run of a schedule, which lies at `out`: the same date is the same run."""
    schedule = Store(config.out)
    config = config.model_copy(update={"out": f"{schedule.url}/runs/{date}"})
    with lease.held(schedule, f"the evaluation of {date}", config.lease_seconds) as held:
        outcome = evaluate(config, history.accepted(schedule, date))
        held.ensure()
        history.record(schedule, date, outcome.summary, outcome.accepted)
    return outcome
