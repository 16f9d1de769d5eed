"""Streams side by side, in their orders, with refresh functions that change what is right."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from benchmarks.tpch.concurrent import Changed
from benchmarks.tpch.model import Expected, Step
from benchmarks.tpch.oracle import DuckDbOracle, Oracle
from benchmarks.tpch.parameters import Substitution, drawn
from benchmarks.tpch.streams import order
from benchmarks.tpch.throughput import Plan, run_throughput
from benchmarks.tpch.throughput_model import Checked, Function, Throughput
from engines import Dataset, EngineError, ErrorClass, Row, TpchQuery
from runner import results
from tests.unit.benchmarks.tpch.duck import Behaviour, DuckEngine

PATIENCE = 30.0
BROKEN = EngineError("no worker", error_class=ErrorClass.UNAVAILABLE, name="NO_NODES_AVAILABLE")

pytestmark = pytest.mark.usefixtures("answers")


def throughput(small: Dataset, plan: Plan, behaviour: Behaviour | None = None) -> tuple[Throughput, Behaviour]:
    engine = DuckEngine(behaviour)
    result = run_throughput(engine, small, DuckDbOracle(small), plan, without_refresh="not here")
    assert engine.behaviour.open_connections == 0
    return result, engine.behaviour


def plus_one(rows: list[Row]) -> list[Row]:
    return [tuple(value + 1 if isinstance(value, int | Decimal) else value for value in row) for row in rows]


def test_each_stream_runs_all_queries_in_its_own_order(small: Dataset) -> None:
    result, _ = throughput(small, Plan(2, warmups=0))
    assert [stream.stream for stream in result.streams] == [1, 2]
    for stream in result.streams:
        assert tuple(query.query for query in stream.queries) == order(stream.stream, range(1, 23))
        assert [query.problem for query in stream.queries] == [""] * 22
        assert {query.checked for query in stream.queries} == {Checked.LOADED}
        started = [query.started_seconds for query in stream.queries]
        assert started == sorted(started)
        assert stream.queries_per_hour == pytest.approx(22 * 3600 / stream.seconds)
    assert result.seconds >= max(stream.seconds for stream in result.streams)
    assert result.queries_per_hour == pytest.approx(44 * 3600 / result.seconds)
    assert (result.without_refresh, result.refreshes, result.problem) == ("not here", (), "")


def test_streams_run_side_by_side(small: Dataset) -> None:
    """No stream's query ends before each of the three has one under way."""
    meeting = threading.Barrier(3)

    def meet(rows: list[Row]) -> list[Row]:
        meeting.wait(PATIENCE)
        return rows

    result, _ = throughput(small, Plan(3, queries=(6,), warmups=0), Behaviour(lies={6: meet}))
    assert [stream.queries[0].problem for stream in result.streams] == [""] * 3


def test_the_warm_up_is_stream_0_and_not_part_of_the_streams(small: Dataset) -> None:
    result, behaviour = throughput(small, Plan(1, queries=(1, 6), warmups=2))
    assert behaviour.executed == [6, 1, 6, 1, 6, 1]
    assert len(result.streams[0].queries) == 2


def test_a_wrong_answer_is_named_and_takes_the_rates_away(small: Dataset) -> None:
    result, _ = throughput(small, Plan(2, queries=(1, 6), warmups=0), Behaviour(lies={1: plus_one}))
    for stream in result.streams:
        by_number = {query.query: query for query in stream.queries}
        assert by_number[1].problem.startswith("row 1, column sum_qty: engine ")
        assert by_number[6].problem == ""
        assert stream.queries_per_hour is None
    assert result.queries_per_hour is None


def test_a_failed_query_is_recorded_and_its_stream_goes_on(small: Dataset) -> None:
    result, behaviour = throughput(small, Plan(1, queries=(6, 1), warmups=0), Behaviour(failures={(6, 0): BROKEN}))
    failed, other = result.streams[0].queries
    assert (failed.query, failed.seconds, failed.problem) == (6, None, "unavailable: NO_NODES_AVAILABLE: no worker")
    assert (other.problem, other.rows) == ("", 4)
    assert behaviour.connections == 2
    assert result.queries_per_hour is None


def test_what_goes_wrong_before_the_streams_is_said_and_they_do_not_run(small: Dataset) -> None:
    not_loaded, _ = throughput(small, Plan(1), Behaviour(loading=BROKEN))
    assert not_loaded.problem == "loading failed: unavailable: NO_NODES_AVAILABLE: no worker"
    cold, _ = throughput(small, Plan(1, queries=(6,)), Behaviour(lies={6: plus_one}))
    assert cold.problem.startswith("warm-up: Q6: row 1, column revenue")
    for result in (not_loaded, cold):
        assert (result.streams, result.queries_per_hour) == ((), None)


def test_each_stream_draws_values_of_its_own(small: Dataset) -> None:
    result, _ = throughput(small, Plan(2, warmups=0, substitution=Substitution.SEEDED, seed=3))
    assert [query.problem for stream in result.streams for query in stream.queries] == [""] * 44
    for stream in result.streams:
        for query in stream.queries:
            assert query.parameters == drawn(query.query, stream.stream, 3, 0.01)
    assert result.substitution == "seeded"


def test_an_error_of_ours_in_a_stream_is_not_swallowed(small: Dataset) -> None:
    def broken(_: list[Row]) -> list[Row]:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        throughput(small, Plan(2, queries=(6,), warmups=0), Behaviour(lies={6: broken}))


class Refreshed:
    """Knows that after the refresh functions every number is greater by one."""

    name = "refreshed"

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def expected(self, number: int) -> Expected:
        raise NotImplementedError

    def answer(self, asked: TpchQuery) -> Expected:
        right = self._oracle.answer(asked)
        return dataclasses.replace(right, rows=tuple(plus_one(list(right.rows))))


class Refresh:
    """Refresh functions that wait until the test lets them run."""

    def __init__(self, oracle: Oracle, go: threading.Event, problem: str = "") -> None:
        self._oracle, self._go, self._problem = oracle, go, problem
        self.done: list[tuple[int, Function]] = []

    def run(self, pair: int, function: Function) -> Changed:
        assert self._go.wait(PATIENCE)
        self.done.append((pair, function))
        return Changed(0.001, {"orders": 15 if function == "RF1" else -15}, self._problem)

    def oracle(self) -> Oracle:
        return Refreshed(self._oracle)


def refreshing(small: Dataset, *, problem: str = "") -> tuple[Throughput, Refresh]:
    """Query 6 sees the refresh functions run; 2 does not read what they change; 1 begins when they have ended."""
    began, over = threading.Event(), threading.Event()

    def during(rows: list[Row]) -> list[Row]:
        began.set()
        assert over.wait(PATIENCE)
        return [(12345,)]

    def progress(step: Step) -> None:
        if step.subject == "refresh: RF2 of pair 1":
            over.set()

    engine = DuckEngine(Behaviour(lies={6: during, 1: plus_one}))
    oracle = DuckDbOracle(small)
    refresh = Refresh(oracle, began, problem)
    plan = Plan(1, queries=(6, 2, 1), warmups=0)
    return run_throughput(engine, small, oracle, plan, refresh=refresh, progress=progress), refresh


def test_answers_are_compared_with_the_data_that_the_query_saw(small: Dataset) -> None:
    result, refresh = refreshing(small)
    assert refresh.done == [(1, "RF1"), (1, "RF2")]
    assert [(query.query, query.checked, query.problem) for query in result.streams[0].queries] == [
        (6, Checked.NO, ""),
        (2, Checked.LOADED, ""),
        (1, Checked.REFRESHED, ""),
    ]
    assert [(run.function, run.rows) for run in result.refreshes] == [("RF1", {"orders": 15}), ("RF2", {"orders": -15})]
    assert result.queries_per_hour is not None


def test_after_a_failed_refresh_function_nobody_knows_what_is_right(small: Dataset) -> None:
    result, _ = refreshing(small, problem="orders changed by +14 rows, not +15")
    assert [query.checked for query in result.streams[0].queries] == [Checked.NO, Checked.LOADED, Checked.NO]
    assert result.queries_per_hour is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Plan(0), "streams: 0 is not from 1 to 40"),
        (lambda: Plan(41), "streams: 41 is not from 1 to 40"),
        (lambda: Plan(1, queries=()), "queries"),
        (lambda: Plan(1, warmups=-1), "warm-ups"),
        (lambda: Plan(1, deadline=float("nan")), "deadline"),
    ],
)
def test_plans_out_of_range_are_refused(make: Callable[[], Plan], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_field_by_field_it_is_the_results_documents_model(small: Dataset) -> None:
    result, _ = refreshing(small)
    document = results.Throughput.model_validate(dataclasses.asdict(result))
    assert document.queries_per_hour == result.queries_per_hour
    assert document.streams[0].queries[2].checked == "refreshed"
