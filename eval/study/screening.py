"""Whose answers count: a rule that is fixed beforehand, applied to each participant."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from eval.study.design import MAIN, PICK, SENTINEL

FEW = 10  # with fewer answers, nobody counts as one-sided


class Rule(NamedTuple):
    """When a participant's answers are left out."""

    sentinels: float = 0.8  # a smaller share of the sentinel trials answered right
    seconds: float = 1.0  # a smaller median time an answer
    one_side: float = 0.95  # of two places and more, one has a greater share of the answers

    def __str__(self) -> str:
        return (
            f"fewer than {100 * self.sentinels:g} % of the sentinel trials right, a median below "
            f"{self.seconds:g} s an answer, or more than {100 * self.one_side:g} % of at least "
            f"{FEW} answers at one place"
        )


def screen(answers: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """A row a participant, by name, with what the rule looks at.

    `answers` has participant, role, question, choice, answer (the right place; NaN where there is
    none) and seconds (NaN where unknown). Returns participant, answers, sentinels,
    sentinels_right, seconds (the median), one_side (the share at the place used most) and
    excluded: the reasons, or "". What was not measured excludes nobody.
    """
    rows = [_judge(str(who), mine, rule) for who, mine in answers.groupby("participant")]
    return pd.DataFrame(rows, columns=list(_Screened._fields))


def unapplied(screened: pd.DataFrame, rule: Rule) -> list[str]:
    """What of the rule could not be applied to how many rows of `screen`, and why: a line each."""
    few = (screened["answers"] < FEW) | screened["one_side"].isna()
    lacking = [
        ("on sentinel trials", rule.sentinels > 0, screened["sentinels"] == 0, "answered none"),
        (
            "against hasty participants",
            rule.seconds > 0,
            screened["seconds"].isna(),
            "have no known answer times",
        ),
        (
            "against answers at one place",
            rule.one_side < 1,
            few,
            f"chose a place fewer than {FEW} times",
        ),
    ]
    return [
        f"the rule {which} was not applied to {lacks.sum()} of {len(screened)} participants, who "
        f"{why}"
        for which, asked, lacks, why in lacking
        if asked and lacks.any()
    ]


class _Screened(NamedTuple):
    participant: str
    answers: int
    sentinels: int
    sentinels_right: int
    seconds: float
    one_side: float
    excluded: str


def _judge(participant: str, mine: pd.DataFrame, rule: Rule) -> _Screened:
    main, sentinels = mine[mine["role"] == MAIN], mine[mine["role"] == SENTINEL]
    right = int((sentinels["choice"] == sentinels["answer"]).sum())
    timed = main["seconds"].dropna()
    median = float(timed.median()) if len(timed) else np.nan
    picks = main[main["question"] == PICK]["choice"]  # who is always fooled answers one thing, too
    one_side = float(picks.value_counts(normalize=True).max()) if len(picks) else np.nan
    reasons = []
    if right < rule.sentinels * len(sentinels):
        reasons.append(f"{right} of {len(sentinels)} sentinel trials right")
    if median < rule.seconds:
        reasons.append(f"median {median:.2f} s an answer")
    if len(picks) >= FEW and one_side > rule.one_side:
        reasons.append(f"{100 * one_side:.0f} % of {len(picks)} answers at one place")
    return _Screened(
        participant, len(main), len(sentinels), right, median, one_side, "; ".join(reasons)
    )
