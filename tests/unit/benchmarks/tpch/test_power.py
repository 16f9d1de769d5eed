"""The power test against an engine that is right, wrong or failing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import Decimal

import pytest

from benchmarks.tpch.model import Benchmark, Expected, QueryResult, Restart, Step
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.parameters import Substitution, drawn
from benchmarks.tpch.power import Execution, run_power, run_queries
from engines import Dataset, EngineError, ErrorClass, LoadReport, Row
from runner import results
from tests.unit.benchmarks.tpch.duck import TOLD, Behaviour, DuckEngine

ALL = tuple(range(1, 23))
BROKEN = EngineError("out of\nmemory", error_class=ErrorClass.ENGINE, name="EXCEEDED_LOCAL_MEMORY_LIMIT")

pytestmark = pytest.mark.usefixtures("answers")


def power(
    small: Dataset,
    behaviour: Behaviour | None = None,
    *,
    queries: tuple[int, ...] = (1, 6),
    warmups: int = 1,
    iterations: int = 2,
    execution: Execution | None = None,
    restart: Callable[[], Restart] | None = None,
) -> tuple[Benchmark, Behaviour, list[Step]]:
    engine, steps = DuckEngine(behaviour), list[Step]()
    benchmark = run_power(
        engine,
        small,
        DuckDbOracle(small),
        queries=queries,
        execution=execution or Execution(warmups, iterations, 30),
        restart=restart,
        progress=steps.append,
    )
    assert engine.behaviour.open_connections == 0
    return benchmark, engine.behaviour, steps


def by_number(benchmark: Benchmark) -> dict[int, QueryResult]:
    return {result.query: result for result in benchmark.queries}


def plus_one(rows: list[Row]) -> list[Row]:
    return [tuple(value + 1 if isinstance(value, int | Decimal) else value for value in row) for row in rows]


def test_all_22_are_valid_on_an_engine_that_is_right(small: Dataset) -> None:
    benchmark, behaviour, steps = power(small, queries=ALL, warmups=0, iterations=1)
    assert benchmark.valid
    assert [result.problem for result in benchmark.queries] == [""] * 22
    assert behaviour.executed == list(ALL)
    assert [step.subject for step in steps if step.stage == "load"] == list(small.rows)
    assert [(step.subject, step.done, step.total) for step in steps if step.stage == "query"][-1] == ("Q22", 22, 22)


def test_executions_are_counted_and_kept_apart(small: Dataset) -> None:
    benchmark, behaviour, _ = power(small, queries=(6, 1), warmups=2, iterations=3)
    assert behaviour.executed == [6, 1] * 5
    assert [result.query for result in benchmark.queries] == [6, 1]
    for result in benchmark.queries:
        assert (len(result.warmup_seconds), len(result.seconds)) == (2, 3)
        assert result.engine_seconds == (0.001,) * 3
        assert result.cold_seconds == result.warmup_seconds[0]
        assert result.hot_seconds == result.seconds
    assert benchmark.loading == dataclasses.replace(benchmark.loading or pytest.fail("not loaded"), seconds=0.5)
    assert benchmark.geometric_mean_seconds is not None


def test_with_restarts_there_are_rounds_each_with_a_cold_execution(small: Dataset) -> None:
    executed_before: list[int] = []
    behaviour = Behaviour()

    def restart() -> Restart:
        executed_before.append(len(behaviour.executed))
        return Restart(1.5, "killed", "all dropped")

    execution = Execution(1, 2, 30, restarts=3)
    benchmark, _, steps = power(small, behaviour, queries=(6, 1), execution=execution, restart=restart)
    assert executed_before == [0, 6, 12]
    assert behaviour.executed == [6, 1] * 9
    assert benchmark.restarts == (Restart(1.5, "killed", "all dropped"),) * 3
    for result in benchmark.queries:
        assert (result.rounds, len(result.warmup_seconds), len(result.seconds)) == (3, 3, 6)
        assert result.hot_rounds == (result.seconds[:2], result.seconds[2:4], result.seconds[4:])
        assert result.cold_seconds == sorted(result.warmup_seconds)[1]
        assert result.statistics == (TOLD,) * 6
        assert result.interval is not None
        assert result.interval.low <= sorted(result.seconds)[3]
        assert result.interval.over == "restarts"
    assert benchmark.geometric_mean_interval is not None
    assert benchmark.sum_interval is not None
    assert benchmark.sum_interval.low <= (benchmark.sum_seconds or 0) <= benchmark.sum_interval.high
    assert [step.subject for step in steps if step.stage == "pass"][:4] == [
        "restart 1 of 3, pass 1 of 3",
        "restart 1 of 3, pass 2 of 3",
        "restart 1 of 3, pass 3 of 3",
        "restart 2 of 3, pass 1 of 3",
    ]


def test_without_warm_ups_the_first_pass_of_each_round_is_cold(small: Dataset) -> None:
    def restart() -> Restart:
        return Restart(0.1, "", "")

    execution = Execution(0, 3, 30, restarts=2)
    benchmark, _, _ = power(small, queries=(6,), execution=execution, restart=restart)
    (result,) = benchmark.queries
    assert result.hot_rounds == (result.seconds[1:3], result.seconds[4:6])
    assert result.cold_seconds == (result.seconds[0] + result.seconds[3]) / 2


def test_restarts_need_the_means(small: Dataset) -> None:
    with pytest.raises(ValueError, match="nothing here can restart the engine"):
        power(small, execution=Execution(1, 1, 30, restarts=1))


def test_a_query_that_failed_has_no_interval_and_neither_has_the_whole(small: Dataset) -> None:
    execution = Execution(0, 4, 30)
    benchmark, _, _ = power(small, Behaviour(failures={(1, 2): BROKEN}), execution=execution)
    failed, other = benchmark.queries
    assert failed.interval is None
    assert other.interval is not None
    assert other.interval.over == "iterations"
    assert (benchmark.geometric_mean_interval, benchmark.sum_interval, benchmark.sum_seconds) == (None, None, None)


def test_drawn_parameters_are_validated_against_their_own_answers(small: Dataset) -> None:
    execution = Execution(0, 1, 60, substitution=Substitution.SEEDED, seed=5)
    benchmark, _, _ = power(small, queries=ALL, execution=execution)
    assert [result.problem for result in benchmark.queries] == [""] * 22
    assert benchmark.valid
    assert benchmark.substitution == "seeded"
    assert benchmark.queries[5].parameters == drawn(6, 0, 5, 0.01)
    lying, _, _ = power(small, Behaviour(lies={6: plus_one}), queries=(6,), execution=execution)
    assert not lying.valid


def test_without_warm_up_the_first_iteration_is_the_cold_one(small: Dataset) -> None:
    benchmark, _, _ = power(small, queries=(6,), warmups=0, iterations=3)
    (result,) = benchmark.queries
    assert result.cold_seconds == result.seconds[0]
    assert result.hot_seconds == result.seconds[1:]
    alone, _, _ = power(small, queries=(6,), warmups=0, iterations=1)
    assert alone.valid
    assert alone.geometric_mean_seconds is None


def test_geometric_mean_is_over_hot_medians() -> None:
    queries = (
        QueryResult("x", 1, (1.0, 100.0, 2.0), (50.0,), valid=True),
        QueryResult("x", 2, (9.0, 8.0, 8.0), valid=True),
    )
    assert Benchmark("x", "X", 1, "o", None, queries).geometric_mean_seconds == pytest.approx(4.0)


@pytest.mark.parametrize("bad", [QueryResult("x", 2, (1.0,), (1.0,), problem="wrong"), QueryResult("x", 2, ())])
def test_no_mean_over_the_queries_that_happened_to_succeed(bad: QueryResult) -> None:
    good = QueryResult("x", 1, (1.0,), (1.0,), valid=True)
    assert Benchmark("x", "X", 1, "o", None, (good, bad)).geometric_mean_seconds is None
    assert not Benchmark("x", "X", 1, "o", None, (good, bad)).valid
    assert not Benchmark("x", "X", 1, "o", None, ()).valid


def test_a_wrong_answer_is_named_and_the_others_go_on(small: Dataset, answers: dict[int, Expected]) -> None:
    benchmark, behaviour, steps = power(small, Behaviour(lies={1: plus_one}), queries=(1, 6))
    wrong, right = benchmark.queries
    assert not wrong.valid
    assert wrong.problem.startswith("row 1, column sum_qty: engine ")
    assert f"oracle {answers[1].rows[0][2]}" in wrong.problem
    assert len(wrong.seconds) == 2
    assert right.valid
    assert not benchmark.valid
    assert behaviour.executed == [1, 6, 1, 6, 1, 6]
    assert [step.detail for step in steps if step.subject == "Q1"] == [wrong.problem]


def test_one_wrong_warm_up_is_enough(small: Dataset) -> None:
    behaviour = Behaviour()
    behaviour.lies[6] = lambda rows: rows[:-1] if len(behaviour.executed) == 1 else rows
    benchmark, _, _ = power(small, behaviour, queries=(6,))
    assert not benchmark.queries[0].valid
    assert benchmark.queries[0].problem == "rows: engine 0, oracle 1"


@pytest.mark.parametrize("lie", [lambda rows: rows[::-1], lambda rows: rows + rows[-1:], lambda rows: rows[1:]])
def test_an_engine_that_loses_repeats_or_disorders_rows_fails_every_query(
    small: Dataset, answers: dict[int, Expected], lie: object
) -> None:
    behaviour = Behaviour(lies=dict.fromkeys(ALL, lie))  # type: ignore[arg-type]
    benchmark, _, _ = power(small, behaviour, queries=ALL, warmups=0, iterations=1)
    reversible = {number for number in ALL if answers[number].row_count < 2}
    for number, result in by_number(benchmark).items():
        rows = list(answers[number].rows[: answers[number].row_count])
        assert result.valid is (lie(rows) == rows), number  # type: ignore[operator]
        assert result.valid is (not result.problem)
        assert not result.valid or number in reversible


@pytest.mark.parametrize(("nth", "seconds", "warmups"), [(0, 0, 0), (1, 0, 1), (2, 1, 1)])
def test_a_failed_execution_ends_its_query_only(small: Dataset, nth: int, seconds: int, warmups: int) -> None:
    benchmark, behaviour, _ = power(small, Behaviour(failures={(1, nth): BROKEN}), queries=(1, 6))
    failed, other = benchmark.queries
    assert failed.problem == "engine: EXCEEDED_LOCAL_MEMORY_LIMIT: out of memory"
    assert (len(failed.warmup_seconds), len(failed.seconds), failed.valid) == (warmups, seconds, False)
    assert other.valid
    assert behaviour.executed.count(1) == nth + 1
    assert benchmark.geometric_mean_seconds is None


def test_an_engine_that_is_gone_is_recorded_for_each_query(small: Dataset) -> None:
    benchmark, _, _ = power(small, Behaviour(unreachable=True), queries=(1, 6))
    assert {result.problem for result in benchmark.queries} == {"refused: ConnectionRefusedError: nobody there"}
    assert not any(result.valid or result.seconds for result in benchmark.queries)


def test_loading_is_told_by_part(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: DuckEngine, dataset: Dataset, progress: Callable[[str, int], None]) -> LoadReport:
        progress("orders", 7500)
        progress("orders", dataset.rows["orders"])
        progress("region", 5)
        raise BROKEN

    monkeypatch.setattr(DuckEngine, "load_tpch", load)
    *_, steps = power(small)
    assert [(step.subject, step.done, step.detail) for step in steps] == [
        ("orders", 0, "7,500 of 15,000 rows"),
        ("orders", 1, "15,000 rows"),
        ("region", 2, "5 rows"),
    ]


def test_where_loading_fails_every_query_says_so(small: Dataset) -> None:
    benchmark, behaviour, _ = power(small, Behaviour(loading=BROKEN), queries=(1, 6))
    assert benchmark.loading is None
    assert not behaviour.executed
    assert {result.problem for result in benchmark.queries} == {
        "not run, since loading failed: engine: EXCEEDED_LOCAL_MEMORY_LIMIT: out of memory"
    }
    assert not benchmark.valid


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"warmups": -1}, "warm-ups"),
        ({"iterations": 0}, "iterations"),
        ({"deadline": 0}, "deadline"),
        ({"deadline": float("nan")}, "deadline"),
        ({"restarts": -1}, "restarts"),
    ],
)
def test_counts_out_of_range_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Execution(**wrong)  # type: ignore[arg-type]


def test_an_unknown_query_is_refused_before_anything_is_sent(small: Dataset) -> None:
    engine = DuckEngine()
    with pytest.raises(ValueError, match="TPC-H query 23"):
        run_power(engine, small, DuckDbOracle(small), queries=(1, 23), execution=Execution(0, 1, 1))
    assert engine.behaviour.connections == 0


def test_without_judge_nothing_is_called_valid(small: Dataset) -> None:
    engine = DuckEngine()
    engine.load_tpch(small)
    (result,) = run_queries(
        engine,
        [6],
        Execution(0, 1, 30),
        statement=lambda _: ("SELECT 1", {"number": "6"}),
        judge=lambda _: None,
    )
    assert (result.valid, result.problem, result.rows) == (False, "", 1)


def test_field_by_field_it_is_the_results_documents_model(small: Dataset) -> None:
    benchmark, _, _ = power(small, queries=(6,))
    document = results.Benchmark.model_validate(dataclasses.asdict(benchmark))
    assert document.queries[0].valid
    assert document.geometric_mean_seconds == benchmark.geometric_mean_seconds
