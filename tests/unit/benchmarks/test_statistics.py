"""Intervals hold the truth as often as they say, and resample what is independent."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.statistics import (
    bootstrap_medians,
    geometric_mean_estimate,
    median_estimate,
    pooled_median,
    ratio_estimate,
)


def test_the_interval_holds_the_estimate_and_narrows_with_more_values() -> None:
    random = np.random.default_rng(3)
    widths = []
    for count in (8, 200):
        found = median_estimate([random.normal(10, 1, count).tolist()])
        assert found.low <= found.value <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 3


def test_an_interval_of_95_per_cent_misses_the_truth_about_as_often() -> None:
    random = np.random.default_rng(5)
    missed = 0
    for _ in range(200):
        found = median_estimate([random.lognormal(0, 0.5, 25).tolist()])
        missed += not found.low <= 1 <= found.high
    assert 0.01 <= missed / 200 <= 0.1


def test_restarts_are_what_is_independent() -> None:
    """Three processes, each far from the others and steady in itself: thirty values that are worth three."""
    restarts = [[1.0 + 0.001 * i for i in range(10)], [1.2 + 0.001 * i for i in range(10)], [1.4] * 10]
    apart, mixed = median_estimate(restarts), median_estimate([[v for group in restarts for v in group]])
    assert apart.value == mixed.value
    assert [apart.low, apart.high] == pytest.approx([1.0, 1.4], abs=0.01)
    assert apart.high - apart.low > 1.5 * (mixed.high - mixed.low)


def test_a_ratio_is_that_of_the_medians() -> None:
    found = ratio_estimate([[10, 11, 30]], [[40, 44, 50]])
    assert found.value == pytest.approx(11 / 44)
    assert found.low == pytest.approx(10 / 50)
    assert found.high == pytest.approx(30 / 40)


def test_a_base_that_may_be_zero_leaves_the_ratio_open_above() -> None:
    found = ratio_estimate([[1.0, 1.0]], [[0.0, 5.0, 6.0]])
    assert (found.value, found.high) == (0.2, math.inf)


def test_groups_of_different_lengths_give_as_many_values_as_they_have() -> None:
    drawn = bootstrap_medians([[1.0], [5.0] * 9], np.random.default_rng(1), 4000)
    assert set(drawn) == {1.0, 5.0}
    # Only two draws of the short group give its value; a mixture is decided by the long one.
    assert (drawn == 1.0).mean() == pytest.approx(0.25, abs=0.03)


def test_the_geometric_mean_is_that_of_the_medians() -> None:
    found = geometric_mean_estimate([[[1.0, 1.0, 9.0]], [[4.0, 4.0, 4.1]]])
    assert found.value == pytest.approx(2.0)
    assert found.low == pytest.approx(2.0) and found.high > 5


def test_the_same_seed_gives_the_same_interval() -> None:
    sample = [np.random.default_rng(1).random(301).tolist()]
    assert median_estimate(sample) == median_estimate(sample)
    assert median_estimate(sample, seed=2) != median_estimate(sample)


@pytest.mark.parametrize("sample", [[], [[]], [[1.0], []]])
def test_nothing_has_no_median(sample: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        median_estimate(sample)


def test_no_sample_has_no_geometric_mean() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        geometric_mean_estimate([])
    assert pooled_median([[1.0, 2.0], [9.0]]) == 2.0
