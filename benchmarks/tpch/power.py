"""The power test: one query after the other on one connection each, warm-ups first, and every answer compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.tpch.compare import problem
from benchmarks.tpch.model import Benchmark, LoadingResult, Progress, QueryResult, Step
from benchmarks.tpch.oracle import Oracle
from benchmarks.tpch.queries import query
from engines import Answer, Dataset, Engine, EngineError, Session

Judge = Callable[[Answer], str]
"""Says what is wrong with an answer; an empty string when it is right."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How each query is run: ``warmups``, then ``iterations`` timed ones, each given up after ``deadline`` seconds."""

    warmups: int = 1
    iterations: int = 2
    deadline: float = 300.0

    def __post_init__(self) -> None:
        if self.warmups < 0:
            raise ValueError(f"warm-ups: {self.warmups} is negative")
        if self.iterations < 1:
            raise ValueError(f"iterations: {self.iterations} is less than 1")
        if not self.deadline > 0:
            raise ValueError(f"deadline: {self.deadline} seconds is not greater than 0")


def run_power(
    engine: Engine,
    dataset: Dataset,
    oracle: Oracle,
    *,
    queries: Sequence[int],
    warmups: int,
    iterations: int,
    deadline: float,
    progress: Progress | None = None,
) -> Benchmark:
    """Load the data set into one engine, then run the queries in the given order.

    A query that fails is recorded with its error and the others go on; where loading fails, every query says so.

    Args:
        engine: where to load and run.
        dataset: the data, whose scale factor the queries run at.
        oracle: knows the right answers over that data.
        queries: their numbers.
        warmups: executions of each query before the timed ones; the first of all is its cold one.
        iterations: timed executions of each query.
        deadline: seconds after which one execution is given up.
        progress: told about each table loaded and each query run.

    Raises:
        ValueError: no such query, or a count or deadline out of range.
        OracleError: the oracle cannot answer one of the queries; nothing was sent to the engine then.
    """
    execution = Execution(warmups, iterations, deadline)
    expected = {number: oracle.expected(number) for number in queries}  # before the first query is timed
    kind = engine.endpoint.kind
    loading: LoadingResult | None = None
    try:
        loading = _load(engine, dataset, progress)
    except EngineError as error:
        failure = f"not run, since loading failed: {describe(error)}"
        results = tuple(QueryResult(kind, number, (), problem=failure) for number in queries)
    else:
        results = run_queries(
            engine,
            queries,
            execution,
            statement=lambda number: engine.tpch_sql(query(number), dataset.scale_factor),
            judge=lambda number: lambda answer: problem(expected[number], answer),
            progress=progress,
        )
    return Benchmark(kind, engine.title, dataset.scale_factor, oracle.name, loading, results)


def run_queries(
    engine: Engine,
    queries: Sequence[int],
    execution: Execution,
    *,
    statement: Callable[[int], tuple[str, Mapping[str, str]]],
    judge: Callable[[int], Judge | None],
    progress: Progress | None = None,
) -> tuple[QueryResult, ...]:
    """Run queries over data that is there already.

    Args:
        engine: where to run.
        queries: their numbers, in this order.
        execution: how each is run.
        statement: text and settings of a query in the engine's dialect.
        judge: what compares the answers to a query; ``None`` where nothing can (its result is then not ``valid``).
        progress: told about each query run.
    """
    results: list[QueryResult] = []
    for number in queries:
        sql, settings = statement(number)
        result = _Timing(engine, number, judge(number)).run(sql, settings, execution)
        results.append(result)
        if progress:
            progress(Step("query", f"Q{number}", len(results), len(queries), _remark(result), result.engine))
    return tuple(results)


def describe(error: EngineError) -> str:
    """An engine's failure in one line: class, the engine's own name for it, message."""
    return f"{error.error_class.value}: {error.name}: {' '.join(str(error).split())}"


class _Timing:
    """Collects the executions of one query. A failed one is the last: it may have cost a whole deadline."""

    def __init__(self, engine: Engine, number: int, judge: Judge | None) -> None:
        self._engine = engine
        self._number = number
        self._judge = judge
        self._seconds: list[float] = []
        self._engine_seconds: list[float | None] = []
        self._rows: int | None = None
        self._problem = ""

    def run(self, sql: str, settings: Mapping[str, str], execution: Execution) -> QueryResult:
        complete = False
        try:
            with self._engine.connect() as session:
                for _ in range(execution.warmups + execution.iterations):
                    self._execute(session, sql, settings, execution.deadline)
            complete = True
        except EngineError as error:
            self._problem = self._problem or describe(error)
        return QueryResult(
            engine=self._engine.endpoint.kind,
            query=self._number,
            seconds=tuple(self._seconds[execution.warmups :]),
            warmup_seconds=tuple(self._seconds[: execution.warmups]),
            engine_seconds=tuple(self._engine_seconds[execution.warmups :]),
            rows=self._rows,
            valid=complete and self._judge is not None and not self._problem,
            problem=self._problem,
        )

    def _execute(self, session: Session, sql: str, settings: Mapping[str, str], deadline: float) -> None:
        began = time.perf_counter()
        answer = session.execute(sql, deadline=deadline, settings=settings)
        self._seconds.append(time.perf_counter() - began)
        self._engine_seconds.append(answer.engine_seconds)
        self._rows = len(answer.rows)
        if self._judge and not self._problem:
            self._problem = self._judge(answer)


def _load(engine: Engine, dataset: Dataset, progress: Progress | None) -> LoadingResult:
    kind = engine.endpoint.kind
    done: set[str] = set()

    def loaded(table: str, rows: int) -> None:
        total = dataset.rows[table]
        if rows == total:
            done.add(table)
        if progress:
            detail = f"{rows:,} rows" if rows == total else f"{rows:,} of {total:,} rows"
            progress(Step("load", table, len(done), len(dataset.rows), detail, kind))

    report = engine.load_tpch(dataset, loaded)
    return LoadingResult(kind, report.seconds, dict(report.rows), report.reused)


def _remark(result: QueryResult) -> str:
    if result.problem:
        return result.problem
    shortest = min(result.seconds)
    return f"{shortest:.2f} s, {result.rows:,} rows{'' if result.valid else ', not validated'}"
