"""The power test: all queries one after the other, pass after pass, and every answer compared.

A pass runs each query once in the order given, on one connection, as the specification's single stream does (3.0.1,
clause 5.3.3); the refresh functions around it are left to the throughput test. The first pass after a start of the
engine is the cold one. With restarts there are several rounds, each with a restart, a cold pass and the passes after
it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.tpch.compare import problem
from benchmarks.tpch.model import (
    Benchmark,
    LoadingResult,
    Progress,
    QueryResult,
    Restart,
    Step,
    with_intervals,
)
from benchmarks.tpch.oracle import Oracle
from benchmarks.tpch.parameters import Substitution, question
from engines import Answer, Dataset, Engine, EngineError, Session, Statistics

Judge = Callable[[Answer], str]
"""Says what is wrong with an answer; an empty string when it is right."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How the queries are run.

    Attributes:
        warmups: passes before the timed ones, in each round.
        iterations: timed passes, in each round.
        deadline: seconds after which one execution is given up.
        restarts: rounds, each of which begins with a restart of the engine; 0: one round without.
        substitution: of the query parameters.
        seed: of substitution and resampling.
    """

    warmups: int = 1
    iterations: int = 2
    deadline: float = 300.0
    restarts: int = 0
    substitution: Substitution = Substitution.VALIDATION
    seed: int = 0

    def __post_init__(self) -> None:
        if self.warmups < 0:
            raise ValueError(f"warm-ups: {self.warmups} is negative")
        if self.iterations < 1:
            raise ValueError(f"iterations: {self.iterations} is less than 1")
        if not self.deadline > 0:
            raise ValueError(f"deadline: {self.deadline} seconds is not greater than 0")
        if self.restarts < 0:
            raise ValueError(f"restarts: {self.restarts} is negative")

    @property
    def passes(self) -> int:
        """Passes of each round."""
        return self.warmups + self.iterations


def run_power(
    engine: Engine,
    dataset: Dataset,
    oracle: Oracle,
    *,
    queries: Sequence[int],
    execution: Execution,
    restart: Callable[[], Restart] | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """Load the data set into one engine, then run the queries in the given order.

    A query that fails is recorded with its error and the others go on; where loading fails, every query says so.

    Args:
        engine: where to load and run.
        dataset: the data, whose scale factor the queries run at.
        oracle: knows the right answers over that data.
        queries: their numbers, in the order of the stream (see ``streams.order``).
        execution: how they are run.
        restart: restarts the engine and drops caches; needed where ``execution`` has restarts.
        progress: told about each table loaded, each pass, and each query of the last one.

    Raises:
        ValueError: no such query, or restarts without the means.
        OracleError: the oracle cannot answer one of the queries; nothing was sent to the engine then.
        MeansError: the engine could not be restarted.
    """
    if execution.restarts and restart is None:
        raise ValueError("restarts: nothing here can restart the engine")
    questions = _Questions(engine, dataset.scale_factor, oracle, queries, execution)  # before the first one is timed
    loading, restarts = None, list[Restart]()
    try:
        loading = load(engine, dataset, progress)
    except EngineError as error:
        results = questions.unasked(f"not run, since loading failed: {describe(error)}")
    else:
        anew = (lambda: restarts.append(restart())) if restart else None
        results = questions.run(anew, progress)
    benchmark = Benchmark(
        engine.endpoint.kind,
        engine.title,
        dataset.scale_factor,
        oracle.name,
        loading,
        results,
        restarts=tuple(restarts),
        substitution=execution.substitution.value,
    )
    return with_intervals(benchmark, seed=execution.seed)


class _Questions:
    """What a power run asks one engine, with the right answers at hand."""

    def __init__(
        self, engine: Engine, factor: float, oracle: Oracle, queries: Sequence[int], execution: Execution
    ) -> None:
        self._engine, self._factor, self._queries, self._execution = engine, factor, queries, execution
        self._asked = {
            number: question(number, execution.substitution, seed=execution.seed, scale_factor=factor)
            for number in queries
        }
        self._expected = {number: oracle.answer(one.query) for number, one in self._asked.items()}

    def run(self, restart: Callable[[], None] | None, progress: Progress | None) -> tuple[QueryResult, ...]:
        """Ask them all."""
        return run_queries(
            self._engine,
            self._queries,
            self._execution,
            statement=lambda number: self._engine.tpch_sql(self._asked[number].query, self._factor),
            judge=lambda number: lambda answer: problem(self._expected[number], answer),
            parameters=lambda number: self._asked[number].values,
            restart=restart,
            progress=progress,
        )

    def unasked(self, reason: str) -> tuple[QueryResult, ...]:
        """Results of queries that could not be run."""
        kind = self._engine.endpoint.kind
        return tuple(
            QueryResult(kind, number, (), problem=reason, parameters=one.values) for number, one in self._asked.items()
        )


def run_queries(
    engine: Engine,
    queries: Sequence[int],
    execution: Execution,
    *,
    statement: Callable[[int], tuple[str, Mapping[str, str]]],
    judge: Callable[[int], Judge | None],
    parameters: Callable[[int], Mapping[str, str]] = lambda _: {},
    restart: Callable[[], None] | None = None,
    progress: Progress | None = None,
) -> tuple[QueryResult, ...]:
    """Run queries over data that is there already.

    Args:
        engine: where to run.
        queries: their numbers, in this order.
        execution: how they are run.
        statement: text and settings of a query in the engine's dialect.
        judge: what compares the answers to a query; ``None`` where nothing can (its result is then not ``valid``).
        parameters: what was substituted in a query's text, to be reported.
        restart: called at the beginning of each round, where ``execution`` has restarts.
        progress: told about each pass, and each query of the last one.
    """
    kind = engine.endpoint.kind
    timings = [_Timing(kind, number, *statement(number), judge(number), parameters(number)) for number in queries]
    rounds = max(1, execution.restarts)
    for round_number in range(1, rounds + 1):
        if restart and execution.restarts:
            restart()
        for number in range(1, execution.passes + 1):
            last = round_number == rounds and number == execution.passes
            began = time.perf_counter()
            _run_pass(engine, timings, execution, number, progress if last else None)
            if progress and not last:
                detail = f"{len(timings)} queries, {time.perf_counter() - began:.1f} s"
                progress(Step("pass", _name(execution, round_number, number), number, execution.passes, detail, kind))
    return tuple(timing.result(execution) for timing in timings)


def describe(error: EngineError) -> str:
    """An engine's failure in one line: class, the engine's own name for it, message."""
    return f"{error.error_class.value}: {error.name}: {' '.join(str(error).split())}"


def _name(execution: Execution, round_number: int, number: int) -> str:
    within = f"pass {number} of {execution.passes}"
    return f"restart {round_number} of {execution.restarts}, {within}" if execution.restarts else within


@dataclass(slots=True)
class _Timing:
    """Collects the executions of one query. A failed one is the last: it may have cost a whole deadline."""

    engine: str
    number: int
    sql: str
    settings: Mapping[str, str]
    judge: Judge | None
    parameters: Mapping[str, str]
    warmup_seconds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    statistics: list[Statistics] = field(default_factory=list)
    rows: int | None = None
    problem: str = ""
    failed: bool = False

    def execute(self, session: Session, deadline: float, *, warmup: bool) -> None:
        """Run the query once; raises ``EngineError``."""
        began = time.perf_counter()
        answer = session.execute(self.sql, deadline=deadline, settings=self.settings)
        took = time.perf_counter() - began
        if warmup:
            self.warmup_seconds.append(took)
        else:
            self.seconds.append(took)
            self.statistics.append(answer.statistics)
        self.rows = len(answer.rows)
        if self.judge and not self.problem:
            self.problem = self.judge(answer)

    def fail(self, error: EngineError) -> None:
        """Take note that it failed."""
        self.failed, self.problem = True, self.problem or describe(error)

    def result(self, execution: Execution) -> QueryResult:
        """All that was measured."""
        return QueryResult(
            engine=self.engine,
            query=self.number,
            seconds=tuple(self.seconds),
            warmup_seconds=tuple(self.warmup_seconds),
            engine_seconds=tuple(one.elapsed_seconds for one in self.statistics),
            rows=self.rows,
            valid=not self.failed and self.judge is not None and not self.problem,
            problem=self.problem,
            rounds=max(1, execution.restarts),
            statistics=tuple(self.statistics),
            parameters=self.parameters,
        )

    @property
    def remark(self) -> str:
        """How it stands, for people."""
        if self.problem:
            return self.problem
        middle = statistics.median(self.seconds)
        return f"{middle:.2f} s, {self.rows:,} rows{'' if self.judge else ', not validated'}"


def _run_pass(
    engine: Engine, timings: Sequence[_Timing], execution: Execution, number: int, progress: Progress | None
) -> None:
    """Run each query once on one connection; one that a query broke is replaced for the next."""
    session: Session | None = None
    try:
        for done, timing in enumerate(timings, start=1):
            if not timing.failed:
                try:
                    session = session or engine.connect()
                    timing.execute(session, execution.deadline, warmup=number <= execution.warmups)
                except EngineError as error:
                    timing.fail(error)
                    if session:
                        session.close()
                    session = None
            if progress:
                progress(Step("query", f"Q{timing.number}", done, len(timings), timing.remark, timing.engine))
    finally:
        if session:
            session.close()


def load(engine: Engine, dataset: Dataset, progress: Progress | None) -> LoadingResult:
    """Make the data set queryable and verify it, telling each table; raises ``EngineError``."""
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
