"""Runs that differ in what must be the same are refused, each difference by its name."""

from __future__ import annotations

import pytest

from runner.comparison.compare import CompareError, compare
from tests.unit.comparison.documents import elsewhere, engine, measured, side

RUN = measured(1, engines=("trino",), iterations=3)
OTHERS: dict[str, list[dict[str, object]]] = {
    "hardware": [{"platform": "Linux 6.2 arm64"}, {"cpus": 64}, {"memory_bytes": 2**30}],
    "scale-factor": [{"scale_factor": 1.0}],
    "version": [{"engines": (engine("trino", "480"),)}],
    "target": [{"transport": "port-forward"}],
}
CASES = [(name, change) for name, changes in OTHERS.items() for change in changes]


@pytest.mark.parametrize(("name", "change"), CASES, ids=[f"{n}-{next(iter(c))}" for n, c in CASES])
def test_each_difference_is_refused_until_it_is_allowed(name: str, change: dict[str, object]) -> None:
    other = elsewhere(RUN, **change)
    with pytest.raises(CompareError, match=f"--allow {name}") as raised:
        compare(side(RUN), side(other))
    assert "\n" not in str(raised.value)
    with pytest.raises(CompareError):
        compare(side(RUN), side(other), allow=set(OTHERS) - {name})
    allowed = compare(side(RUN), side(other), allow={name})
    assert len(allowed.allowed) == 1


def test_both_values_are_named() -> None:
    with pytest.raises(CompareError, match=r"scale factor 0\.1 against 1;"):
        compare(side(RUN), side(elsewhere(RUN, scale_factor=1.0)))
    with pytest.raises(CompareError, match="version Trino 476 against Trino 480"):
        compare(side(RUN), side(elsewhere(RUN, engines=(engine("trino", "480"),))))


def test_another_target_is_another_thing() -> None:
    with pytest.raises(CompareError, match="target embedded against stack-dev"):
        compare(side(RUN), side(RUN.model_copy(update={"target": "stack-dev"})))


def test_runs_of_one_side_must_be_alike_too() -> None:
    with pytest.raises(CompareError, match="processors 2 and 4 against 2"):
        compare(side(RUN, elsewhere(RUN, cpus=4)), side(RUN))


def test_what_a_kernel_keeps_for_itself_is_no_difference() -> None:
    size = RUN.environment.memory_bytes
    assert not compare(side(RUN), side(elsewhere(RUN, memory_bytes=int(size * 1.03)))).allowed


def test_an_engine_that_only_one_side_has_is_no_difference() -> None:
    assert not compare(side(RUN), side(elsewhere(RUN, engines=RUN.environment.engines[:1]))).allowed
