"""Schedules: the numbers of arrivals their rates promise, the same in every process, and nothing else accepted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import pytest

from benchmarks.arrivals import DISTRIBUTIONS, Arrivals, Constant, Poisson, Ramp, Step, arrivals

EVERY: tuple[Arrivals, ...] = (
    Constant(rate=50, duration=4),
    Poisson(rate=50, duration=4, seed=3),
    Ramp(rate=10, to_rate=90, duration=4),
    Ramp(rate=90, to_rate=10, duration=4),
    Step(rate=10, to_rate=90, duration=4, steps=4),
)


@pytest.mark.parametrize("schedule", EVERY, ids=lambda one: one.describe())
def test_starts_ascend_within_the_duration_and_come_to_the_expected_number(schedule: Arrivals) -> None:
    starts = list(schedule.starts())
    assert starts == sorted(starts)
    assert starts[0] >= 0 and starts[-1] < schedule.duration
    exact = not isinstance(schedule, Poisson)
    assert len(starts) == pytest.approx(200, rel=0.01 if exact else 0.25)
    assert schedule.expected == pytest.approx(200, abs=1)


@pytest.mark.parametrize("schedule", EVERY, ids=lambda one: one.describe())
@pytest.mark.parametrize("parts", [1, 3])
def test_parts_are_the_whole_and_do_not_overlap(schedule: Arrivals, parts: int) -> None:
    whole = list(enumerate(schedule.starts()))
    taken = [list(schedule.part(number, parts)) for number in range(parts)]
    assert sorted(itertools.chain(*taken)) == whole
    assert max(map(len, taken)) - min(map(len, taken)) <= 1


def test_constant_arrivals_do_not_drift() -> None:
    starts = list(Constant(rate=3, duration=1000).starts())
    assert len(starts) == 3000
    assert starts[2999] == pytest.approx(2999 / 3, abs=1e-9)


def test_a_ramp_has_the_rate_its_moment_asks_for() -> None:
    starts = list(Ramp(rate=100, to_rate=300, duration=10).starts())
    for second, expected in ((0, 110), (5, 210), (9, 290)):
        assert sum(second <= at < second + 1 for at in starts) == pytest.approx(expected, abs=1.5)


def test_a_ramp_between_equal_rates_is_constant() -> None:
    level = list(Ramp(rate=20, to_rate=20, duration=5).starts())
    assert level == pytest.approx(list(Constant(rate=20, duration=5).starts()))


def test_steps_are_stairs() -> None:
    starts = list(Step(rate=10, to_rate=30, duration=9, steps=3).starts())
    assert [sum(begin <= at < begin + 3 for at in starts) for begin in (0, 3, 6)] == [30, 60, 90]


def test_poisson_arrivals_vary_as_they_should() -> None:
    starts = list(Poisson(rate=100, duration=100, seed=1).starts())
    counts = [sum(second <= at < second + 1 for at in starts) for second in range(100)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(100, rel=0.05)
    assert 0.5 < variance / mean < 2, "a Poisson process has equal mean and variance"
    assert starts != list(Poisson(rate=100, duration=100, seed=2).starts())


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("field", ["rate", "duration", "to_rate"])
def test_numbers_that_make_no_schedule_are_refused(field: str, value: float) -> None:
    given = {"rate": 10.0, "duration": 10.0, "to_rate": 20.0, field: value}
    with pytest.raises(ValueError, match=f"^{field} must be a number greater than 0 and at most [^\\n]+$"):
        arrivals("ramp", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "further", "complaint"),
    [
        ("uniform", {}, "unknown distribution of arrivals 'uniform'; choose from poisson, constant, ramp, step"),
        ("ramp", {}, "need a rate to end with"),
        ("poisson", {"to_rate": 3.0}, "have one rate"),
        ("ramp", {"to_rate": 3.0, "steps": 3}, "have no steps"),
        ("step", {"to_rate": 3.0, "steps": 0}, "steps must be from 2"),
    ],
)
def test_what_does_not_fit_together_is_refused(name: str, further: Mapping[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        arrivals(name, rate=1, duration=1, **further)  # type: ignore[arg-type]


def test_every_distribution_can_be_made() -> None:
    made = [
        arrivals(name, rate=5, duration=2, to_rate=6 if name in {"ramp", "step"} else None) for name in DISTRIBUTIONS
    ]
    assert [one.name for one in made] == list(DISTRIBUTIONS)
    assert max(one.highest_rate for one in made) == 6
