"""What a throughput test measures, with the field names of the results document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from benchmarks.tpch.model import LoadingResult

Function = Literal["RF1", "RF2"]


class Checked(StrEnum):
    """Against which state of the data an answer was compared."""

    LOADED = "loaded"
    REFRESHED = "refreshed"
    NO = "no"  # a refresh function was changing the tables while the query ran


@dataclass(frozen=True, slots=True)
class StreamQuery:
    """One query of one stream; seconds, from the start of the test where ``started_seconds`` counts.

    Attributes:
        query: its number.
        started_seconds: when it was sent.
        seconds: until all of its rows were here; ``None`` where it failed.
        engine_seconds: the engine's own timing, where it tells.
        rows: rows of the answer.
        checked: against what the answer was compared.
        problem: failure or difference; empty when there was none.
        parameters: what was substituted in the text; empty for the validation values.
    """

    query: int
    started_seconds: float
    seconds: float | None
    engine_seconds: float | None
    rows: int | None
    checked: Checked
    problem: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """One query stream: from its first query's start to its last one's end."""

    stream: int
    seconds: float
    queries: tuple[StreamQuery, ...]
    queries_per_hour: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "queries_per_hour", per_hour(self.queries, self.seconds))


@dataclass(frozen=True, slots=True)
class RefreshRun:
    """One refresh function: by how many rows each table changed; no ``seconds`` where it failed."""

    pair: int
    function: Function
    started_seconds: float
    seconds: float | None
    rows: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Throughput:
    """The throughput test of one engine. Derived from TPC-H; not comparable to published TPC-H results.

    Attributes:
        engine: its kind.
        title: its name.
        scale_factor: of the data.
        oracle: what the answers were compared with.
        substitution: of the query parameters.
        loading: ``None`` where the data could not be loaded.
        seconds: from the start of the first stream to the end of the last, the refresh stream included.
        streams: the query streams.
        refreshes: what the refresh stream did, in order.
        without_refresh: why there was none; empty where there was.
        problem: what went wrong before the streams began; there are none then.
        queries_per_hour: of all streams together; ``None`` when anything failed or was wrong.
    """

    engine: str
    title: str
    scale_factor: float
    oracle: str
    substitution: str
    loading: LoadingResult | None = None
    seconds: float = 0.0
    streams: tuple[Stream, ...] = ()
    refreshes: tuple[RefreshRun, ...] = ()
    without_refresh: str = ""
    problem: str = ""
    queries_per_hour: float | None = field(init=False)

    def __post_init__(self) -> None:
        fine = not self.problem and not any(run.problem for run in self.refreshes)
        queries = [query for stream in self.streams for query in stream.queries]
        object.__setattr__(self, "queries_per_hour", per_hour(queries, self.seconds) if fine else None)


def per_hour(queries: Sequence[StreamQuery], seconds: float) -> float | None:
    """Queries per hour; ``None`` when one failed or was wrong: the others are not the work that was to be done."""
    if not queries or seconds <= 0 or any(query.problem for query in queries):
        return None
    return len(queries) * 3600 / seconds
