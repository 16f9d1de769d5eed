"""Scales map values to positions and choose readable ticks."""

from __future__ import annotations

import pytest

from runner.report.figures.scale import (
    LinearScale,
    LogScale,
    PercentileScale,
    bar_scale,
    from_zero,
    log_scale,
    tick_label,
)
from runner.report.units import NBSP


def labels(scale: LinearScale | LogScale | PercentileScale) -> list[str]:
    return [label.replace(NBSP, " ") for _, label in scale.ticks()]


def test_a_linear_scale_is_proportional_and_has_round_ticks() -> None:
    scale = LinearScale(0.0, 37.5)
    assert scale(0) == 0
    assert scale(37.5) == 1
    assert scale(18.75) == 0.5
    assert labels(scale) == ["0", "10 s", "20 s", "30 s"]
    assert [position for position, _ in scale.ticks()] == pytest.approx([0, 10 / 37.5, 20 / 37.5, 30 / 37.5])


def test_a_linear_scale_may_begin_below_zero() -> None:
    assert labels(LinearScale(-1.0, 3.0)) == ["-1 s", "0", "1 s", "2 s", "3 s"]


def test_a_log_scale_ends_at_round_values_around_the_data() -> None:
    scale = log_scale([0.0031, 0.9])
    assert (scale.low, scale.high) == pytest.approx((0.002, 1.0))
    assert scale(0.002) == pytest.approx(0)
    assert scale(1.0) == pytest.approx(1)
    assert labels(scale) == ["10 ms", "100 ms", "1 s"]


def test_a_narrow_log_scale_has_ticks_within_the_decade() -> None:
    assert labels(log_scale([0.045, 0.21])) == ["20 ms", "50 ms", "100 ms", "200 ms", "500 ms"]


def test_a_log_scale_survives_zeros_single_values_and_nothing() -> None:
    assert log_scale([0.0, 0.5])(0.0) == 0
    assert log_scale([0.01]).high > 0.01
    assert log_scale([]).high > log_scale([]).low


def test_percentiles_give_each_further_nine_the_same_room() -> None:
    scale = PercentileScale(nines=3)
    assert [scale(p) for p in (0, 90, 99, 99.9, 100)] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert labels(scale) == ["0 %", "90 %", "99 %", "99.9 %"]


def test_bars_are_linear_until_small_ones_would_vanish() -> None:
    assert isinstance(bar_scale([0.5, 4.0]), LinearScale)
    assert isinstance(bar_scale([0.01, 4.0]), LogScale)
    assert bar_scale([0.5, 4.0])(0) == 0


def test_a_scale_of_nothing_still_has_a_width() -> None:
    assert from_zero([]).high > 0
    assert from_zero([0.0]).high > 0


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0"), (0.00002, "20 µs"), (0.001, "1 ms"), (0.5, "500 ms"), (1, "1 s"), (300, "300 s")]
)
def test_ticks_name_their_unit(seconds: float, shown: str) -> None:
    assert tick_label(seconds).replace(NBSP, " ") == shown
