"""The statistics of user studies, against other people's implementations and known truths."""

import choix
import krippendorff
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bench.coverage import coverage, crossed, simulate
from eval.study.agreement import krippendorff_alpha
from eval.study.bradley_terry import scores
from eval.study.intervals import Share, share_of, spreads
from eval.study.preference import consistency, preferences, sides
from eval.study.screening import Rule, screen, unapplied


def study(seed: int = 0, people: int = 20, items: int = 30) -> tuple[np.ndarray, ...]:
    """Answers, participants and items of a simulated study with a truth of 0.7."""
    who, what = crossed(people, items)
    return simulate(np.random.default_rng(seed), who, what, 0.7, 0.5, 0.5), who, what


def widths(share: Share) -> list[float]:
    kinds = (share.answers, share.participant, share.item, share.two_way)
    return [high - low for low, high in kinds]


def test_the_interval_of_independent_answers_is_wilsons() -> None:
    answers, who, what = study()
    share = share_of(answers, who, what)
    oracle = binomtest(int(answers.sum()), len(answers)).proportion_ci(method="wilson")
    assert share.answers == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert share.share == answers.mean()
    assert (share.n, share.participants, share.items) == (600, 20, 30)


def test_clustered_variances_are_statsmodels() -> None:
    """Its two-way variance is Cameron, Gelbach and Miller's, each part with its G / (G - 1)."""
    answers, who, what = study()
    kept = np.random.default_rng(1).random(len(answers)) < 0.6  # nothing rests on balance
    answers, who, what = answers[kept].astype(float), who[kept], what[kept]
    found = spreads((answers - answers.mean())[:, None] / len(answers), who, what)
    for kind, groups in (("participant", who), ("item", what)):
        fit = sm.OLS(answers, np.ones(len(answers))).fit(
            cov_type="cluster", cov_kwds={"groups": groups}
        )
        # Its factor has (N - 1) / (N - K), which is 1 for a mean.
        assert found[kind].variance == pytest.approx(np.ravel(fit.cov_params()), rel=1e-9)
    both = sm.OLS(answers, np.ones(len(answers))).fit(
        cov_type="cluster", cov_kwds={"groups": np.column_stack([who, what])}
    )
    assert found["two_way"].variance == pytest.approx(np.ravel(both.cov_params()), rel=1e-9)


def test_intervals_see_through_copied_answers() -> None:
    """Who answers four times as often tells no more, and only Wilson's interval believes it."""
    answers, who, what = study()
    once = share_of(answers, who, what)
    often = share_of(np.tile(answers, 4), np.tile(who, 4), np.tile(what, 4))
    assert often.two_way == pytest.approx(once.two_way, abs=2e-3)
    assert widths(often)[0] == pytest.approx(widths(once)[0] / 2, rel=0.01)


@given(st.data())
def test_intervals_stay_within_bounds_and_hold_the_share(data: st.DataObject) -> None:
    people, items = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    who, what = crossed(people, items)
    answers = np.array(data.draw(st.lists(st.booleans(), min_size=len(who), max_size=len(who))))
    share = share_of(answers, who, what)
    low, high = share.two_way
    if min(people, items) == 1:
        assert np.isnan(low)
        return
    assert 0 <= low <= share.share <= high <= 1
    assert high > low
    assert max(widths(share)) == pytest.approx(widths(share)[3])  # the widest is told
    mirrored = share_of(~answers, who, what)
    assert mirrored.two_way == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_unanimous_answers_count_once_a_participant() -> None:
    who, what = crossed(20, 80)
    share = share_of(np.ones(len(who), bool), who, what)
    assert share.answers.low > 0.997  # of 1,600 answers
    assert 0.8 < share.two_way.low < 0.85  # of 20 people
    assert share.two_way.high == pytest.approx(1)


@pytest.mark.parametrize(
    "setting",
    [
        (20, 80, 20, 0.7, 0.5, 0.5),
        (20, 80, 20, 0.7, 0.3, 0.3),
        (20, 80, 20, 0.7, 0.3, 0.8),
        (20, 80, 5, 0.7, 0.5, 0.5),  # each participant sees a quarter of the items
        (20, 20, 20, 0.9, 0.5, 0.5),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(setting: tuple) -> None:
    """1,000 simulated studies of 20 people whose tastes differ, about items that differ."""
    (answers, *_, two_way), _ = coverage(*setting, repetitions=1000)
    assert 0.93 <= two_way <= 0.97
    assert answers < 0.8  # what a naive interval would be worth


def test_scores_are_choixs() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([1.0, 0.5, 0.0, -0.4, -1.1])
    shown, chosen, data = [], [], []
    for _ in range(400):
        options = rng.choice(5, rng.integers(2, 5), replace=False)
        p = np.exp(truth[options])
        best = rng.choice(options, p=p / p.sum())
        shown.append([f"m{i}" for i in options])
        chosen.append(f"m{best}")
        data.append((best, tuple(i for i in options if i != best)))
    answers = np.arange(400)
    found = {s.method: s for s in scores(shown, chosen, answers % 20, answers // 20)}
    oracle = choix.ilsr_top1(5, data, max_iter=1000)
    assert [found[f"m{i}"].score for i in range(5)] == pytest.approx(oracle, abs=1e-5)
    for i, value in enumerate(truth - truth.mean()):
        assert found[f"m{i}"].interval.low < value < found[f"m{i}"].interval.high


def test_scores_of_two_methods_are_their_share() -> None:
    """Log-odds of the share, and the same cluster variance by the delta method."""
    answers, who, what = study()
    chosen = np.where(answers, "a", "b").tolist()
    best, worst = scores([("a", "b")] * len(answers), chosen, who, what)
    p = answers.mean()
    assert (best.method, worst.method) == ("a", "b")
    assert best.score == pytest.approx(np.log(p / (1 - p)) / 2, abs=1e-6)
    spread = spreads((answers - p)[:, None] / len(answers), who, what)["two_way"]
    half = spread.quantile * np.sqrt(spread.variance[0]) / (p * (1 - p)) / 2
    assert best.interval == pytest.approx((best.score - half, best.score + half), abs=1e-6)


def test_scores_that_nothing_bounds_are_refused() -> None:
    who, what = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    shown = [("a", "b"), ("a", "b"), ("b", "c"), ("b", "c")]
    with pytest.raises(ValueError, match=r"both ways: .*a"):
        scores(shown, ["a", "a", "b", "c"], who, what)


def test_alpha_is_krippendorffs() -> None:
    counts = np.random.default_rng(0).integers(0, 5, (40, 3))
    oracle = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert krippendorff_alpha(counts) == pytest.approx(oracle, abs=1e-12)
    assert krippendorff_alpha(np.array([[3, 0], [0, 4]])) == 1
    assert np.isnan(krippendorff_alpha(np.array([[1, 0], [0, 1]])))  # nobody answered twice
    assert np.isnan(krippendorff_alpha(np.array([[5, 0], [4, 0]])))  # nothing to agree on


def frame(rows: list[tuple]) -> pd.DataFrame:
    """Main answers (participant, question, pair, options, choice)."""
    columns = ["participant", "question", "pair_id", "options", "choice"]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(
        item_id=found["pair_id"],
        role="main",
        answer=np.nan,
        seconds=np.nan,
        trial_id=[f"t{n}" for n in range(len(rows))],
        repeat_of=None,
    )


def test_sides_are_undone_and_majorities_counted() -> None:
    rows = [
        (f"p{who}", "pick", f"i{pair}", options, options.index(chosen))
        for pair, votes in enumerate(["aab", "abb", "ab", "aaa"])
        for who, chosen in enumerate(votes)
        for options in [("a", "b") if who % 2 else ("b", "a")]
    ]
    (found,) = preferences(frame(rows), ["a", "b"])
    assert (found.method_a, found.method_b) == ("a", "b")
    assert found.share.share == 7 / 11
    assert (found.pairs_won, found.pairs_lost, found.pairs_tied) == (2, 1, 1)
    assert found.p_binomial == pytest.approx(binomtest(7, 11).pvalue)
    (other,) = preferences(frame(rows), ["b", "a"])
    assert other.share.share == pytest.approx(4 / 11)
    assert other.sentence.startswith("b was preferred over a in 36.4 % of answers, 95 % interval ")


def test_the_best_of_several_and_real_or_fake() -> None:
    best = [
        (f"p{who}", "pick", f"i{pair}", ("a", "b", "c"), "abc".index(chosen))
        for pair, votes in enumerate(["aab", "cba", "aaa"])
        for who, chosen in enumerate(votes)
    ]
    found = {p.method_a: p for p in preferences(frame(best), [])}
    assert {m: p.share.share for m, p in found.items()} == {"a": 6 / 9, "b": 2 / 9, "c": 1 / 9}
    assert all(p.chance == 1 / 3 and p.method_b is None for p in found.values())
    assert (found["a"].pairs_won, found["a"].pairs_tied, found["b"].pairs_lost) == (2, 1, 2)
    assert found["a"].p_binomial == pytest.approx(binomtest(6, 9, 1 / 3).pvalue)
    real = [
        (f"p{who}", "real_or_fake", f"i{pair}", (method,), choice)
        for method, given in (("a", ["001", "010"]), ("target", ["000", "100"]))
        for pair, votes in enumerate(given)
        for who, choice in enumerate(map(int, votes))
    ]
    fooled, photographs = preferences(frame(real), ["a", "target"])
    assert (fooled.method_a, fooled.share.share) == ("a", 4 / 6)
    assert (photographs.method_a, photographs.share.share) == ("target", 5 / 6)
    assert "a was taken for real in 66.7 % of answers" in fooled.sentence


def test_side_bias_is_of_places_not_methods() -> None:
    rows = [
        ("p", "pick", f"i{n}", ("a", "b")[:: 1 if n % 2 else -1], int(n < 3)) for n in range(12)
    ]
    left, right = sides(frame(rows))
    assert (left.share.share, right.share.share) == (9 / 12, 3 / 12)


def test_consistency_is_of_methods_not_places() -> None:
    first = frame([("p", "pick", "i", ("a", "b"), 0), ("q", "pick", "i", ("a", "b"), 0)])
    swapped = pd.Series([("b", "a")] * 2)
    again = first.assign(options=swapped, choice=[1, 0], repeat_of=first["trial_id"])
    again["trial_id"] = ["r0", "r1"]
    share = consistency(first, again)
    assert share
    assert (share.n, share.share) == (2, 0.5)
    assert consistency(first, again[:0]) is None


def test_the_rule_excludes_and_says_why() -> None:
    rows = frame([(who, "pick", f"i{n}", ("a", "b"), n % 2) for who in "wxyz" for n in range(12)])
    rows["seconds"] = rows["participant"].map({"w": 3.0, "x": 0.4, "y": 3.0, "z": np.nan})
    rows.loc[rows["participant"] == "y", "choice"] = 0
    sentinels = rows[rows["pair_id"].isin(["i0", "i1", "i2", "i3"])].assign(role="sentinel")
    sentinels["answer"] = sentinels["choice"].where(
        (sentinels["participant"] != "z") | (sentinels["pair_id"] == "i0"),
        1 - sentinels["choice"],
    )
    found = screen(pd.concat([rows, sentinels]), Rule()).set_index("participant")["excluded"]
    assert found["w"] == ""
    assert found["x"] == "median 0.40 s an answer"
    assert found["y"] == "100 % of 12 answers at one place"
    assert found["z"] == "1 of 4 sentinel trials right"
    assert unapplied(screen(rows, Rule()), Rule()) == [
        "the rule on sentinel trials was not applied to 4 of 4 participants, who answered none",
        "the rule against hasty participants was not applied to 1 of 4 participants, who have no "
        "known answer times",
    ]
    assert unapplied(screen(rows, Rule()), Rule(sentinels=0, seconds=0)) == []
    few = screen(rows[rows["pair_id"].isin(["i0", "i1"])], Rule(seconds=0))
    assert (few["excluded"] == "").all()  # nine or fewer on one side tell nothing
    assert unapplied(few, Rule(sentinels=0))[1:] == [
        "the rule against answers at one place was not applied to 4 of 4 participants, who chose a "
        "place fewer than 10 times"
    ]
