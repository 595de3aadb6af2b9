"""Designs of studies: balanced exactly, by construction, whatever the seed."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.study.balance import balance_lines, check_balance
from eval.study.design import (
    DAMAGED,
    MAIN,
    PICK,
    PRACTICE,
    REAL_OR_FAKE,
    REPEAT,
    SENTINEL,
    TARGET,
    DesignError,
    Numbers,
    Trial,
    arrangements,
    check,
    make_design,
    step,
)

PAPER = [("OURS", "DSC"), ("OURS", "DPT"), ("OURS", "VUNET")]


def spread(counts: Counter) -> set[int]:
    """The counts there are."""
    return set(counts.values())


def assert_balanced(trials: list[Trial], comparisons: list[tuple[str, ...]]) -> None:
    """Every way to be uneven, counted one by one."""
    main = [t for t in trials if t.role == MAIN]
    slots, pairs = {t.slot for t in main}, {t.pair for t in main}
    for comparison in comparisons:
        mine = [t for t in main if set(t.options) == set(comparison)]
        assert spread(Counter(t.pair for t in mine)) == {len(mine) // len(pairs)}
        for place in range(len(comparison)):
            for method in comparison:
                here = [t for t in mine if t.options[place] == method]
                share = len(mine) // len(comparison)
                assert Counter(t.slot for t in here) == dict.fromkeys(slots, share // len(slots))
                assert Counter(t.pair for t in here) == dict.fromkeys(pairs, share // len(pairs))
    ranks = defaultdict(list)
    for slot in slots:
        for rank, trial in enumerate(t for t in main if t.slot == slot):
            ranks[trial.pair].append(rank)
    middle = (len(main) // len(slots) - 1) / 2
    assert {sum(r) / len(r) for r in ranks.values()} == {middle}


def test_the_papers_study_is_balanced_exactly() -> None:
    trials = make_design(PICK, PAPER, Numbers(80, 50, 50, 2, 4, 4), seed=0)
    assert_balanced(trials, PAPER)
    main = [t for t in trials if t.role == MAIN]
    assert len(main) == 80 * 50 * 3
    assert spread(Counter((t.pair, frozenset(t.options)) for t in main)) == {50}
    assert spread(Counter((t.slot, t.pair, frozenset(t.options)) for t in main)) == {1}
    balance = check_balance(trials, round_size=6)
    assert balance.exact
    assert balance.participants_per_pair == (50, 50)
    assert {(p.a_pair, p.a_participant) for p in balance.places} == {((25, 25), (40, 40))}
    assert balance_lines(balance)[-1] == "balanced exactly"


@settings(max_examples=40)
@given(st.data())
def test_whatever_is_not_refused_is_balanced(data: st.DataObject) -> None:
    width = data.draw(st.integers(2, 4))
    methods = [f"m{i}" for i in range(width * 2 - 1)]
    comparisons = [tuple(methods[:width]), tuple(methods[width - 1 :])][
        : data.draw(st.integers(1, 2))
    ]
    numbers = Numbers(
        data.draw(st.integers(1, 24)),
        data.draw(st.integers(1, 24)),
        data.draw(st.integers(1, 24)),
        data.draw(st.integers(0, 3)),
        data.draw(st.integers(0, 3)),
        data.draw(st.integers(0, 2)),
        data.draw(st.booleans()),
    )
    seed = data.draw(st.integers(0, 5))
    try:
        check(PICK, comparisons, numbers)
    except DesignError:
        return
    trials = make_design(PICK, comparisons, numbers, seed)
    balance = check_balance(trials, width * len(comparisons))
    assert balance.within_one
    mine = numbers.n_pairs * numbers.participants_per_pair // numbers.participants
    assert balance.exact == (mine % width == 0)
    if balance.exact:
        assert_balanced(trials, comparisons)
    seen = Counter((t.pair, t.slot) for t in trials if t.role == MAIN)
    people = Counter(pair for pair, _ in seen)
    assert people == dict.fromkeys(range(numbers.n_pairs), numbers.participants_per_pair)


@pytest.mark.parametrize(("comparisons", "pairs"), [([("OURS", "SWAPNET")], 73), (PAPER, 9)])
def test_an_odd_number_of_pairs_is_balanced_to_within_one(
    comparisons: list[tuple[str, ...]], pairs: int
) -> None:
    """The paper's study of garment transfer has 73 samples and 50 people."""
    numbers = Numbers(pairs, 50, 50, 2, 4, 2)
    with pytest.raises(DesignError, match=r"use \d+ or \d+, or balance=within_one"):
        check(PICK, comparisons, numbers)
    trials = make_design(PICK, comparisons, numbers._replace(within_one=True), seed=0)
    main = [t for t in trials if t.role == MAIN]
    assert len(main) == pairs * 50 * len(comparisons)
    balance = check_balance(trials, 2 * len(comparisons))
    assert (balance.exact, balance.within_one) == (False, True)
    sides = {(p.a_pair, p.a_participant) for p in balance.places}
    assert sides == {((25, 25), (pairs // 2, pairs // 2 + 1))}
    assert balance.rank == ((pairs * len(comparisons) - 1) / 2,) * 2
    said = "balanced exactly for every pair, and to within one for every participant"
    assert balance_lines(balance)[-1] == said


def test_few_may_see_each_pair() -> None:
    trials = make_design(PICK, PAPER, Numbers(80, 50, 10), seed=3)
    assert_balanced(trials, PAPER)
    seen = {(t.slot, t.pair) for t in trials}
    assert spread(Counter(pair for _, pair in seen)) == {10}
    assert spread(Counter(slot for slot, _ in seen)) == {16}
    shared = Counter(frozenset(p for s, p in seen if s == slot) for slot in range(50))
    assert spread(shared) == {2}  # a team's two alone see the same


def test_every_round_holds_every_arrangement() -> None:
    trials = make_design(PICK, PAPER, Numbers(8, 4, 4), seed=1)
    for slot in range(4):
        mine = [t.options for t in trials if t.slot == slot]
        for start in range(0, len(mine), 6):
            assert spread(Counter(mine[start : start + 6])) == {1}
            assert len(set(mine[start : start + 6])) == 6


def test_a_pairs_comparisons_are_far_apart() -> None:
    trials = make_design(PICK, PAPER, Numbers(24, 2, 2), seed=1)
    where = defaultdict(list)
    for trial in trials:
        where[trial.slot, trial.pair].append(trial.position)
    assert min(b - a for places in where.values() for a, b in pairwise(places)) > 12


def test_the_seed_decides() -> None:
    numbers = Numbers(12, 4, 4, 1, 2, 2)
    designs = [make_design(PICK, PAPER, numbers, seed) for seed in (0, 0, 1)]
    assert designs[0] == designs[1]
    assert designs[0] != designs[2]
    slots = [[t.options for t in designs[0] if t.slot == s and t.role == MAIN] for s in range(4)]
    assert len({tuple(s) for s in slots}) == 4


@pytest.mark.parametrize("question", [PICK, REAL_OR_FAKE])
def test_practice_sentinels_and_repeats(question: str) -> None:
    comparisons = [("A", "B")] if question == PICK else [("A",)]
    numbers = Numbers(12, 4, 4, practice=2, sentinels=4, repeats=4)
    trials = make_design(question, comparisons, numbers, seed=0)
    for slot in range(4):
        mine = [t for t in trials if t.slot == slot]
        assert [t.position for t in mine] == list(range(len(mine)))
        assert Counter(t.role for t in mine) == {MAIN: 12, PRACTICE: 2, SENTINEL: 4, REPEAT: 4}
        assert [t.role for t in mine[:2]] == [PRACTICE] * 2
        for known in (t for t in mine if t.role in (PRACTICE, SENTINEL)):
            assert known.answer is not None
            if question == PICK:
                assert known.options[known.answer] == TARGET
                assert Counter(known.options) == {TARGET: 1, DAMAGED: 1}
            else:
                assert known.options == ((TARGET,) if known.answer == 0 else (DAMAGED,))
        assert Counter(t.answer for t in mine if t.role == SENTINEL) == {0: 2, 1: 2}
        for again in (t for t in mine if t.role == REPEAT):
            assert again.repeat_of is not None
            first = mine[again.repeat_of]
            assert (first.role, first.pair) == (MAIN, again.pair)
            assert again.position > first.position + 2
            turned = first.options[::-1] if question == PICK else first.options
            assert again.options == turned
        assert len({t.repeat_of for t in mine if t.role == REPEAT}) == 4


def test_real_and_fake_are_shown_equally_often() -> None:
    trials = make_design(REAL_OR_FAKE, [("A",), ("B",)], Numbers(8, 4, 4), seed=0)
    assert Counter(t.options for t in trials) == {("A",): 16, ("B",): 16, (TARGET,): 32}
    assert spread(Counter((t.pair, t.options) for t in trials)) == {2, 4}
    assert spread(Counter((t.slot, t.answer) for t in trials)) == {8}
    assert all(t.answer == (t.options != (TARGET,)) for t in trials)
    assert check_balance(trials, 4).exact


def test_the_check_finds_what_is_uneven() -> None:
    trials = make_design(PICK, PAPER, Numbers(8, 4, 4), seed=0)
    turned = [t._replace(options=t.options[::-1]) if n == 0 else t for n, t in enumerate(trials)]
    balance = check_balance(turned, 6)
    assert not balance.exact
    assert balance_lines(balance)[-1] == "NOT balanced exactly"
    assert any("1 to 2" in line or "2 to 3" in line for line in balance_lines(balance))
    swapped = [*trials]
    swapped[0], swapped[8] = swapped[8], swapped[0]
    assert not check_balance(swapped, 6).exact


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (
            Numbers(80, 51, 50),
            "participants=51 cannot balance sides and order exactly: use 50 or 52",
        ),
        (Numbers(80, 1, 2), "participants=1 cannot balance sides and order exactly: use 2"),
        (Numbers(80, 50, 25), "per_pair=25 cannot balance sides and order exactly: use 24 or 26"),
        (Numbers(80, 50, 52), "there are only participants=50"),
        (Numbers(81, 50, 50), "cannot balance sides exactly: use 80 or 82"),
        (Numbers(4, 4, 4, repeats=13), "repeats=13: sessions of 12 questions have room for 6"),
    ],
)
def test_what_cannot_be_balanced_is_refused(numbers: Numbers, said: str) -> None:
    with pytest.raises(DesignError, match=said):
        make_design(PICK, PAPER, numbers, 0)


@pytest.mark.parametrize(
    ("question", "comparisons"),
    [(PICK, [("A",)]), (PICK, [("A", "B"), ("A", "B", "C")]), (REAL_OR_FAKE, [("A", "B")])],
)
def test_comparisons_suit_the_question(question: str, comparisons: list) -> None:
    with pytest.raises(DesignError, match=f"question={question} wants comparisons of"):
        make_design(question, comparisons, Numbers(4, 4, 4), 0)


def test_steps_name_the_pairs_that_balance() -> None:
    numbers = Numbers(1, 12, 4)
    by = step(PICK, [("A", "B")], numbers)
    assert by == 6
    for pairs in range(1, 25):
        fits = pairs % by == 0
        try:
            check(PICK, [("A", "B")], numbers._replace(n_pairs=pairs))
            assert fits
        except DesignError:
            assert not fits
    assert len(arrangements(PICK, "ABC")) == 3
