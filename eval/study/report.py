"""The report of `study analyze`: as data, as Markdown, and as a page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from eval.evaluation_page import Gallery, pictured
from eval.histogram import histogram
from eval.page import render_page
from eval.study.analysis import Analysis
from eval.study.design import REAL_OR_FAKE
from eval.study.intervals import Share
from eval.study.preference import percent

ROW = 24  # of an interval's picture, in CSS pixels

METHOD = (
    "The interval that is told takes both participants and items for a sample: the variance is "
    "clustered by participant and by item (Cameron, Gelbach and Miller 2011), with Student's t "
    "quantile of the fewer of them less one, in Wilson's interval of the effective number of "
    "answers. Intervals of answers, by participant or by item alone, and the exact binomial "
    "test, which takes each answer for independent, are there for comparison. Won, lost and tied "
    "are pairs by the majority of their answers; alpha is Krippendorff's, the agreement of "
    "participants: 1 where all agree, 0 where they agree as by chance."
)


def report_of(
    sources: Mapping[str, str],
    counts: Mapping[str, int],
    dropped: Mapping[str, int],
    notes: Sequence[str],
    rule: str,
    screened: pd.DataFrame,
    told: Analysis,
    other: Analysis | None,
    first: str,
) -> dict[str, Any]:
    """The report as plain data.

    `notes` qualify the figures: what could not be read, which part of the rule was not applied.
    `told` is the analysis that counts, `other` the one without exclusions (None if the rule
    excludes nobody); `first` is the method that the headlines are about.
    """
    mine = [
        p for p in told.preferences if p.method_a == first or p.question == REAL_OR_FAKE
    ] or told.preferences
    without = {
        (p.question, p.options, p.method_a): p.sentence
        for p in (other.preferences if other else [])
    }
    headlines = [
        {
            "sentence": p.sentence,
            "without_exclusions": without.get((p.question, p.options, p.method_a)),
        }
        for p in mine
    ]
    excluded = screened[screened["excluded"] != ""]
    analyses = [told, other] if other else [told]
    return {
        "sources": dict(sources),
        "headlines": headlines,
        "counts": dict(counts),
        "dropped": dict(dropped),
        "notes": list(notes),
        "rule": rule,
        "excluded": _records(excluded),
        "participants": _records(screened),
        "analyses": [_figures(analysis) for analysis in analyses],
        "method": METHOD,
    }


def _figures(analysis: Analysis) -> dict[str, Any]:
    return {
        "exclusion": analysis.exclusion,
        "preferences": [_plain(row) for row in analysis.rows()],
        "bradley_terry": [_plain(row) for row in analysis.score_rows()],
        "no_bradley_terry": analysis.no_scores,
        "sides": [_plain(row) for row in analysis.side_rows()],
        "consistency": _consistency(analysis.consistency),
    }


def _consistency(share: Share | None) -> dict[str, Any] | None:
    if share is None:
        return None
    low, high = share.participant
    return _plain({"n": share.n, "share": share.share, "low": low, "high": high})


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """NaN as None, because JSON has no NaN."""
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [_plain(row) for row in frame.to_dict("records")]  # type: ignore[arg-type]


def markdown(report: Mapping[str, Any]) -> str:
    """The report in GitHub's Markdown."""
    lines = ["# User study", ""]
    for headline in report["headlines"]:
        lines.append(f"- **{headline['sentence']}.**")
        if headline["without_exclusions"]:
            lines.append(f"  Without exclusions: {headline['without_exclusions']}.")
    for analysis in report["analyses"]:
        lines += ["", f"## {TITLES[analysis['exclusion']]}", ""]
        lines += _table(PREFERENCE_HEADS, [preference_cells(r) for r in analysis["preferences"]])
        if analysis["bradley_terry"]:
            scores = [score_cells(row) for row in analysis["bradley_terry"]]
            lines += ["", *_table(["Bradley-Terry", "score", "95 % interval", "answers"], scores)]
        lines += ["", *_notes(analysis)]
    lines += ["", "## Answers", ""]
    lines += _table(["what", "number"], [[k, str(n)] for k, n in report["counts"].items()])
    lines += ["", *[f"- dropped: {n} {reason}" for reason, n in report["dropped"].items()]]
    lines += [f"- note: {note}" for note in report["notes"]]
    lines += [f"- excluded: {who['participant']}, {who['excluded']}" for who in report["excluded"]]
    lines += [
        "",
        f"The rule excludes participants with {report['rule']}.",
        "",
        report["method"],
        "",
    ]
    return "\n".join(lines)


TITLES = {"filtered": "With the rule's exclusions", "all": "All participants"}
PREFERENCE_HEADS = [
    "A",
    "B",
    "A preferred",
    "95 % interval",
    "answers alone",
    "by participant",
    "by item",
    "exact p",
    "answers",
    "won, lost, tied",
    "alpha",
]


def preference_cells(row: Mapping[str, Any]) -> list[str]:
    """A row of `preferences` as PREFERENCE_HEADS has it."""
    p = row["p_binomial"]
    other = row["method_b"] or (
        "taken for real" if row["question"] == REAL_OR_FAKE else f"best of {len(row['options'])}"
    )
    return [
        row["method_a"],
        other,
        percent(row["preferred"]),
        bounds(row["low"], row["high"]),
        bounds(row["wilson_low"], row["wilson_high"]),
        bounds(row["participant_low"], row["participant_high"]),
        bounds(row["item_low"], row["item_high"]),
        f"{p:.2g}" if p >= 1e-4 else "< 0.0001",
        f"{row['n_chosen']} of {row['n_answers']}",
        f"{row['pairs_won']}, {row['pairs_lost']}, {row['pairs_tied']}",
        "–" if row["alpha"] is None else f"{row['alpha']:.2f}",
    ]


def score_cells(row: Mapping[str, Any]) -> list[str]:
    """A row of `bradley_terry` as printed."""
    interval = "–" if row["low"] is None else f"{row['low']:+.2f} to {row['high']:+.2f}"
    return [row["method"], f"{row['score']:+.2f}", interval, str(row["n"])]


def bounds(low: float | None, high: float | None) -> str:
    """An interval of shares as printed, in per cent."""
    return "–" if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}"


def _notes(analysis: Mapping[str, Any]) -> list[str]:
    """Lines about sides and repeats, and why there are no scores."""
    lines = [
        f"Place {s['place'] + 1} of {s['places']} was chosen in {s['chosen']} of {s['n']} answers: "
        f"{percent(s['share'])}, 95 % interval {bounds(s['low'], s['high'])}; without side bias "
        f"{percent(1 / s['places'])} where places are balanced."
        for s in analysis["sides"]
        if s["place"] < s["places"] - 1
    ]
    if c := analysis["consistency"]:
        lines.append(
            f"Asked again, participants said the same in {percent(c['share'])} of {c['n']} trials, "
            f"95 % interval by participant {bounds(c['low'], c['high'])}."
        )
    return lines + [analysis["no_bradley_terry"]] * bool(analysis["no_bradley_terry"])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return lines + ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]


def page(
    url: str,
    report: Mapping[str, Any],
    shares: Mapping[str, tuple[np.ndarray, float]],
    galleries: Sequence[Gallery],
) -> str:
    """The report as one self-contained HTML page.

    `shares` are, by title, the pairs' shares of answers (N,) for the method, and the share of who
    cannot tell; `galleries` are pairs with their pictures.
    """
    return render_page(
        "study/report.html",
        url=url,
        report=report,
        analyses=[
            {
                "title": TITLES[analysis["exclusion"]],
                "forest": [_forest_row(row) for row in analysis["preferences"]],
                "rows": [preference_cells(row) for row in analysis["preferences"]],
                "scores": _score_rows(analysis["bradley_terry"]),
                "notes": _notes(analysis),
            }
            for analysis in report["analyses"]
        ],
        heads=PREFERENCE_HEADS,
        histograms=[
            {"title": title, "picture": histogram(values, 0.0, 1.0, chance)}
            for title, (values, chance) in shares.items()
        ],
        galleries=[pictured(gallery) for gallery in galleries],
    )


def _forest_row(row: Mapping[str, Any]) -> dict[str, Any]:
    a, b, told, interval, *_ = preference_cells(row)
    naive = (row["wilson_low"], row["wilson_high"])
    picture = interval_picture(
        row["preferred"], (row["low"], row["high"]), row["chance"], (0.0, 1.0), naive
    )
    return {"a": a, "b": b, "told": told, "interval": interval, "picture": picture}


def _score_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    ends = [v for row in rows for v in (row["score"], row["low"], row["high"]) if v is not None]
    axis = (min([*ends, 0.0]) - 0.1, max([*ends, 0.0]) + 0.1)
    return [
        {
            "cells": score_cells(row),
            "picture": interval_picture(row["score"], (row["low"], row["high"]), 0.0, axis),
        }
        for row in rows
    ]


def interval_picture(
    value: float,
    interval: tuple[float | None, float | None],
    mark: float,
    axis: tuple[float, float],
    naive: tuple[float, float] | None = None,
) -> Markup:
    """A value and its interval on an axis, the bar `naive` within it, and a line at `mark`."""

    def x(v: float) -> float:
        return 1000 * (v - axis[0]) / (axis[1] - axis[0])

    def bar(low: float, high: float, kind: str, height: int) -> str:
        top = (ROW - height) / 2
        return (
            f'<rect class="{kind}" x="{x(low):.1f}" y="{top}" '
            f'width="{max(x(high) - x(low), 1):.1f}" height="{height}"/>'
        )

    low, high = interval
    parts = [f'<line x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="0" y2="{ROW}"/>']
    if low is not None and high is not None:
        parts.append(bar(low, high, "interval", 8))
    if naive:
        parts.append(bar(*naive, "naive", 8))
    parts.append(bar(value, value, "value", 16))
    return Markup(
        f'<svg class="plot" viewBox="0 0 1000 {ROW}" preserveAspectRatio="none" role="img" '
        f'aria-label="interval">{"".join(parts)}</svg>'
    )
