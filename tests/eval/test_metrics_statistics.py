"""Intervals, merging, comparisons and gates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.gates import no_regression, threshold
from eval.statistics import (
    Summary,
    compare,
    merge,
    paired,
    partial_sums,
    summarise,
    worst_regressions,
)


def rows_of(values, items, metric="ssim_dsc"):
    return pd.DataFrame(
        {
            "metric": metric,
            "pair_id": [f"p{i:05}" for i in range(len(values))],
            "item_id": [f"i{item:04}" for item in items],
            "value": np.asarray(values, np.float64),
        }
    )


def clustered(rng, items=60):
    """Pairs with a true mean of 0: items of 1 to 9 pairs that share a random effect."""
    sizes = rng.integers(1, 10, items)
    item = np.repeat(np.arange(items), sizes)
    return rows_of(rng.normal(0, 1, items)[item] + rng.normal(0, 0.5, len(item)), item)


def test_the_interval_covers_the_truth_on_clustered_pairs():
    rng, covered, naive = np.random.default_rng(0), 0, 0
    runs = 300
    for _ in range(runs):
        rows = clustered(rng)
        summary = summarise(partial_sums(rows), seed=0, replicates=400)
        covered += summary.low <= 0 <= summary.high
        error = 1.96 * rows["value"].std() / np.sqrt(len(rows))
        naive += abs(rows["value"].mean()) <= error
    assert 0.91 <= covered / runs <= 0.98
    assert naive / runs < 0.75  # an interval over pairs would be far too narrow


def test_the_interval_is_the_textbooks_for_one_pair_an_item():
    rng = np.random.default_rng(1)
    rows = rows_of(rng.normal(0.8, 0.1, 4000), range(4000))
    summary = summarise(partial_sums(rows))
    error = 1.96 * rows["value"].std() / np.sqrt(4000)
    assert summary.mean == pytest.approx(rows["value"].mean(), abs=1e-9)
    assert summary.low == pytest.approx(summary.mean - error, abs=0.1 * error)
    assert summary.high == pytest.approx(summary.mean + error, abs=0.1 * error)


VALUES = st.one_of(
    st.floats(-1000, 1000), st.just(float("nan")), st.just(float("inf")), st.just(0.1)
)


@settings(max_examples=100)
@given(data=st.data(), values=st.lists(VALUES, min_size=1, max_size=30))
def test_partial_sums_merge_in_any_order_to_the_same_bits(data, values):
    items = data.draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)))
    rows = rows_of(values, items)
    rows["metric"] = data.draw(
        st.lists(st.sampled_from(["l1", "psnr"]), min_size=len(values), max_size=len(values))
    )
    whole = partial_sums(rows)
    order = data.draw(st.permutations(range(len(values))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3)))
    shards = [
        rows.iloc[list(order[a:b])]
        for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True)
        if a < b
    ]
    merged = merge(partial_sums(shard) for shard in shards)
    pd.testing.assert_frame_equal(merged, whole, check_exact=True)
    assert whole["n"].sum() + whole["missing"].sum() == len(values)  # no pair is dropped


def test_a_summary_depends_on_the_seed_alone():
    sums = partial_sums(clustered(np.random.default_rng(2)))
    summary = summarise(sums, seed=3)
    assert summarise(sums.sample(frac=1, random_state=0), seed=3) == summary
    assert summarise(sums, seed=4) != summary


def test_pairs_without_a_value_are_counted_and_left_out_of_the_mean():
    summary = summarise(partial_sums(rows_of([0.5, np.nan, 0.7, np.nan], [0, 0, 1, 2])))
    assert (summary.n, summary.missing, summary.items) == (2, 2, 2)
    assert summary.mean == pytest.approx(0.6)


def test_equal_images_make_an_infinite_mean_and_bounds_that_are_numbers():
    values = [30.0] * 99 + [np.inf]
    summary = summarise(partial_sums(rows_of(values, range(100), "psnr")))
    assert summary.mean == np.inf
    assert (summary.low, summary.high) == (30.0, np.inf)


def test_one_item_has_no_interval_and_none_no_mean():
    one = summarise(partial_sums(rows_of([0.5, 0.7], [0, 0])))
    assert one.mean == pytest.approx(0.6)
    assert np.isnan(one.low)
    assert np.isnan(one.high)
    none = summarise(partial_sums(rows_of([np.nan], [0])))
    assert (none.n, none.missing) == (0, 1)
    assert np.isnan(none.mean)


def test_a_pair_without_item_is_refused():
    rows = rows_of([0.5], [0]).assign(item_id=None)
    with pytest.raises(ValueError, match="every pair needs an item_id"):
        partial_sums(rows)


def test_a_million_items_are_no_trouble():
    sums = pd.DataFrame(
        {
            "metric": "l1",
            "item_id": np.arange(10**6),
            "n": 7,
            "missing": 0,
            "infinite": 0,
            "total": 2**32,
        }
    )
    summary = summarise(sums, replicates=20)
    assert summary.n == 7 * 10**6
    assert summary.mean == pytest.approx(1 / 7)


def test_paired_differences_are_sharper_than_two_intervals():
    rng = np.random.default_rng(5)
    a = clustered(rng)
    b = a.assign(value=a["value"] + 0.05 + rng.normal(0, 0.02, len(a)))
    result = compare(a, b.sample(frac=1, random_state=0), "higher")
    assert result.difference.mean == pytest.approx(0.05, abs=0.005)
    assert 0.04 < result.difference.low < 0.05 < result.difference.high < 0.06
    assert result.wins > 0.95 * len(a)
    assert result.wins + result.losses + result.ties == len(a)
    assert compare(a, b, "lower").losses == result.wins


def test_comparison_counts_ties_and_what_does_not_join():
    a = rows_of([0.1, 0.2, np.inf, np.nan], [0, 1, 2, 3])
    b = rows_of([0.1, 0.3, np.inf, 0.5, 0.9], [0, 1, 2, 3, 4])
    result = compare(a, b, "higher")
    assert (result.wins, result.losses, result.ties, result.unmatched) == (1, 0, 2, 1)
    assert (result.difference.n, result.difference.missing) == (3, 1)


def test_worst_regressions_come_worst_first():
    a, b = rows_of([0.5, 0.5, 0.5, 0.5], range(4)), rows_of([0.4, 0.6, 0.1, 0.5], range(4))
    pairs = paired(a, b)
    assert list(worst_regressions(pairs, "higher")["pair_id"]) == ["p00002", "p00000"]
    assert list(worst_regressions(pairs, "lower", count=1)["pair_id"]) == ["p00001"]


def test_runs_that_cannot_be_joined_are_refused():
    a = rows_of([0.5, 0.6], [0, 1])
    with pytest.raises(ValueError, match="no pair in common"):
        paired(a, a.assign(pair_id=["x", "y"]))
    with pytest.raises(ValueError, match="run B scores pair p00000 twice"):
        paired(a, pd.concat([a, a]))


ACCEPTED = Summary(100, 0, 40, 0.80, 0.78, 0.82)


def summary_of(mean):
    return Summary(100, 0, 40, mean, mean - 0.02, mean + 0.02)


@pytest.mark.parametrize(
    ("mean", "better", "passed"),
    [(0.8, "higher", True), (0.7, "higher", False), (0.7, "lower", True), (0.8, "lower", False)],
)
def test_threshold(mean, better, passed):
    verdict = threshold("ssim_dsc", better, 0.75, summary_of(mean))
    assert verdict.passed is passed
    assert "ssim_dsc" in verdict.sentence
    assert "0.7500" in verdict.sentence


@pytest.mark.parametrize(
    ("mean", "better", "passed"),
    [
        (0.79, "higher", True),
        (0.77, "higher", False),
        (0.9, "higher", True),
        (0.81, "lower", True),
        (0.83, "lower", False),
        (0.1, "lower", True),
    ],
)
def test_no_regression(mean, better, passed):
    verdict = no_regression("ssim_dsc", better, summary_of(mean), ACCEPTED)
    assert verdict.passed is passed
    if not passed:
        assert "ssim_dsc regressed" in verdict.sentence
        assert "0.8000 [0.7800, 0.8200]" in verdict.sentence


def test_gates_that_cannot_be_judged():
    absent = threshold("lpips_alex", "lower", 0.2, None)
    assert not absent.passed
    assert "lpips_alex has no value" in absent.sentence
    assert no_regression("fid", "lower", summary_of(9.0), None).passed  # the first run
    bare = ACCEPTED._replace(low=np.nan, high=np.nan)
    verdict = no_regression("fid", "lower", summary_of(9.0), bare)
    assert "give a threshold" in verdict.sentence
