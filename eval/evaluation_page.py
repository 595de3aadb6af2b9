"""The pages of `reposer evaluate`: self-contained HTML, the verdict first."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from eval.gates import Verdict
from eval.histogram import histogram, value_range
from eval.metrics.variants import MetricVariant, Row
from eval.page import inline, render_page
from eval.statistics import Summary
from eval.tables import ARROWS, Table, cells


@dataclass(frozen=True)
class Shown:
    """A pair on a page: its caption and value, and (title, JPEG) of its pictures."""

    caption: str
    value: str
    pictures: Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Gallery:
    """Pairs shown together."""

    title: str
    pairs: Sequence[Shown]


def evaluation_page(
    url: str,
    manifest: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    notices: Sequence[str],
    tables: Sequence[Table],
    summaries: Mapping[Row, Summary],
    values: Mapping[Row, np.ndarray],
    facts: Sequence[tuple[str, str]],
    absent: Mapping[str, str],
    galleries: Sequence[Gallery],
    failures: Sequence[Mapping[str, Any]],
) -> str:
    """The page of one evaluation.

    `notices` are what a reader must know before any number; `values` (N,) are those behind
    `summaries`, by method and variant; `facts` are lines of the table about the input.
    """
    variants = list(dict.fromkeys(variant for _, variant in summaries))
    return render_page(
        "evaluation_page.html",
        url=url,
        totals=manifest["totals"],
        timings=manifest["timings"],
        verdicts=verdicts,
        accepted=all(verdict.passed for verdict in verdicts),
        leading=_ranking(variants[0], summaries) if variants else "",
        notices=notices,
        summary=[_summary_row(v, summaries) for v in variants],
        methods=list(dict.fromkeys(method for method, _ in summaries)),
        tables=[printed(table) for table in tables],
        distributions=[_distributions(v, summaries, values) for v in variants if v.of == "pair"],
        facts=facts,
        absent=absent,
        galleries=[pictured(gallery) for gallery in galleries],
        failures=failures,
        made_by=_made_by(manifest),
    )


def comparison_page(
    url: str,
    runs: Mapping[str, str],
    verdict: Sequence[str],
    notices: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    differences: Mapping[str, np.ndarray],
    gallery: Gallery,
) -> str:
    """The page of two runs compared.

    `runs` are the URLs by name; `rows` are those of the table `comparison`; `differences` (N,) are
    B - A, by variant.
    """
    histograms = []
    for name, values in differences.items():
        low, high = value_range(np.append(values, 0.0))
        picture = histogram(values, low, high, 0.0)
        histograms.append({"name": name, "low": low, "high": high, "picture": picture})
    return render_page(
        "comparison_page.html",
        url=url,
        runs=runs,
        verdict=verdict,
        notices=notices,
        rows=rows,
        arrows={row["metric"]: _arrow(MetricVariant.parse(row["metric"])) for row in rows},
        histograms=histograms,
        gallery=pictured(gallery),
    )


def _summary_row(variant: MetricVariant, summaries: Mapping[Row, Summary]) -> dict[str, Any]:
    """A line of the table of means: a cell a method."""
    mine = {method: summary for (method, of), summary in summaries.items() if of == variant}
    return {
        "name": str(variant),
        "arrow": _arrow(variant),
        "definition": variant.definition,
        "cells": {method: _mean(summary) for method, summary in mine.items()},
    }


def _ranking(variant: MetricVariant, summaries: Mapping[Row, Summary]) -> str:
    """The methods by one variant, best first."""
    sign = -1 if variant.better == "higher" else 1
    means = sorted(
        (sign * s.mean, method, s.mean) for (method, v), s in summaries.items() if v == variant
    )
    return f"{variant}: " + ", ".join(f"{method} {number(mean)}" for _, method, mean in means)


def number(value: float) -> str:
    """A value as the pages print it."""
    return "–" if np.isnan(value) else f"{value:.4f}"


def _arrow(variant: MetricVariant) -> str:
    return ARROWS[variant.better]


def _mean(summary: Summary) -> dict[str, str]:
    interval = "" if np.isnan(summary.low) else f"{number(summary.low)} to {number(summary.high)}"
    n = f"n = {summary.n}" + (f", {summary.missing} missing" if summary.missing else "")
    return {"mean": number(summary.mean), "interval": interval, "n": n}


def printed(table: Table) -> dict[str, Any]:
    """A table as the pages' templates take it."""
    return {
        "title": table.title,
        "heads": [f"{column.heading} {ARROWS[column.better]}" for column in table.columns],
        "rows": cells(table),
        "notes": table.notes,
    }


def _distributions(
    variant: MetricVariant,
    summaries: Mapping[Row, Summary],
    values: Mapping[Row, np.ndarray],
) -> dict[str, Any]:
    """Histograms of a variant, a method each, on one axis."""
    mine = {method: v for (method, other), v in values.items() if other == variant}
    low, high = value_range(np.concatenate([*mine.values()]))
    pictures: list[tuple[str, Markup]] = [
        (method, histogram(v, low, high, summaries[method, variant].mean))
        for method, v in mine.items()
    ]
    return {"name": str(variant), "low": number(low), "high": number(high), "pictures": pictures}


def pictured(gallery: Gallery) -> dict[str, Any]:
    """A gallery as `gallery.html` takes it."""
    pairs = [
        {
            "caption": pair.caption,
            "value": pair.value,
            "pictures": [(title, inline(jpeg)) for title, jpeg in pair.pictures],
        }
        for pair in gallery.pairs
    ]
    return {"title": gallery.title, "pairs": pairs}


def _made_by(manifest: Mapping[str, Any]) -> dict[str, str]:
    identity = dict(manifest["identity"])
    config = identity.pop("config")
    rest = {"identity": identity, **{k: manifest[k] for k in ("totals", "timings", "versions")}}
    return {"Config": json.dumps(config, indent=2), "Manifest": json.dumps(rest, indent=2)}
