"""What the TPC-H modules hand to one another: steps of progress, expected answers, measured results.

The results have the field names of the results document, so that a report can take them over field by field.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from benchmarks.tpch.intervals import Interval, intervals
from engines import Row, Statistics


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of a longer job was done, or has come further.

    Attributes:
        stage: ``data``, ``oracle``, ``load`` or ``query``.
        subject: what it was: a table, a query (``Q7``), a scale factor's schema.
        done: pieces done, this one included.
        total: pieces in all; 0 where nobody knows.
        detail: one short remark for people (``345 MB``, ``1.24 s``, a problem).
        engine: kind of the engine that worked; empty for data and oracle.
    """

    stage: str
    subject: str
    done: int
    total: int
    detail: str = ""
    engine: str = ""


Progress = Callable[[Step], None]


class ColumnKind(StrEnum):
    """How a column's values are compared."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    TEXT = "text"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an expected answer. ``scale`` is the number of decimal places of a DECIMAL column."""

    name: str
    kind: ColumnKind
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """The right answer to one query, with all that a comparison must know about its order.

    Attributes:
        query: number of the query.
        columns: its columns, in order.
        rows: its rows, sorted by ``order``. Where ``limit`` cuts through rows with equal sort keys, *all* of those
            rows are here, since an engine may return any of them: there can be more rows than ``limit``.
        order: positions of the sort keys among the columns; empty where the query does not ask for an order.
        limit: rows an answer has at most, or ``None``.
    """

    query: int
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    order: tuple[int, ...] = ()
    limit: int | None = None

    @property
    def row_count(self) -> int:
        """Rows that a right answer has."""
        return len(self.rows) if self.limit is None else min(self.limit, len(self.rows))


@dataclass(frozen=True, slots=True)
class Restart:
    """One restart of an engine before a round of a power run.

    Attributes:
        seconds: until it had its full capacity again.
        method: what was done to which process or pod.
        caches: which caches were dropped, and which were not and why.
    """

    seconds: float
    method: str
    caches: str


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One query on one engine; every duration in seconds, client-side.

    Attributes:
        engine: kind of the engine.
        query: number of the query.
        seconds: the timed iterations, in order.
        warmup_seconds: the executions before them; the first execution of a round is its cold one.
        engine_seconds: the engine's own timing of each timed iteration, where it tells.
        rows: rows of the last answer.
        valid: *every* answer, warm-ups included, equalled the oracle's; false as well where nothing was compared.
        problem: the first failure or difference; empty when there was none.
        rounds: how often the engine was started anew; each has as many iterations and warm-ups as any other.
        statistics: what the engine tells of each timed iteration.
        parameters: what was substituted in the text; empty for the validation values.
        interval: of the median of the hot iterations.
    """

    engine: str
    query: int
    seconds: tuple[float, ...]
    warmup_seconds: tuple[float, ...] = ()
    engine_seconds: tuple[float | None, ...] = ()
    rows: int | None = None
    valid: bool = False
    problem: str = ""
    rounds: int = 1
    statistics: tuple[Statistics, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    interval: Interval | None = None

    @property
    def cold_seconds(self) -> float | None:
        """Duration of the first execution of each round, their median; ``None`` where there was none."""
        cold = [
            executions[0] for executions in by_round(self.warmup_seconds or self.seconds, self.rounds) if executions
        ]
        return statistics.median(cold) if cold else None

    @property
    def hot_rounds(self) -> tuple[tuple[float, ...], ...]:
        """Timed iterations that were not the first execution of their round, round by round."""
        return tuple(seconds[0 if self.warmup_seconds else 1 :] for seconds in by_round(self.seconds, self.rounds))

    @property
    def hot_seconds(self) -> tuple[float, ...]:
        """The same in a row."""
        return tuple(second for seconds in self.hot_rounds for second in seconds)


def by_round(values: Sequence[float], rounds: int) -> tuple[tuple[float, ...], ...]:
    """Values of all rounds, parted. A query that failed half-way has fewer in its last rounds."""
    size = -(-len(values) // rounds) if rounds else 0
    return tuple(tuple(values[start : start + size]) for start in range(0, len(values), size)) if size else ()


@dataclass(frozen=True, slots=True)
class LoadingResult:
    """Seconds it took to load the data set into one engine, and the rows of each table afterwards."""

    engine: str
    seconds: float
    rows: dict[str, int]
    reused: bool


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The power run of one engine. Derived from TPC-H; not comparable to published TPC-H results.

    ``loading`` is ``None`` where the data was there before or could not be loaded (each query then says so).
    ``geometric_mean_seconds`` and ``sum_seconds`` (of the medians of the hot iterations) are ``None`` when a query
    failed, was wrong or has no hot iteration. ``restarts`` has one entry for each round that began with one.
    """

    engine: str
    title: str
    scale_factor: float
    oracle: str
    loading: LoadingResult | None
    queries: tuple[QueryResult, ...]
    restarts: tuple[Restart, ...] = ()
    substitution: str = "validation"
    geometric_mean_interval: Interval | None = None
    sum_interval: Interval | None = None
    geometric_mean_seconds: float | None = field(init=False)
    sum_seconds: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "geometric_mean_seconds", geometric_mean(self.queries))
        object.__setattr__(self, "sum_seconds", sum_of_medians(self.queries))

    @property
    def valid(self) -> bool:
        """Every query ran, and every answer was right."""
        return bool(self.queries) and all(query.valid for query in self.queries)


def geometric_mean(queries: Sequence[QueryResult]) -> float | None:
    """Geometric mean of the median hot iteration of each query, in seconds.

    ``None`` when a query failed, was wrong or has no hot iteration: a mean over the rest would compare to nothing.
    """
    return statistics.geometric_mean(_medians(queries)) if _comparable(queries) else None


def sum_of_medians(queries: Sequence[QueryResult]) -> float | None:
    """Sum of the same, or ``None``."""
    return sum(_medians(queries)) if _comparable(queries) else None


def with_intervals(benchmark: Benchmark, *, seed: int) -> Benchmark:
    """The same with intervals where enough was measured; those of the whole only where every query has one."""
    rounds = {query.query: query.hot_rounds for query in benchmark.queries if not query.problem}
    try:
        found = intervals(tuple(rounds.values()), seed=seed)
    except ValueError:  # executions are missing somewhere
        found = None
    if found is None:
        return benchmark
    medians = dict(zip(rounds, found.medians, strict=True))
    whole = len(medians) == len(benchmark.queries)
    return replace(
        benchmark,
        queries=tuple(replace(query, interval=medians.get(query.query)) for query in benchmark.queries),
        geometric_mean_interval=found.geometric_mean if whole else None,
        sum_interval=found.total if whole else None,
    )


def _comparable(queries: Sequence[QueryResult]) -> bool:
    return bool(queries) and not any(query.problem or not query.hot_seconds for query in queries)


def _medians(queries: Sequence[QueryResult]) -> list[float]:
    return [statistics.median(query.hot_seconds) for query in queries]
