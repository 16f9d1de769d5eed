"""Load, recovery and verdicts: what is measured once is judged with care."""

from __future__ import annotations

import random

import pytest

from benchmarks.regression import Change
from runner.comparison.compare import compare
from runner.comparison.latency import Bounded, error_share, percentile
from runner.comparison.model import Measure
from runner.results import Experiment, LoadResult, Results, Verdict
from tests.unit.comparison.documents import load, recovered, results, side
from tests.unit.report.sample import checks


def latencies(count: int, typical: float = 0.02, seed: int = 1) -> list[float]:
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    return [typical * rng.lognormvariate(0, 0.4) for _ in range(count)]


def loads(base: LoadResult, new: LoadResult) -> dict[str, Measure]:
    found = compare(side(results(loads=(base,))), side(results(loads=(new,))))
    return {measure.name: measure for measure in found.measures}


def recovery(base: Experiment | tuple[Experiment, ...], new: Experiment | tuple[Experiment, ...]) -> Measure:
    def run(experiments: Experiment | tuple[Experiment, ...]) -> Results:
        return results(experiments=experiments if isinstance(experiments, tuple) else (experiments,))

    return compare(side(run(base)), side(run(new))).measures[0]


def test_alike_loads_are_the_same() -> None:
    found = loads(load(latencies(5000)), load(latencies(5000, seed=2)))
    assert {name: measure.change for name, measure in found.items()} == {
        "p50": Change.SAME,
        "p99": Change.SAME,
        "not answered right": Change.SAME,
    }


def test_a_tail_that_has_grown_is_worse_though_the_middle_has_not() -> None:
    slow = [value * (8 if index % 40 == 0 else 1) for index, value in enumerate(latencies(5000, seed=2))]
    found = loads(load(latencies(5000)), load(slow))
    assert (found["p50"].change, found["p99"].change) == (Change.SAME, Change.WORSE)
    low, ratio, high = found["p99"].low, found["p99"].ratio, found["p99"].high
    assert low is not None and ratio is not None and high is not None and 1.5 < low < ratio < high


def test_a_percentile_of_too_few_answers_is_left_out() -> None:
    assert set(loads(load(latencies(100)), load(latencies(100)))) == {"p50", "not answered right"}


def test_failures_count_beside_latency() -> None:
    good, bad = load(latencies(2000)), load(latencies(2000), failed=100)
    assert loads(good, bad)["not answered right"].change is Change.WORSE
    assert loads(bad, good)["not answered right"].change is Change.BETTER


def test_a_first_wrong_answer_is_worse() -> None:
    assert loads(load(latencies(2000)), load(latencies(2000), wrong=1))["not answered right"].change is Change.WORSE


def test_loads_at_other_rates_are_other_loads() -> None:
    base, new = (results(loads=(load(latencies(600)), load(latencies(600), rate=r))) for r in (80.0, 90.0))
    subjects = {measure.subject for measure in compare(side(base), side(new)).measures}
    assert subjects == {"clickhouse at 50/s"}


def test_a_percentile_is_bounded_by_its_neighbours() -> None:
    values = [index / 1000 for index in range(1, 1001)]
    found = percentile(load(values), 0.5)
    assert found is not None
    assert found.value == pytest.approx(0.5, abs=0.003)
    assert [found.low, found.high] == pytest.approx([0.469, 0.531], abs=0.004)


def test_a_ratio_is_as_uncertain_as_both_sides() -> None:
    ratio, low, high = Bounded(2.0, 1.8, 2.2).over(Bounded(1.0, 0.9, 1.1))
    assert ratio == pytest.approx(2.0)
    assert 1.5 < low < 1.8
    assert 2.2 < high < 2.5


def test_the_share_of_errors_has_a_bound_even_at_zero() -> None:
    found = error_share(load(latencies(100)))
    assert (found.value, found.low) == (0.0, 0.0)
    assert 0.02 < found.high < 0.05


@pytest.mark.parametrize(
    ("base", "new", "expected"),
    [
        (recovered(10.0), recovered(10.5), Change.SAME),
        (recovered(10.0), recovered(30.0), Change.WORSE),
        (recovered(30.0), recovered(10.0), Change.BETTER),
        (recovered(3.0, spread=2.0), recovered(5.0, spread=2.0), Change.CANNOT_TELL),
        (recovered(0.1, spread=0.05), recovered(0.4, spread=0.05), Change.SAME),  # too short to matter
        (recovered(0.0, spread=0.0), recovered(0.0, spread=0.0), Change.SAME),
        (recovered(0.0, spread=0.05), recovered(5.0), Change.WORSE),
        (recovered(10.0), recovered(9.0, censored=True), Change.WORSE),
        (recovered(9.0, censored=True), recovered(10.0), Change.BETTER),
        (recovered(9.0, censored=True), recovered(90.0, censored=True), Change.CANNOT_TELL),
    ],
)
def test_recovery_times(base: Experiment, new: Experiment, expected: Change) -> None:
    assert recovery(base, new).change is expected


def test_several_experiments_tell_their_own_scatter() -> None:
    base = tuple(recovered(seconds) for seconds in (10.0, 11.0, 12.0, 10.5))
    new = tuple(recovered(seconds) for seconds in (10.0, 30.0, 31.0, 32.0))
    found = recovery(base, new)
    assert found.ratio == pytest.approx(30.5 / 10.75)
    assert found.low is not None and found.low < 2
    assert recovery(base, base).change is Change.SAME


def test_what_was_not_measured_is_not_compared() -> None:
    same = (load([0.1] * 50),)
    base, new = results(experiments=(recovered(3.0),), loads=same), results(experiments=(recovered(None),), loads=same)
    assert "recovery" not in {measure.part for measure in compare(side(base), side(new)).measures}


def test_a_check_that_failed_and_one_that_passes_again_are_named() -> None:
    before = checks()
    now = tuple(
        check.model_copy(
            update={"status": {"trino.info": Verdict.FAIL, "trino.cancel": Verdict.PASS}.get(check.name, check.status)}
        )
        for check in before
    )
    same = (load([0.1] * 50),)
    found = compare(side(results(checks=before, loads=same)), side(results(checks=now, loads=same))).measures
    told = {measure.subject: measure.change for measure in found if measure.part == "verdict"}
    assert told == {"check trino.info": Change.WORSE, "check trino.cancel": Change.BETTER}
