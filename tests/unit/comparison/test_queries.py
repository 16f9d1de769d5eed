"""Queries of two runs: what is the same, what is slower, and what has no answer any more."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import cast

import pytest

from benchmarks.regression import Change
from runner.comparison.compare import CompareError, compare
from runner.comparison.sides import hot_groups
from runner.results import Benchmark, QueryResult, Results, Verdict
from tests.unit.comparison.documents import benchmark, load, measured, query_result, results, side


def changes(base: Results, new: Results) -> dict[tuple[str, int], Change]:
    found = compare(side(base), side(new))
    return {(engine.engine, query.query): query.change for engine in found.engines for query in engine.queries}


def test_alike_runs_are_the_same_and_a_planted_slowdown_is_found() -> None:
    found = changes(measured(1), measured(2, slower={("trino", 9): 1.2}))
    assert found.pop(("trino", 9)) is Change.WORSE
    assert len(found) == 43
    assert Counter(found.values())[Change.SAME] / 43 >= 0.95
    assert Change.WORSE not in found.values()


def test_the_whole_is_worse_when_anything_is() -> None:
    assert compare(side(measured(1)), side(measured(2))).change is Change.SAME
    slower = compare(side(measured(1)), side(measured(2, slower={("trino", 9): 1.5, ("trino", 3): 0.5})))
    assert slower.change is Change.WORSE
    assert slower.counts()[Change.BETTER] == 1


def test_a_query_that_lost_its_answer_is_worse_however_fast() -> None:
    good, bad = (
        query_result("trino", 1, [1.0, 1.1]),
        query_result("trino", 1, [0.1], valid=False, problem="row 3 differs"),
    )
    base, new = (results(benchmarks=(benchmark("trino", one),)) for one in (good, bad))
    found = compare(side(base), side(new)).engines[0].queries[0]
    assert (found.change, found.reason) == (Change.WORSE, "no valid answer any more: row 3 differs")
    assert found.ratio is None
    back = compare(side(new), side(base)).engines[0].queries[0]
    assert back.change is Change.BETTER
    neither = compare(side(new), side(new)).engines[0].queries[0]
    assert neither.change is Change.CANNOT_TELL


def test_executions_without_a_time_do_not_count() -> None:
    base, new = (results(benchmarks=(benchmark("trino", query_result("trino", 1, s)),)) for s in ([1.0, 1.1], [0.0]))
    found = compare(side(base), side(new)).engines[0].queries[0]
    assert found.reason == "no valid answer any more: no timed execution"


def test_single_executions_are_said_to_tell_nothing() -> None:
    base, new = (results(benchmarks=(benchmark("trino", query_result("trino", 1, [s])),)) for s in (1.0, 9.0))
    found = compare(side(base), side(new))
    assert found.change is Change.CANNOT_TELL
    assert "single executions" in found.engines[0].queries[0].reason
    assert found.engines[0].queries[0].ratio == pytest.approx(9.0)


def test_queries_of_one_side_alone_are_named() -> None:
    def run(*numbers: int) -> Results:
        return results(benchmarks=(benchmark("trino", *(query_result("trino", n, [1.0, 1.1, 0.9]) for n in numbers)),))

    found = compare(side(run(1, 2)), side(run(2, 3))).engines[0]
    assert (found.only_base, found.only_new) == ((1,), (3,))
    assert [query.query for query in found.queries] == [2]


def test_nothing_in_common_cannot_be_compared() -> None:
    base = results(benchmarks=(benchmark("trino", query_result("trino", 1, [1.0])),))
    new = results(loads=(load([0.1] * 100),), verdict=Verdict.PASS)
    with pytest.raises(CompareError, match="no measurement in common: 1 query against 1 load"):
        compare(side(base), side(new))


def test_several_runs_of_a_side_are_its_process_starts() -> None:
    found = compare(side(measured(1), measured(3)), side(measured(2), measured(4), measured(5)))
    assert {engine.restarts for engine in found.engines} == {(2, 3)}
    assert found.engines[0].queries[0].executions == (60, 90)
    assert not found.notes


def test_a_single_start_is_said_to_be_one() -> None:
    found = compare(side(measured(1)), side(measured(2)))
    assert "ClickHouse (chDB): a side measured a single process start" in found.notes[0]


def grouped(**fields: object) -> QueryResult:
    """A result of several restarts, as a later model holds it."""
    return cast("QueryResult", SimpleNamespace(**fields))


def test_executions_of_several_restarts_are_parted() -> None:
    assert hot_groups(grouped(seconds=(1, 2, 3, 4), warmup_seconds=(9, 9), rounds=2)) == [[1, 2], [3, 4]]
    assert hot_groups(grouped(seconds=(1, 2, 3), warmup_seconds=(9,), rounds=1)) == [[1, 2, 3]]


def test_the_cold_execution_of_a_restart_does_not_count() -> None:
    assert hot_groups(grouped(seconds=(9, 2, 3, 9, 5, 6), warmup_seconds=(), rounds=2)) == [[2, 3], [5, 6]]


def test_a_benchmark_without_queries_is_no_engine() -> None:
    empty: Benchmark = benchmark("trino")
    base = results(benchmarks=(empty, *measured(1, engines=("clickhouse",)).benchmarks))
    assert [engine.engine for engine in compare(side(base), side(base)).engines] == ["clickhouse"]
