"""TPC-H in the results document."""

from __future__ import annotations

from runner.results.base import Model


class QueryResult(Model):
    """One TPC-H query on one engine.

    ``seconds`` holds the timed iterations in order, ``warmup_seconds`` those before (the first of them is cold),
    ``engine_seconds`` the engine's own timing of each iteration where it tells. ``valid`` is true only when
    *every* answer, warm-ups included, equalled the oracle's.
    """

    engine: str
    query: int
    seconds: tuple[float, ...]
    warmup_seconds: tuple[float, ...] = ()
    engine_seconds: tuple[float | None, ...] = ()
    rows: int | None = None
    valid: bool
    problem: str = ""


class LoadingResult(Model):
    """Time to load the data set into one engine."""

    engine: str
    seconds: float
    rows: dict[str, int]
    reused: bool


class Benchmark(Model):
    """The TPC-H power runs of one engine. Derived from TPC-H; not comparable to published TPC-H results."""

    engine: str
    title: str
    scale_factor: float
    oracle: str
    loading: LoadingResult | None
    queries: tuple[QueryResult, ...]
    geometric_mean_seconds: float | None
