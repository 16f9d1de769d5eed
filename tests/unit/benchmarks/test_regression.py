"""Two alike runs are called the same, a slower query is found, and what cannot be told is not told."""

from __future__ import annotations

import functools
from collections import Counter

import pytest

from benchmarks.regression import Change, FamilyChange, Rule, compare_family
from benchmarks.statistics import Sample
from tests.unit.benchmarks.runs import Noise, timings

PAIRS = 7
RULE = Rule(resamples=1500, tests=44)  # as for two engines
PLANTED = 9


def family(pair: int, noise: Noise, restarts: int, iterations: int, slower: float = 1.0) -> FamilyChange[int]:
    base = timings(2 * pair, noise, restarts=restarts, iterations=iterations)
    new = timings(2 * pair + 1, noise, restarts=restarts, iterations=iterations, slower={PLANTED: slower})
    return compare_family(base, new, RULE)


@functools.cache
def changes(restarts: int, iterations: int, noise: Noise) -> tuple[Counter[Change], Counter[Change]]:
    """(of all other queries, of the one that was made 20 % slower) over some pairs of runs."""
    others: Counter[Change] = Counter()
    planted: Counter[Change] = Counter()
    for pair in range(PAIRS):
        for query, ratio in family(pair, noise, restarts, iterations, slower=1.2).ratios.items():
            (planted if query == PLANTED else others)[ratio.change] += 1
    return others, planted


@pytest.mark.parametrize("drift", [0.0, 0.05, 0.15])
def test_alike_runs_are_the_same_and_a_fifth_slower_is_found(drift: float) -> None:
    others, planted = changes(5, 12, Noise(run=drift))
    assert others[Change.SAME] / others.total() >= 0.95
    assert others[Change.WORSE] + others[Change.BETTER] <= 1
    assert planted == {Change.WORSE: PAIRS}


@pytest.mark.parametrize(("restarts", "iterations"), [(1, 2), (1, 5), (2, 3), (3, 3), (3, 10)])
@pytest.mark.parametrize("execution", [0.03, 0.15])
def test_false_alarms_are_rare_however_little_was_measured(restarts: int, iterations: int, execution: float) -> None:
    others, planted = changes(restarts, iterations, Noise(execution=execution))
    alarms = others[Change.WORSE] + others[Change.BETTER]
    assert alarms / others.total() <= 2 / 147
    assert planted[Change.SAME] <= 1


def test_noise_that_hides_a_change_is_told_as_such() -> None:
    others, planted = changes(1, 3, Noise(execution=0.3))
    assert others[Change.CANNOT_TELL] / others.total() > 0.9
    assert planted[Change.CANNOT_TELL] >= PAIRS - 1


def test_a_drift_of_all_is_the_engines_and_no_querys() -> None:
    noise = Noise(run=0.0)
    base = timings(1, noise, restarts=5, iterations=10)
    new = timings(2, noise, restarts=5, iterations=10, slower=dict.fromkeys(range(1, 23), 1.3))
    found = compare_family(base, new, RULE)
    assert found.together.change is Change.WORSE
    assert found.shift == pytest.approx(1.3, rel=0.06)
    assert {ratio.change for ratio in found.ratios.values()} <= {Change.SAME, Change.CANNOT_TELL}
    assert all(ratio.value == pytest.approx(ratio.judged * found.shift) for ratio in found.ratios.values())


def runs(seeds: range, drift: float, slower: float = 1.0) -> dict[int, Sample]:
    """Several runs of two restarts each, as one side."""
    noise = Noise(run=drift, restart=0.005, execution=0.03)
    all_slower = dict.fromkeys(range(1, 23), slower)
    made = [timings(seed, noise, restarts=2, iterations=8, slower=all_slower) for seed in seeds]
    return {query: [group for run in made for group in run[query]] for query in made[0]}


@pytest.mark.parametrize(
    ("drift", "expected"), [(0.01, Change.WORSE), (0.3, Change.CANNOT_TELL)], ids=["steady", "drifting"]
)
def test_several_runs_tell_an_engine_from_its_machine(drift: float, expected: Change) -> None:
    parted = [2] * 5
    found = compare_family(runs(range(5), drift), runs(range(5, 10), drift, 1.2), RULE, runs=(parted, parted))
    assert not found.one_run
    assert found.together.change is expected


def test_a_single_run_that_is_somewhat_slower_may_be_its_machine() -> None:
    base = {query: groups[:2] for query, groups in runs(range(1), 0.0).items()}
    for slower, expected in ((1.0, Change.SAME), (1.2, Change.CANNOT_TELL), (1.4, Change.WORSE)):
        found = compare_family(base, runs(range(1, 2), 0.0, slower), RULE)
        assert found.one_run
        assert found.together.change is expected


@pytest.mark.parametrize("changed", [5, 11, 13])
def test_many_changed_queries_do_not_make_the_others_look_changed(changed: int) -> None:
    noise = Noise(run=0.0, restart=0.01, execution=0.03)
    slower = dict.fromkeys(range(1, changed + 1), 1.4)
    base = timings(1, noise, restarts=5, iterations=10)
    found = compare_family(base, timings(2, noise, restarts=5, iterations=10, slower=slower), RULE)
    worse = {query for query, ratio in found.ratios.items() if ratio.change is Change.WORSE}
    assert worse == set(slower)
    assert not [query for query, ratio in found.ratios.items() if ratio.change is Change.BETTER]


def test_better_is_worse_read_the_other_way() -> None:
    noise = Noise(execution=0.03)
    base = timings(1, noise, restarts=5, iterations=10)
    new = timings(2, noise, restarts=5, iterations=10, slower={3: 1 / 1.3})
    assert compare_family(base, new, RULE).ratios[3].change is Change.BETTER
    assert compare_family(new, base, RULE).ratios[3].change is Change.WORSE


def test_single_executions_tell_nothing() -> None:
    base: dict[int, Sample] = {number: [[1.0 + number]] for number in range(22)}
    new: dict[int, Sample] = {number: [[9.0 + number]] for number in range(22)}
    found = compare_family(base, new, RULE)
    assert {ratio.change for ratio in found.ratios.values()} == {Change.CANNOT_TELL}
    assert found.together.low is None
    assert found.one_process


def test_two_queries_have_no_shift_to_hide_behind() -> None:
    noise = Noise(run=0, restart=0.005, query=0.005, execution=0.01, outliers=0)
    sides = [
        timings(seed, noise, restarts=4, iterations=10, queries=2, slower={1: s, 2: s})
        for seed, s in ((1, 1.0), (2, 1.5))
    ]
    found = compare_family(sides[0], sides[1], RULE)
    assert found.shift == 1.0
    assert {ratio.change for ratio in found.ratios.values()} == {Change.WORSE}


def test_queries_of_one_run_alone_are_left_out() -> None:
    noise = Noise()
    base = timings(1, noise, restarts=2, iterations=3)
    new = {query: sample for query, sample in timings(2, noise, restarts=2, iterations=3).items() if query > 3}
    assert set(compare_family(base, new, RULE).ratios) == set(range(4, 23))
    with pytest.raises(ValueError, match="no query in common"):
        compare_family({1: [[1.0]]}, {2: [[1.0]]})


@pytest.mark.parametrize("margin", [0.0, -0.1, float("nan"), float("inf")])
def test_a_margin_must_be_a_positive_number(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        Rule(margin=margin)
