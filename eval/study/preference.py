"""What the answers of a study say about its methods.

Answers are a frame, a row an answer to a main trial: participant, question (pick, real_or_fake),
pair_id, item_id, options (a tuple: the method shown at each place) and choice (the place chosen;
of real_or_fake, 0 is real and 1 fake). A question is about the methods that it shows: a pair of
them, the best of a set, or one that may pass for real.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from eval.study.agreement import krippendorff_alpha
from eval.study.design import PICK, REAL_OR_FAKE
from eval.study.intervals import Share, share_of

REAL, FAKE = "real", "fake"  # what may be said of one picture


class Preference(NamedTuple):
    """How often a method was chosen.

    `method_b` is the other of two; None of the best of several, and of real_or_fake, where
    "chosen" is "taken for real".
    """

    question: str
    method_a: str
    method_b: str | None
    options: tuple[str, ...]  # all that a trial shows
    chance: float  # the share expected of guesses
    share: Share
    p_binomial: float  # exact, two-sided, of independent answers at `chance`
    pairs_won: int  # the method has the most votes
    pairs_lost: int
    pairs_tied: int
    alpha: float  # Krippendorff's, of all that these trials' answers may be

    @property
    def sentence(self) -> str:
        """What can be said, with the two-way interval."""
        s = self.share
        what = (
            f"{self.method_a} was taken for real"
            if self.question == REAL_OR_FAKE
            else f"{self.method_a} was preferred over {self.method_b}"
            if self.method_b
            else f"{self.method_a} was picked as the best of {len(self.options)}"
        )
        of = f"({s.n} answers, {s.participants} participants, {s.items} items)"
        if np.isnan(s.two_way.low):
            return f"{what} in {percent(s.share)} of answers, of too few to have an interval {of}"
        low, high = (f"{100 * bound:.1f}" for bound in s.two_way)
        return f"{what} in {percent(s.share)} of answers, 95 % interval {low}-{high} {of}"


class Side(NamedTuple):
    """How often a place was chosen of trials of so many; a balanced design expects 1 / places."""

    places: int
    place: int  # from the left, 0 is the first
    share: Share


def percent(share: float) -> str:
    """As the reports print it."""
    return f"{100 * share:.1f} %"


class Question(NamedTuple):
    """What trials ask, whatever the places: `options` in the study's order, and the answers."""

    kind: str  # pick, real_or_fake
    options: tuple[str, ...]
    answers: pd.DataFrame

    @property
    def title(self) -> str:
        """Whom it is about."""
        first, *others = self.options
        return f"{first} against {', '.join(others)}" if others else f"{first}, real or fake"

    @property
    def chance(self) -> float:
        """The share expected of guesses."""
        return 1 / max(2, len(self.options))

    def label(self, method: str) -> str:
        """The answer that counts for a method; see `votes`."""
        return REAL if self.kind == REAL_OR_FAKE else method


def questions(answers: pd.DataFrame, order: Sequence[str]) -> list[Question]:
    """Answers by question; methods in `order`, others after them by name."""
    rank = {method: k for k, method in enumerate(order)}

    def key(method: str) -> tuple[int, str]:
        return rank.get(method, len(rank)), method

    shown = answers["options"].map(lambda options: tuple(sorted(options, key=key)))
    groups: dict[Any, pd.DataFrame] = dict(iter(answers.groupby([answers["question"], shown])))
    ordered = sorted(groups, key=lambda g: (g[0], [key(method) for method in g[1]]))
    return [Question(kind, options, groups[kind, options]) for kind, options in ordered]


def preferences(answers: pd.DataFrame, order: Sequence[str]) -> list[Preference]:
    """Every question's figures: of two methods for the first, else for each."""
    found = []
    for question in questions(answers, order):
        kind, options, group = question
        labels, table = _labels(group), votes(group)
        alpha = krippendorff_alpha(table.to_numpy())
        two = len(options) == 2
        for method in options[:1] if two else options:
            chosen = (labels == question.label(method)).to_numpy()
            share = share_of(chosen, group["participant"].to_numpy(), group["item_id"].to_numpy())
            p = binomtest(int(chosen.sum()), len(chosen), question.chance).pvalue
            ahead = lead(table, question.label(method))
            found.append(
                Preference(
                    kind,
                    method,
                    options[1] if two else None,
                    options,
                    question.chance,
                    share,
                    float(p),
                    int((ahead > 0).sum()),
                    int((ahead < 0).sum()),
                    int((ahead == 0).sum()),
                    alpha,
                )
            )
    return found


def votes(group: pd.DataFrame) -> pd.DataFrame:
    """Answers to one question -> how often each label was given: pairs x labels."""
    return pd.crosstab(group["pair_id"], _labels(group))


def lead(table: pd.DataFrame, label: str) -> pd.Series:
    """By how many votes of a pair's a label is ahead of the best of the others; of `votes`."""
    mine = table[label] if label in table else pd.Series(0, table.index)
    others = table.drop(columns=label, errors="ignore")
    return mine - (others.max(axis=1) if len(others.columns) else 0)


def _labels(answers: pd.DataFrame) -> pd.Series:
    """What each answer says: the method chosen, or real or fake."""
    return pd.Series(
        [
            (REAL, FAKE)[choice] if question == REAL_OR_FAKE else options[choice]
            for question, options, choice in zip(
                answers["question"], answers["options"], answers["choice"], strict=True
            )
        ],
        answers.index,
        dtype=object,
    )


def sides(answers: pd.DataFrame) -> list[Side]:
    """Of trials of two and more places: how often each place was chosen."""
    picks = answers[answers["question"] == PICK]
    found = []
    for places, group in picks.groupby(picks["options"].map(len)):
        who, what = group["participant"].to_numpy(), group["item_id"].to_numpy()
        found += [
            Side(int(places), place, share_of((group["choice"] == place).to_numpy(), who, what))  # type: ignore[arg-type]
            for place in range(int(places))  # type: ignore[arg-type]
        ]
    return found


def consistency(answers: pd.DataFrame, repeats: pd.DataFrame) -> Share | None:
    """How often participants who were asked again said the same; None if nobody was.

    `repeats` are answers, too, with repeat_of: the trial_id of the first time.
    """
    keys = ["participant", "trial_id"]
    first = answers.assign(first=_labels(answers))[[*keys, "first"]]
    again = repeats.assign(again=_labels(repeats))[["participant", "item_id", "repeat_of", "again"]]
    both = again.rename(columns={"repeat_of": "trial_id"}).merge(first, on=keys)
    if both.empty:
        return None
    same = (both["first"] == both["again"]).to_numpy()
    return share_of(same, both["participant"].to_numpy(), both["item_id"].to_numpy())
