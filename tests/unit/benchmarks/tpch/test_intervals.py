"""Bootstrap intervals of power runs."""

from __future__ import annotations

import math
import random

import pytest

from benchmarks.tpch.intervals import intervals

Sample = list[list[float]]


def sample(rng: random.Random, restarts: int, iterations: int, *, between: float, within: float) -> Sample:
    return [
        [math.exp(shift + rng.gauss(0, within)) for _ in range(iterations)]
        for shift in (rng.gauss(0, between) for _ in range(restarts))
    ]


def test_same_seed_same_intervals_another_seed_others() -> None:
    data = [sample(random.Random(n), 6, 5, between=0.1, within=0.1) for n in range(3)]  # noqa: S311 - test data
    assert intervals(data) == intervals(data)
    assert intervals(data) != intervals(data, seed=2)


def test_what_does_not_vary_has_an_interval_of_no_width() -> None:
    found = intervals([[[2.0, 2.0], [2.0, 2.0]], [[8.0, 8.0], [8.0, 8.0]]])
    assert found is not None
    assert [(one.low, one.high) for one in found.medians] == [(2.0, 2.0), (8.0, 8.0)]
    assert (found.geometric_mean.low, found.geometric_mean.high) == pytest.approx((4.0, 4.0))
    assert (found.total.low, found.total.high) == (10.0, 10.0)


def test_executions_of_one_process_do_not_pass_for_independent_ones() -> None:
    apart: Sample = [[1.0 + 0.001 * i for i in range(50)], [2.0 + 0.001 * i for i in range(50)]]
    found = intervals([apart])
    assert found is not None
    assert found.medians[0].low < 1.1
    assert found.medians[0].high > 1.9
    assert found.medians[0].over == "restarts"


def test_over_many_samples_the_truth_is_covered() -> None:
    """The true median is 1; with ten restarts a 95 % interval covers it in some 90 % of the cases or more."""
    rng = random.Random(7)  # noqa: S311 - test data
    covered = 0
    for _ in range(200):
        found = intervals([sample(rng, 10, 3, between=0.1, within=0.05)])
        assert found is not None
        covered += found.medians[0].low <= 1.0 <= found.medians[0].high
    assert 170 <= covered < 200


def test_a_slow_pass_moves_all_queries_together() -> None:
    """So the mean of many queries is as uncertain as each of them, not 22 times less by averaging it away."""
    alike: Sample = [[1.0], [1.2], [1.4], [1.6]]
    one, many = intervals([alike]), intervals([alike] * 22)
    assert one is not None
    assert many is not None
    assert many.geometric_mean.low == pytest.approx(one.medians[0].low)
    assert many.geometric_mean.high == pytest.approx(one.medians[0].high)


@pytest.mark.parametrize("data", [[], [[[1.0]]], [[[1.0, 2.0]]], [[[], []]]])
def test_too_little_has_no_interval(data: list[Sample]) -> None:
    assert intervals(data) is None


def test_three_iterations_of_one_process_say_that_they_are_of_one_process() -> None:
    found = intervals([[[1.0, 2.0, 3.0]]])
    assert found is not None
    assert found.medians[0].over == "iterations"
    assert (found.medians[0].low, found.medians[0].high) == (1.0, 3.0)


def test_queries_with_differing_numbers_of_executions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"inhomogeneous|as many"):
        intervals([[[1.0, 2.0]], [[1.0]]])


def test_a_thousand_iterations_are_drawn_in_blocks() -> None:
    found = intervals([[[1.0 + i / 1000 for i in range(1000)] for _ in range(3)]])
    assert found is not None
    assert found.medians[0].low < 1.5 < found.medians[0].high
