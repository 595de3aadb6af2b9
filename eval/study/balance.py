"""The design check: how evenly a study shows its methods, counted from its questions alone."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from eval.study.design import MAIN, Trial


class Spread(NamedTuple):
    """The least and the most of counts that should be equal."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.least:g}" if self.least == self.most else f"{self.least:g} to {self.most:g}"

    @staticmethod
    def of(counts: "pd.DataFrame | pd.Series") -> "Spread":
        """Over all cells of a table of counts."""
        return Spread(float(counts.to_numpy().min()), float(counts.to_numpy().max()))


class Place(NamedTuple):
    """How often a method stands at a place of a comparison."""

    comparison: str
    method: str
    place: int  # from 0 at the left
    a_pair: Spread
    a_participant: Spread


class Balance(NamedTuple):
    """The design check of a study's main questions."""

    places: list[Place]
    participants_per_pair: Spread  # people who answer a comparison of a pair
    questions: Spread  # of a participant
    rank: (
        Spread  # a pair's mean rank in its participants' orders; the middle is (questions - 1) / 2
    )
    rounds_alike: bool  # each round of a participant holds the same arrangements

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON takes it; spreads are [least, most]."""
        places = [place._asdict() for place in self.places]
        return {**self._asdict(), "places": places, "exact": self.exact}

    @property
    def exact(self) -> bool:
        """Whether nothing is more often than its like."""
        places = [spread for place in self.places for spread in (place.a_pair, place.a_participant)]
        spreads = [*places, self.participants_per_pair, self.questions, self.rank]
        return self.rounds_alike and all(s.least == s.most for s in spreads)

    @property
    def within_one(self) -> bool:
        """Whether pairs are balanced exactly, and each participant's sides to within one."""
        exact = [place.a_pair for place in self.places]
        exact += [self.participants_per_pair, self.questions, self.rank]
        near = [place.a_participant for place in self.places]
        return all(s.least == s.most for s in exact) and all(s.most - s.least <= 1 for s in near)


def check_balance(trials: Sequence[Trial], round_size: int) -> Balance:
    """Count the main questions of a design whose rounds have `round_size` questions."""
    main = pd.DataFrame([t for t in trials if t.role == MAIN], columns=list(Trial._fields))
    main["rank"] = main.groupby("slot").cumcount()
    main["round"] = main["rank"] // round_size
    # A photograph that is shown alone stands for every method.
    main["comparison"] = [
        " · ".join(sorted(o)) if len(o) > 1 else "real or fake" for o in main["options"]
    ]
    main["shown"] = [" | ".join(o) for o in main["options"]]
    seen = pd.crosstab([main["comparison"], main["pair"]], main["slot"])
    participants = (seen > 0).sum(axis=1)
    rounds = [pd.crosstab(mine["round"], mine["shown"]) for _, mine in main.groupby("slot")]
    return Balance(
        _places(main),
        Spread.of(participants),
        Spread.of(main.groupby("slot").size()),
        Spread.of(main.groupby("pair")["rank"].mean()),
        all((counts == counts.iloc[0]).all(axis=None) for counts in rounds),
    )


def _places(main: pd.DataFrame) -> list[Place]:
    rows = pd.DataFrame(
        [
            (comparison, pair, slot, method, place)
            for comparison, pair, slot, options in main[
                ["comparison", "pair", "slot", "options"]
            ].itertuples(index=False)
            for place, method in enumerate(options)
        ],
        columns=["comparison", "pair", "slot", "method", "place"],
    )
    found = []
    for comparison, mine in rows.groupby("comparison"):
        cell = [mine["method"], mine["place"]]
        pairs, slots = pd.crosstab(mine["pair"], cell), pd.crosstab(mine["slot"], cell)
        for at, (method, place) in enumerate(pairs.columns):
            spreads = Spread.of(pairs.iloc[:, at]), Spread.of(slots.iloc[:, at])
            found.append(Place(str(comparison), method, int(place), *spreads))
    return found


def balance_lines(balance: Balance) -> list[str]:
    """The design check for a terminal."""
    rows = [("comparison", "method", "place", "times a pair", "times a participant")]
    rows += [
        (p.comparison, p.method, str(p.place + 1), str(p.a_pair), str(p.a_participant))
        for p in balance.places
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [
        *table,
        f"people who see each pair: {balance.participants_per_pair}; main questions a participant: "
        f"{balance.questions}",
        f"mean rank of a pair in its participants' orders: {balance.rank}",
        "every round of a participant holds the same arrangements: "
        + ("yes" if balance.rounds_alike else "no"),
        _verdict(balance),
    ]


def _verdict(balance: Balance) -> str:
    if balance.exact:
        return "balanced exactly"
    if balance.within_one:
        return "balanced exactly for every pair, and to within one for every participant"
    return "NOT balanced exactly"
