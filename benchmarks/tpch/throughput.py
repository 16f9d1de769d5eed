"""The throughput test: query streams side by side, each in its own order, and a stream of refresh functions.

Source: TPC-H specification 3.0.1, clauses 5.3.4 and 5.3.5. Each stream has a connection of its own; the refresh stream
runs one pair of functions for each query stream, back to back from the start.

Answers are compared once all streams have ended, so that comparing takes nothing from the engine. Where refresh
functions run, the tables ``orders`` and ``lineitem`` change under the queries, and what is right depends on when a
query looked:

- a query that reads neither table, or ended before the first function began, is compared with the data as loaded;
- one that began after the last function ended, with the data after all of them;
- one that overlapped with them may have seen any mixture of states, since not every engine runs a function in one
  transaction: it is not compared, and counted as such. The functions' own row counts are compared in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.tpch.compare import problem
from benchmarks.tpch.concurrent import RefreshFunctions, StreamJudge, StreamTest
from benchmarks.tpch.model import Progress
from benchmarks.tpch.oracle import Oracle
from benchmarks.tpch.parameters import Question, Substitution, question
from benchmarks.tpch.power import Execution, describe, load, run_queries
from benchmarks.tpch.streams import MOST_STREAMS, order
from benchmarks.tpch.throughput_model import Throughput
from engines import Dataset, Engine, EngineError


@dataclass(frozen=True, slots=True)
class Plan:
    """How a throughput test is run.

    Attributes:
        streams: query streams, 1 to 40 (see ``streams.stream_count``).
        queries: numbers of the queries that each stream runs.
        warmups: passes of stream 0 before, checked and not timed.
        deadline: seconds after which one execution is given up.
        substitution: of the query parameters, in each stream other values.
        seed: of substitution.
    """

    streams: int
    queries: Sequence[int] = tuple(range(1, 23))
    warmups: int = 1
    deadline: float = 900.0
    substitution: Substitution = Substitution.VALIDATION
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.streams <= MOST_STREAMS:
            raise ValueError(f"streams: {self.streams} is not from 1 to {MOST_STREAMS}")
        if not self.queries:
            raise ValueError("queries: there are none")
        if self.warmups < 0:
            raise ValueError(f"warm-ups: {self.warmups} is negative")
        if not self.deadline > 0:
            raise ValueError(f"deadline: {self.deadline} seconds is not greater than 0")

    def questions(self, stream: int, factor: float) -> list[Question]:
        """What a stream asks, in its order."""
        numbers = order(stream, self.queries)
        return [question(n, self.substitution, stream=stream, seed=self.seed, scale_factor=factor) for n in numbers]


def run_throughput(
    engine: Engine,
    dataset: Dataset,
    oracle: Oracle,
    plan: Plan,
    *,
    refresh: RefreshFunctions | None = None,
    without_refresh: str = "",
    progress: Progress | None = None,
) -> Throughput:
    """Load the data set, warm the engine up, run all streams at once, then compare their answers.

    Args:
        engine: where to load and run.
        dataset: the data.
        oracle: knows the right answers over it.
        plan: what to run.
        refresh: the refresh functions, which change what is loaded.
        without_refresh: why there are none.
        progress: told about each table loaded, each query and each refresh function, from one thread at a time.

    Raises:
        OracleError: the oracle cannot answer one of the queries.
    """
    asked = {stream: plan.questions(stream, dataset.scale_factor) for stream in range(1, plan.streams + 1)}
    for one in (one for questions in asked.values() for one in questions):
        oracle.answer(one.query)  # before anything is timed
    result = Throughput(
        engine.endpoint.kind,
        engine.title,
        dataset.scale_factor,
        oracle.name,
        plan.substitution.value,
        without_refresh=without_refresh,
    )
    try:
        result = replace(result, loading=load(engine, dataset, progress))
    except EngineError as error:
        return replace(result, problem=f"loading failed: {describe(error)}")
    if wrong := _warm_up(engine, oracle, plan, dataset.scale_factor, progress):
        return replace(result, problem=wrong)
    test = StreamTest(engine, dataset.scale_factor, plan.streams, plan.deadline, refresh, progress)
    test.run(asked)
    judge = StreamJudge(oracle, refresh, tuple(test.refreshes), test.refreshed)
    streams = tuple(judge.stream(number, executed) for number, executed in sorted(test.executed.items()))
    return replace(result, seconds=test.seconds, streams=streams, refreshes=tuple(test.refreshes))


def _warm_up(engine: Engine, oracle: Oracle, plan: Plan, factor: float, progress: Progress | None) -> str:
    """Passes of stream 0, whose answers must be right; what was wrong, or nothing."""
    if not plan.warmups:
        return ""
    asked = {one.query.number: one for one in plan.questions(0, factor)}
    expected = {number: oracle.answer(one.query) for number, one in asked.items()}
    results = run_queries(
        engine,
        tuple(asked),
        Execution(0, plan.warmups, plan.deadline),
        statement=lambda number: engine.tpch_sql(asked[number].query, factor),
        judge=lambda number: lambda answer: problem(expected[number], answer),
        progress=progress,
    )
    return "; ".join(f"warm-up: Q{result.query}: {result.problem}" for result in results if result.problem)
