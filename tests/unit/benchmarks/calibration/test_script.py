"""The truth: what arrivals must see of a script, by arithmetic."""

from __future__ import annotations

import pytest

from benchmarks.arrivals import Constant
from benchmarks.calibration.script import Script, Window, percentile


def test_what_comes_in_a_stall_waits_for_its_end() -> None:
    script = Script(service=0.1, stalls=(Window(1.0, 0.5),))
    assert script.latencies([0.0, 0.95, 1.0, 1.2, 1.49, 1.5]) == pytest.approx([0.1, 0.55, 0.5, 0.3, 0.01, 0.1])


def test_the_truth_of_a_stall_is_known() -> None:
    schedule = Constant(rate=500, duration=15)
    latencies = Script(stalls=(Window(7.5, 1.4),)).latencies(schedule.starts())
    assert sum(latency > 0 for latency in latencies) == 700
    # Of 7,500 arrivals 75 wait longer than the 99th percentile: those of the stall's first 75 / 500 seconds.
    assert percentile(latencies, 99) == pytest.approx(1.4 - 75 / 500, abs=0.003)


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 2), (75, 3), (99, 4), (100, 4)])
def test_percentiles_are_values_that_occurred(percent: float, expected: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == expected
