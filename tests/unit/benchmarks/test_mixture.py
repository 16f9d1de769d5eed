"""Mixes: every statement has its share, in any stretch and in every process."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from benchmarks.mixture import Mixture
from benchmarks.statements import Statement


def statements(count: int) -> list[Statement]:
    return [Statement(f"s{number}", "SELECT 1", lambda _: "") for number in range(count)]


def test_shares_are_those_of_the_weights_in_any_stretch() -> None:
    mixture = Mixture(statements(3), [8, 1, 1], seed=4)
    for begin in (0, 123_456):
        counts = Counter(mixture.choose(index) for index in range(begin, begin + 1000))
        assert [counts[number] for number in range(3)] == pytest.approx([800, 100, 100], abs=3)


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_process_that_takes_every_nth_arrival_has_the_same_mix(parts: int) -> None:
    mixture = Mixture(statements(5))
    counts = Counter(mixture.choose(index) for index in range(0, 5000 * parts, parts))
    assert [counts[number] for number in range(5)] == pytest.approx([1000] * 5, rel=0.02)


def test_few_arrivals_already_send_everything() -> None:
    assert {Mixture(statements(6)).choose(index) for index in range(12)} == set(range(6))


def test_the_choice_is_that_of_index_and_seed() -> None:
    chosen = [[Mixture(statements(7), seed=seed).choose(i) for i in range(50)] for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize("weights", [[0.0, 1.0], [-1.0, 1.0], [math.nan, 1.0], [math.inf, 1.0], [1.0]])
def test_weights_that_make_no_mix_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="needs a weight greater than 0"):
        Mixture(statements(2), weights)


def test_an_empty_mix_is_refused() -> None:
    with pytest.raises(ValueError, match="empty mix"):
        Mixture([])
