"""What the answers of a study say of its methods.

Answers are a frame, a row an answer to a main trial: participant, question (pick, real_or_fake),
pair_id, item_id, options (a tuple: the method shown at each place) and choice (the place chosen;
of real_or_fake, 0 is real and 1 fake). A question is about the methods that it shows: a pair of
them, the best of a set, or one that may pass for real.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from eval.study.agreement import krippendorff_alpha
from eval.study.intervals import Share, share_of

REAL_OR_FAKE, REAL = "real_or_fake", "real"


class Preference(NamedTuple):
    """How often a method was chosen.

    `method_b` is the other of two; None of the best of several, and of real_or_fake, where
    "chosen" is "taken for real".
    """

    question: str
    method_a: str
    method_b: str | None
    options: tuple[str, ...]  # all that a trial shows
    chance: float  # the share of who cannot tell
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
            f"{self.method_a} was taken for real" if self.question == REAL_OR_FAKE
            else f"{self.method_a} was preferred over {self.method_b}" if self.method_b
            else f"{self.method_a} was picked as the best of {len(self.options)}"
        )  # fmt: skip
        many = f"{s.n} answers ({s.participants} participants, {s.items} items)"
        if np.isnan(s.two_way.low):
            return f"{what} in {s.share:.1%} of {many}; of one participant or item: no interval"
        low, high = (f"{100 * bound:.1f}" for bound in s.two_way)
        return f"{what} in {percent(s.share)} of {many}, 95 % interval {low}-{high}"


class Side(NamedTuple):
    """How often a place was chosen among trials of as many places; balanced designs expect 1 / k."""

    places: int
    place: int  # from the left, 0 is the first
    share: Share


def percent(share: float) -> str:
    """As the reports print it."""
    return f"{100 * share:.1f} %"


def preferences(answers: pd.DataFrame, order: Sequence[str]) -> list[Preference]:
    """Every question's figures; methods in `order`, others after them by name."""
    found = []
    for question, options, group in _questions(answers, order):
        labels = _labels(group)
        table = votes(group)
        alpha = krippendorff_alpha(table.to_numpy())
        two = len(options) == 2
        for method in options[:1] if two else options:
            label = REAL if question == REAL_OR_FAKE else method
            chosen = (labels == label).to_numpy()
            share = share_of(chosen, group["participant"].to_numpy(), group["item_id"].to_numpy())
            chance = 1 / max(2, len(options))
            p = binomtest(int(chosen.sum()), len(chosen), chance).pvalue
            ahead = lead(table, label)
            found.append(Preference(
                question, method, options[1] if two else None, options, chance, share, float(p),
                int((ahead > 0).sum()), int((ahead < 0).sum()), int((ahead == 0).sum()), alpha,
            ))  # fmt: skip
    return found


def _questions(
    answers: pd.DataFrame, order: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...], pd.DataFrame]]:
    """Answers by question and what it shows, whatever the places."""
    place = {method: k for k, method in enumerate(order)}

    def ordered(options: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(options, key=lambda m: (place.get(m, len(place)), m)))

    shown = answers["options"].map(ordered)
    for (question, options), group in answers.groupby([answers["question"], shown]):
        yield str(question), tuple(options), group  # type: ignore[arg-type]


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
            (REAL, "fake")[choice] if question == REAL_OR_FAKE else options[choice]
            for question, options, choice in zip(
                answers["question"], answers["options"], answers["choice"], strict=True
            )
        ],
        answers.index,
        dtype=object,
    )


def sides(answers: pd.DataFrame) -> list[Side]:
    """Of trials of two and more places: how often each place was chosen."""
    picks = answers[answers["question"] != REAL_OR_FAKE]
    found = []
    for places, group in picks.groupby(picks["options"].map(len)):
        who, what = group["participant"].to_numpy(), group["item_id"].to_numpy()
        found += [
            Side(int(places), place, share_of((group["choice"] == place).to_numpy(), who, what))  # type: ignore[arg-type]
            for place in range(int(places))  # type: ignore[arg-type]
        ]
    return found


def consistency(answers: pd.DataFrame, repeats: pd.DataFrame) -> Share | None:
    """How often who was asked again said the same; None where nobody was.

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
