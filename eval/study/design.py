"""The design of a study: who answers which questions, in which order, on which side.

Balance is built, not drawn. Participants come in teams whose members see the same pairs: where one
sees A left of B the other sees A on the right, and one's order is the other's backwards. A
participant's session is made of rounds, and each round holds every comparison once in every
arrangement of its sides. Chance decides only what balance leaves open.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PICK, REAL_OR_FAKE = "pick", "real_or_fake"
PRACTICE, MAIN, REPEAT, SENTINEL = "practice", "main", "repeat", "sentinel"
TARGET, SOURCE, DAMAGED = "target", "source", "damaged"  # stand among the methods
# The source and the photograph of the pose where clothes are shown on other people.
GARMENT, PERSON = "garment", "person"

Options = tuple[str, ...]


class DesignError(ValueError):
    """No balanced design fits the numbers; the message says which would."""


class Trial(NamedTuple):
    """A question of a participant."""

    slot: int  # the participant's number, from 0
    position: int  # in the session, from 0
    role: str
    pair: int  # a main or repeated question's pair; others' pictures are drawn by number, too
    options: Options  # the method at each place, left to right
    answer: int | None  # the right place, where there is one; real_or_fake: 0 real, 1 fake
    repeat_of: int | None  # the position of the question that is asked again


class Numbers(NamedTuple):
    """How large a study is."""

    n_pairs: int
    participants: int
    participants_per_pair: int
    practice: int = 0  # questions a participant, as the next two
    sentinels: int = 0
    repeats: int = 0
    within_one: bool = False  # whether a participant's sides may differ by one


def arrangements(question: str, comparison: Sequence[str]) -> list[Options]:
    """The ways to show a comparison, equally often each.

    The methods in each rotation; for real_or_fake the method's picture, and the photograph.
    """
    if question == REAL_OR_FAKE:
        return [(comparison[0],), (TARGET,)]
    return [(*comparison[k:], *comparison[:k]) for k in range(len(comparison))]


def step(question: str, comparisons: Sequence[Sequence[str]], numbers: Numbers) -> int:
    """The number of pairs must be a multiple of this, for all participants to see as many pairs.

    And each of them each arrangement equally often, or nearly, where numbers allow that.
    """
    ways = 1 if numbers.within_one else _ways(question, comparisons)
    whole = numbers.participants * ways
    return whole // math.gcd(whole, numbers.participants_per_pair)


def check(question: str, comparisons: Sequence[Sequence[str]], numbers: Numbers) -> None:
    """Refuse numbers that no balanced design fits, naming near ones that do; see `DesignError`."""
    ways = _ways(question, comparisons)
    people, per_pair = numbers.participants, numbers.participants_per_pair
    for name, value in (("participants", people), ("participants_per_pair", per_pair)):
        if value % _team(ways):
            raise DesignError(
                f"{name}={value} cannot balance sides and order exactly: use "
                f"{_near(value, _team(ways))}"
            )
    if per_pair > people:
        raise DesignError(f"participants_per_pair={per_pair}: there are only participants={people}")
    by = step(question, comparisons, numbers)
    if numbers.n_pairs % by:
        nearly = step(question, comparisons, numbers._replace(within_one=True))
        hint = "" if numbers.n_pairs % nearly else ", or balance=within_one"
        raise DesignError(
            f"n_pairs={numbers.n_pairs}, seen by {per_pair} of {people} participants, cannot "
            f"balance sides exactly: use {_near(numbers.n_pairs, by)}{hint}"
        )
    mine = numbers.n_pairs * per_pair // people
    # Half of the people meet a short round first, and one round less before the middle.
    early = max(_early(mine // ways) - bool(mine % ways), 0)
    if numbers.repeats > (most := early * ways * len(comparisons)):
        raise DesignError(
            f"repeats={numbers.repeats}: sessions of {mine * len(comparisons)} questions "
            f"have room for {most}"
        )


def make_design(
    question: str, comparisons: Sequence[Sequence[str]], numbers: Numbers, seed: int
) -> list[Trial]:
    """All questions of a study, by slot and position; the same for the same arguments.

    `comparisons` are the methods of each kind of question, of one length. Raises DesignError where
    the numbers do not balance.
    """
    check(question, comparisons, numbers)
    rng = np.random.default_rng(seed)
    team = _team(_ways(question, comparisons))
    teams, per_pair = numbers.participants // team, numbers.participants_per_pair // team
    assigned = _assign(numbers.n_pairs, teams, per_pair, rng)
    slots = rng.permutation(numbers.participants)  # so that neighbours are no team
    sessions: dict[int, list[Trial]] = {}
    for t, pairs in enumerate(assigned):
        orders = [
            tuple(c) if question == REAL_OR_FAKE else tuple(rng.permutation(c).tolist())
            for c in comparisons
        ]
        ways = [arrangements(question, order) for order in orders]
        rounds = _session(pairs, len(comparisons), len(ways[0]), rng)
        early = _early(len(pairs) // len(ways[0])) * len(rounds[0])
        cells = [cell for cells in rounds for cell in cells]
        for member in range(team):
            shown = [(pair, c, (way + member) % len(ways[c])) for pair, c, way in cells]
            main = [(pair, ways[c], way) for pair, c, way in shown[:: -1 if member % 2 else 1]]
            slot = int(slots[t * team + member])
            sessions[slot] = _numbered(slot, question, main, numbers, early, rng)
    return [trial for slot in sorted(sessions) for trial in sessions[slot]]


def _ways(question: str, comparisons: Sequence[Sequence[str]]) -> int:
    sizes = {len(comparison) for comparison in comparisons}
    wanted = "one method" if question == REAL_OR_FAKE else "two or more methods, all as many"
    if len(sizes) != 1 or (min(sizes) == 1) != (question == REAL_OR_FAKE):
        raise DesignError(f"question={question} wants comparisons of {wanted}")
    return len(arrangements(question, comparisons[0]))


def _team(ways: int) -> int:
    """Members of a team: every arrangement, and both orders, equally often."""
    return ways if ways % 2 == 0 else 2 * ways


def _near(value: int, multiple: int) -> str:
    return " or ".join(
        str(n)
        for n in sorted({value // multiple * multiple, -(-value // multiple) * multiple} - {0})
    )


def _early(rounds: int) -> int:
    """The first half of the rounds, whose questions may be repeated in the last third."""
    return rounds // 2


def _assign(pairs: int, teams: int, per_pair: int, rng: np.random.Generator) -> list[list[int]]:
    """The pairs that each team sees: each pair by `per_pair` teams, each team as many as others."""
    share = pairs * per_pair // teams
    dealt = [{(t * share + i) % pairs for i in range(share)} for t in range(teams)]
    for _ in range(20 * teams if teams > 1 else 0):  # trades keep both counts and mix who sees what
        a, b = rng.choice(teams, 2, replace=False)
        both, ours = dealt[a] & dealt[b], len(dealt[a] - dealt[b])
        pool = rng.permutation(sorted(dealt[a] ^ dealt[b])).tolist()
        dealt[a], dealt[b] = both | set(pool[:ours]), both | set(pool[ours:])
    return [sorted(mine) for mine in dealt]


def _session(
    pairs: Sequence[int], comparisons: int, ways: int, rng: np.random.Generator
) -> list[list[tuple[int, int, int]]]:
    """A session's rounds of (pair, comparison, arrangement), each of the latter two once a round.

    A pair's comparisons lie as far apart as rounds allow. Pairs that are left over make one short
    round, the last.
    """
    order = rng.permutation(pairs)
    whole = len(order) // ways
    blocks = order[: whole * ways].reshape(-1, ways)
    places = [
        [blocks[(r + c * whole // comparisons) % whole] for c in range(comparisons)]
        for r in range(whole)
    ]
    if len(order) > whole * ways:
        places.append([order[whole * ways :]] * comparisons)
    rounds = []
    for mine in places:
        shuffled = [rng.permutation(block) for block in mine]
        cells = [(int(p), c, w) for c, block in enumerate(shuffled) for w, p in enumerate(block)]
        rounds.append([cells[i] for i in rng.permutation(len(cells))])
    return rounds


def _numbered(
    slot: int,
    question: str,
    main: Sequence[tuple[int, list[Options], int]],
    numbers: Numbers,
    early: int,
    rng: np.random.Generator,
) -> list[Trial]:
    """A session of (pair, arrangements, the one shown) with practice, sentinels and repeats.

    The first `early` questions may be repeated.
    """
    count, ways = len(main), len(main[0][1])
    placed: list[tuple[float, Trial]] = [
        (at, _asked(slot, MAIN, question, pair, options[way]))
        for at, (pair, options, way) in enumerate(main)
    ]
    every = count / (numbers.sentinels + 1)
    between = [every * (s + 1) - 0.5 for s in range(numbers.sentinels)]
    for role, places in ((PRACTICE, range(-numbers.practice, 0)), (SENTINEL, between)):
        answers = rng.permutation([(i + slot) % ways for i in range(len(places))]).tolist()
        pairs = rng.choice(numbers.n_pairs, len(places), replace=len(places) > numbers.n_pairs)
        for at, answer, pair in zip(places, answers, pairs.tolist(), strict=True):
            shown = tuple(TARGET if i == answer else DAMAGED for i in range(len(main[0][1][0])))
            placed.append((at, Trial(slot, 0, role, pair, shown, answer, None)))
    asked_again = _repeated([way for *_, way in main[:early]], ways, numbers.repeats, slot, rng)
    for r, at in enumerate(asked_again):
        pair, options, way = main[at]
        again = options[way if question == REAL_OR_FAKE else (way + 1) % ways]
        late = count - count / 3 * (r + 0.5) / numbers.repeats
        placed.append((max(late, early), _asked(slot, REPEAT, question, pair, again, at)))
    placed.sort(key=lambda entry: entry[0])
    position = {at: p for p, (at, trial) in enumerate(placed) if trial.role == MAIN}
    return [
        trial._replace(
            position=p, repeat_of=None if trial.repeat_of is None else position[trial.repeat_of]
        )
        for p, (_, trial) in enumerate(placed)
    ]


def _repeated(
    shown: Sequence[int], ways: int, repeats: int, slot: int, rng: np.random.Generator
) -> list[int]:
    """Which of the first questions are asked again, each arrangement in turn."""
    order = rng.permutation(len(shown)).tolist()
    by_way = [[at for at in order if shown[at] == way] for way in range(ways)]
    return [by_way[(r + slot) % ways][r // ways] for r in range(repeats)]


def _asked(
    slot: int, role: str, question: str, pair: int, options: Options, repeat_of: int | None = None
) -> Trial:
    answer = int(options[0] != TARGET) if question == REAL_OR_FAKE else None
    return Trial(slot, 0, role, pair, options, answer, repeat_of)
