"""How often 95 % intervals of a share hold the truth: `python -m bench.coverage`.

The studies are simulated: their preference is known, and participants and items differ. A true 95 %
interval holds the preference in 95 % of them.
"""

import numpy as np
from scipy.stats import norm

from eval.study.intervals import Share, share_of

KINDS = ("answers", "participant", "item", "two_way")
SETTINGS = [  # participants, items, views, preference, sd of participants and of items
    (20, 80, 20, 0.7, 0.5, 0.5),
    (20, 80, 20, 0.7, 0.3, 0.3),
    (20, 80, 20, 0.7, 1.0, 0.5),
    (20, 80, 20, 0.7, 0.3, 0.8),
    (20, 80, 5, 0.7, 0.5, 0.5),
    (20, 20, 20, 0.7, 0.5, 0.5),
    (20, 80, 20, 0.9, 0.5, 0.5),
    (50, 80, 25, 0.6, 0.3, 0.3),
    (10, 10, 10, 0.7, 0.5, 0.5),
    (20, 80, 20, 0.7, 0.0, 0.0),
]


def main(repetitions: int = 1000) -> None:
    """Print every setting's coverage, by what the interval takes to be independent."""
    print(f"coverage of 95 % intervals, {repetitions} simulated studies a row")
    print("people items views truth  sd    answers  by participant  by item  two-way (width)")
    for setting in SETTINGS:
        people, items, views, truth, *sd = setting
        rates, width = coverage(*setting, repetitions=repetitions)
        print(
            f"{people:6} {items:5} {views:5} {truth:5} {sd[0]}/{sd[1]}  {rates[0]:7.1%} "
            f"{rates[1]:15.1%} {rates[2]:8.1%} {rates[3]:8.1%} ({100 * width:.1f})"
        )


def coverage(
    participants: int,
    items: int,
    views: int,
    preference: float,
    participant_sd: float,
    item_sd: float,
    repetitions: int = 1000,
    seed: int = 0,
) -> tuple[np.ndarray, float]:
    """The share of studies (4,) whose interval holds the truth, by KINDS; two_way's mean width."""
    rng = np.random.default_rng(seed)
    who, what = crossed(participants, items, views)
    holds, width = np.zeros(len(KINDS)), 0.0
    for _ in range(repetitions):
        answers = simulate(rng, who, what, preference, participant_sd, item_sd)
        share: Share = share_of(answers, who, what)
        found = [getattr(share, kind) for kind in KINDS]
        holds += [low <= preference <= high for low, high in found]
        width += share.two_way.high - share.two_way.low
    return holds / repetitions, width / repetitions


def simulate(
    rng: np.random.Generator,
    participant: np.ndarray,
    item: np.ndarray,
    preference: float,
    participant_sd: float,
    item_sd: float,
) -> np.ndarray:
    """Answers (N,) bool, true for the method preferred in a share `preference` of all answers.

    A probit model with crossed random effects: that share is exact over new participants and
    new items. `participant` and `item` (N,) are numbers from 0; the standard deviations are of the
    effects, where that of a single answer is 1.
    """
    total = np.sqrt(1 + participant_sd**2 + item_sd**2)
    people = rng.normal(0, participant_sd, participant.max() + 1)
    items = rng.normal(0, item_sd, item.max() + 1)
    taste = norm.ppf(preference) * total + people[participant] + items[item]
    return taste + rng.normal(size=len(taste)) > 0


def crossed(participants: int, items: int, views: int | None = None) -> tuple[np.ndarray, ...]:
    """Participant and item numbers (N,) of a study; each item seen by `views`, in turn."""
    participant, item = np.divmod(np.arange(participants * items), items)
    seen = (participant - item) % participants < (views or participants)
    return participant[seen], item[seen]


if __name__ == "__main__":
    main()
