"""TPC-H in the results document."""

from __future__ import annotations

from typing import Literal

from runner.results.base import Model


class EngineStatistics(Model):
    """What an engine tells of one statement; ``None`` where it does not.

    ``elapsed_seconds`` is from the statement's arrival to its end, time in a queue included; ``cpu_seconds`` that of
    all threads and nodes together; ``rows_read`` and ``bytes_read`` are what its scans read.
    """

    elapsed_seconds: float | None = None
    cpu_seconds: float | None = None
    queued_seconds: float | None = None
    rows_read: int | None = None
    bytes_read: int | None = None
    peak_memory_bytes: int | None = None


class Interval(Model):
    """A bootstrap interval in seconds.

    ``over`` says what was resampled: engine restarts, then iterations within them; or the iterations of a single
    process alone, which says nothing about another process.
    """

    low: float
    high: float
    confidence: float
    over: Literal["restarts", "iterations"]


class Restart(Model):
    """One restart of the engine before a round: until it had its full capacity, what was done, which caches went."""

    seconds: float
    method: str
    caches: str


class QueryResult(Model):
    """One TPC-H query on one engine.

    ``seconds`` holds the timed iterations in order, ``warmup_seconds`` those before (the first of each round is cold),
    ``engine_seconds`` the engine's own timing of each iteration where it tells, ``statistics`` all else it tells of
    them. With restarts there are several ``rounds``, one after the other in each of these, all of the same length.
    ``valid`` is true only when *every* answer, warm-ups included, equalled the oracle's. ``parameters`` is empty for
    the validation values. ``interval`` is that of the median of the hot iterations.
    """

    engine: str
    query: int
    seconds: tuple[float, ...]
    warmup_seconds: tuple[float, ...] = ()
    engine_seconds: tuple[float | None, ...] = ()
    rows: int | None = None
    valid: bool
    problem: str = ""
    rounds: int = 1
    statistics: tuple[EngineStatistics, ...] = ()
    parameters: dict[str, str] = {}
    interval: Interval | None = None


class LoadingResult(Model):
    """Time to load the data set into one engine."""

    engine: str
    seconds: float
    rows: dict[str, int]
    reused: bool


class Benchmark(Model):
    """The TPC-H power runs of one engine. Derived from TPC-H; not comparable to published TPC-H results.

    ``queries`` are in the order in which they ran. ``sum_seconds`` is that of the medians of the hot iterations.
    """

    engine: str
    title: str
    scale_factor: float
    oracle: str
    loading: LoadingResult | None
    queries: tuple[QueryResult, ...]
    restarts: tuple[Restart, ...] = ()
    substitution: Literal["validation", "seeded"] = "validation"
    geometric_mean_seconds: float | None
    geometric_mean_interval: Interval | None = None
    sum_seconds: float | None = None
    sum_interval: Interval | None = None


class StreamQuery(Model):
    """One query of one stream, begun ``started_seconds`` after the test.

    ``checked`` says against which state of the data its answer was compared: as loaded, after all refresh functions, or
    not at all, because a refresh function was changing the tables while the query ran. ``seconds`` is ``None`` where it
    failed.
    """

    query: int
    started_seconds: float
    seconds: float | None
    engine_seconds: float | None = None
    rows: int | None = None
    checked: Literal["loaded", "refreshed", "no"]
    problem: str = ""
    parameters: dict[str, str] = {}


class Stream(Model):
    """One query stream; its rate is ``None`` when a query failed or was wrong."""

    stream: int
    seconds: float
    queries_per_hour: float | None
    queries: tuple[StreamQuery, ...]


class RefreshRun(Model):
    """One refresh function of the refresh stream: rows by which each table changed; no ``seconds`` where it failed."""

    pair: int
    function: Literal["RF1", "RF2"]
    started_seconds: float
    seconds: float | None
    rows: dict[str, int] = {}
    problem: str = ""


class Throughput(Model):
    """One throughput test of one engine. Derived from TPC-H; not comparable to published TPC-H results.

    ``seconds`` is from the start of the first stream to the end of the last, the refresh stream included.
    ``queries_per_hour`` counts all streams together and is ``None`` when anything failed or was wrong.
    ``without_refresh`` says why no refresh function ran, and is empty where they did.
    """

    engine: str
    title: str
    scale_factor: float
    oracle: str
    substitution: Literal["validation", "seeded"] = "validation"
    loading: LoadingResult | None
    seconds: float
    queries_per_hour: float | None
    streams: tuple[Stream, ...]
    refreshes: tuple[RefreshRun, ...] = ()
    without_refresh: str = ""
    problem: str = ""
