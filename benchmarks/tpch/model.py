"""What the TPC-H modules hand to one another: steps of progress, expected answers, measured results.

The results have the field names of the results document, so that a report can take them over field by field.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from engines import Row


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
class QueryResult:
    """One query on one engine; every duration in seconds, client-side.

    Attributes:
        engine: kind of the engine.
        query: number of the query.
        seconds: the timed iterations, in order.
        warmup_seconds: the executions before them; the very first execution of a query is its cold one.
        engine_seconds: the engine's own timing of each timed iteration, where it tells.
        rows: rows of the last answer.
        valid: *every* answer, warm-ups included, equalled the oracle's; false as well where nothing was compared.
        problem: the first failure or difference; empty when there was none.
    """

    engine: str
    query: int
    seconds: tuple[float, ...]
    warmup_seconds: tuple[float, ...] = ()
    engine_seconds: tuple[float | None, ...] = ()
    rows: int | None = None
    valid: bool = False
    problem: str = ""

    @property
    def cold_seconds(self) -> float | None:
        """Duration of the first execution."""
        executions = self.warmup_seconds + self.seconds
        return executions[0] if executions else None

    @property
    def hot_seconds(self) -> tuple[float, ...]:
        """Timed iterations that were not the first execution."""
        return self.seconds if self.warmup_seconds else self.seconds[1:]


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
    ``geometric_mean_seconds`` is ``None`` when a query failed, was wrong or has no hot iteration.
    """

    engine: str
    title: str
    scale_factor: float
    oracle: str
    loading: LoadingResult | None
    queries: tuple[QueryResult, ...]
    geometric_mean_seconds: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "geometric_mean_seconds", geometric_mean(self.queries))

    @property
    def valid(self) -> bool:
        """Every query ran, and every answer was right."""
        return bool(self.queries) and all(query.valid for query in self.queries)

    @property
    def total_seconds(self) -> float:
        """All executions, warm-ups included, together."""
        return sum(sum(query.warmup_seconds + query.seconds) for query in self.queries)


def geometric_mean(queries: Sequence[QueryResult]) -> float | None:
    """Geometric mean of the median hot iteration of each query, in seconds.

    ``None`` when a query failed, was wrong or has no hot iteration: a mean over the rest would compare to nothing.
    """
    if not queries or any(query.problem or not query.hot_seconds for query in queries):
        return None
    return statistics.geometric_mean(statistics.median(query.hot_seconds) for query in queries)
