"""A study's answers as figures: plain data for tables, Markdown, JSON and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from eval.study.bradley_terry import Score, scores
from eval.study.design import MAIN, PICK, REPEAT
from eval.study.intervals import Share
from eval.study.preference import (
    Preference,
    Side,
    consistency,
    preferences,
    sides,
)

ALL, FILTERED = "all", "filtered"


@dataclass(frozen=True)
class Analysis:
    """What answers say, with or without those that the rule excludes."""

    exclusion: str  # ALL or FILTERED
    preferences: list[Preference]
    scores: list[Score]  # best first
    no_scores: str  # why there are none of three methods and more
    sides: list[Side]
    consistency: Share | None

    def rows(self) -> list[dict[str, Any]]:
        """Rows of the table `preferences`."""
        return [{"exclusion": self.exclusion, **_row(p)} for p in self.preferences]

    def score_rows(self) -> list[dict[str, Any]]:
        """Rows of the table `bradley_terry`."""
        return [
            {
                "exclusion": self.exclusion,
                "method": s.method,
                "n": s.n,
                "score": s.score,
                "low": s.interval.low,
                "high": s.interval.high,
            }
            for s in self.scores
        ]

    def side_rows(self) -> list[dict[str, Any]]:
        """How often each place was chosen."""
        return [
            {
                "places": s.places,
                "place": s.place,
                "n": s.share.n,
                "chosen": round(s.share.n * s.share.share),
                "share": s.share.share,
                "low": s.share.two_way.low,
                "high": s.share.two_way.high,
            }
            for s in self.sides
        ]


def analyse(answers: pd.DataFrame, order: Sequence[str], exclusion: str) -> Analysis:
    """Figures of answers of every role (see `eval.study.preference`), at least one of them main."""
    main, repeats = answers[answers["role"] == MAIN], answers[answers["role"] == REPEAT]
    ranked, why = _scores(main)
    return Analysis(
        exclusion, preferences(main, order), ranked, why, sides(main), consistency(main, repeats)
    )


def _scores(main: pd.DataFrame) -> tuple[list[Score], str]:
    picks = main[main["question"] == PICK]
    if len({method for options in picks["options"] for method in options}) < 3:
        return [], ""  # two methods' scores would say what their share says
    chosen = [o[c] for o, c in zip(picks["options"], picks["choice"], strict=True)]
    who, what = picks["participant"].to_numpy(), picks["item_id"].to_numpy()
    try:
        return scores(list(picks["options"]), chosen, who, what), ""
    except ValueError as error:
        return [], f"There are no Bradley-Terry scores: {error}."


def _row(p: Preference) -> dict[str, Any]:
    s = p.share
    return {
        "question": p.question,
        "method_a": p.method_a,
        "method_b": p.method_b,
        "options": list(p.options),
        "chance": p.chance,
        "n_answers": s.n,
        "n_chosen": round(s.n * s.share),
        "n_participants": s.participants,
        "n_items": s.items,
        "preferred": s.share,
        "low": s.two_way.low,
        "high": s.two_way.high,
        "wilson_low": s.answers.low,
        "wilson_high": s.answers.high,
        "participant_low": s.participant.low,
        "participant_high": s.participant.high,
        "item_low": s.item.low,
        "item_high": s.item.high,
        "p_binomial": p.p_binomial,
        "pairs_won": p.pairs_won,
        "pairs_lost": p.pairs_lost,
        "pairs_tied": p.pairs_tied,
        "alpha": p.alpha,
        "sentence": p.sentence,
    }
