"""What stands for many executions."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.noise import trimmed_mean, typical


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], 7.0),
        ([1.0, 3.0], 2.0),
        ([1.0, 2.0, 900.0], 2.0),
        ([900.0, 2.0, 1.0, 4.0], 3.0),
        ([0.0, 1.0, 2.0, 3.0, 900.0], 2.0),
        ([-900.0, -900.0, 1, 2, 3, 4, 5, 6, 900.0, 900.0], 3.5),
    ],
)
def test_a_fifth_at_either_end_does_not_count(values: list[float], expected: float) -> None:
    assert trimmed_mean(np.array(values)) == pytest.approx(expected)
    assert trimmed_mean(np.array([values[::-1]] * 2)).tolist() == pytest.approx([expected] * 2)


def test_seconds_are_averaged_as_factors() -> None:
    assert typical([[1.0], [4.0]]) == pytest.approx(2.0)
    assert typical([[0.1, 0.1, 0.1], [0.1, 30.0]]) == pytest.approx(0.1)


def test_it_scatters_less_than_a_median_and_bears_with_outliers() -> None:
    random = np.random.default_rng(3)
    values = random.normal(0, 1, (4000, 50))
    assert trimmed_mean(values).std() < 0.95 * np.median(values, axis=1).std()
    values[:, :5] += 50
    assert abs(trimmed_mean(values).mean()) < 0.2
