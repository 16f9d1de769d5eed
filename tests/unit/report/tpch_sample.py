"""Power runs over restarts and throughput tests that never took place."""

from __future__ import annotations

import random

from runner.results import (
    Benchmark,
    EngineStatistics,
    Interval,
    RefreshRun,
    Restart,
    Stream,
    StreamQuery,
    Throughput,
)
from tests.unit.report.sample import TITLES, benchmark


def throughput(engine: str, *, refresh: bool = True, wrong: int | None = None) -> Throughput:
    """Two streams of three queries of 1, 2 and 3 s; with refresh functions beside the first query of each."""
    streams = []
    for number in (1, 2):
        queries = tuple(
            StreamQuery(
                query=query,
                started_seconds=start,
                seconds=seconds,
                engine_seconds=seconds * 0.9,
                rows=4,
                checked="no" if refresh and start == 0 else "refreshed" if refresh else "loaded",
                problem="rows: engine 3, oracle 4" if (query, number) == (wrong, 1) else "",
            )
            for query, start, seconds in ((21, 0.0, 1.0), (3, 1.0, 2.0), (18, 3.0, 3.0))
        )
        rate = None if wrong and number == 1 else 1800.0
        streams.append(Stream(stream=number, seconds=6.0, queries_per_hour=rate, queries=queries))
    runs = (
        RefreshRun(pair=1, function="RF1", started_seconds=0.0, seconds=0.4, rows={"orders": 150}),
        RefreshRun(pair=1, function="RF2", started_seconds=0.5, seconds=0.4, rows={"orders": -150}),
    )
    return Throughput(
        engine=engine,
        title=TITLES[engine],
        scale_factor=0.1,
        oracle="DuckDB 1.5.5 over the same Parquet files",
        loading=None,
        seconds=6.0,
        queries_per_hour=None if wrong else 3600.0,
        streams=tuple(streams),
        refreshes=runs if refresh else (),
        without_refresh="" if refresh else "the catalog cannot be written",
    )


def repeated(engine: str) -> Benchmark:
    """A power run over three restarts, with statistics and intervals."""
    rng = random.Random(3)  # noqa: S311 - not for secrets
    plain = benchmark(engine, rng, typical=0.5)
    told = EngineStatistics(
        elapsed_seconds=0.4, cpu_seconds=0.7, rows_read=6_001_215, bytes_read=5 * 2**20, peak_memory_bytes=3 * 2**20
    )
    queries = tuple(
        query.model_copy(
            update={
                "rounds": 3,
                "warmup_seconds": query.warmup_seconds * 3,
                "statistics": (told,) * 3,
                "interval": Interval(low=0.4, high=0.6, confidence=0.95, over="restarts"),
            }
        )
        for query in plain.queries
    )
    return plain.model_copy(
        update={
            "queries": queries,
            "restarts": (Restart(seconds=9.5, method="killed", caches="page cache dropped"),) * 3,
            "geometric_mean_interval": Interval(low=0.45, high=0.55, confidence=0.95, over="restarts"),
            "sum_seconds": 12.0,
            "sum_interval": Interval(low=11.0, high=13.0, confidence=0.95, over="restarts"),
        }
    )
