"""Ratios of recovery times, and what a results document says."""

from typing import Any

import pytest

from benchmarks.recovery.compare import Case, Measured, compare, measured

GOAL = Case("delete-now", "coordinator", goal=0.6)
DRAIN = Case("drain", "worker", no_failures=True)


def runs(*seconds: float | None, failed: int = 0) -> list[Measured]:
    return [Measured(one, False, failed, 0) for one in seconds]


def test_the_ratio_is_that_of_the_medians_and_lies_in_its_interval() -> None:
    found = compare(GOAL, runs(10, 11, 30), runs(40, 44, 50))
    assert found.ratio == pytest.approx(11 / 44)
    assert None not in {found.low, found.high}
    assert (found.low or 0) <= 11 / 44 <= (found.high or 0)
    assert found.met is True
    assert compare(GOAL, runs(40), runs(41)).met is False


def test_what_was_not_measured_is_no_success() -> None:
    found = compare(GOAL, runs(None), runs(40))
    assert (found.ratio, found.met) == (None, None)
    assert compare(DRAIN, [], runs(1)).met is None


def test_a_drain_is_judged_by_its_failed_answers() -> None:
    assert compare(DRAIN, runs(0.0), runs(5)).met is True
    assert compare(DRAIN, runs(0.0, failed=1), runs(5)).met is False
    assert compare(DRAIN, runs(0.0, None), runs(5)).met is None, "a run that was not measured has not shown anything"
    assert compare(DRAIN, [Measured(0.0, False, 0, 1)], runs(5)).met is False, "a wrong answer"


def test_a_recovery_after_the_end_of_the_hold_is_told_from_one_before() -> None:
    lost = Case("node-loss", "coordinator", hold=150.0, reference_hold=420.0)
    found = compare(lost, runs(84.0, None), runs(383.0, 425.0))
    assert (found.helped("stack"), found.helped("reference")) == (False, True)
    assert not compare(GOAL, runs(500.0), runs(500.0)).helped("reference"), "a fault that ends by itself"


def test_no_outage_of_the_reference_leaves_nothing_to_compare_with() -> None:
    assert compare(GOAL, runs(0.0), runs(0.0)).met is None
    assert compare(GOAL, runs(1.0, 1.0), runs(0.0, 5.0, 6.0)).ratio == pytest.approx(0.2)


def test_an_experiment_without_a_proven_injection_is_not_measured() -> None:
    document: dict[str, Any] = {
        "injection": {"confirmed": False},
        "rto_seconds": 3.0,
        "rto_censored": False,
        "answers": {"failed": 2, "wrong": 0},
        "reason": "no proof",
    }
    assert measured({"experiments": [document]}) == Measured(None, False, 2, 0, "no proof")
    document["injection"]["confirmed"] = True
    assert measured({"experiments": [document]}).rto == 3.0
    with pytest.raises(ValueError, match="no experiment"):
        measured({"experiments": []})
