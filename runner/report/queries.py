"""The TPC-H part of a report: hot medians, cold runs and validity, engine beside engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from runner.report.engines import EngineNames
from runner.report.figures import tpch_figure
from runner.report.figures.scale import LogScale
from runner.report.figures.tpch import Bar, BarGroup, tpch_scale
from runner.report.tpch import Told, caches, over, told
from runner.results import Benchmark, Interval, QueryResult


@dataclass(frozen=True, slots=True)
class Timing:
    """One query on one engine in seconds; all ``None`` where it has no answer."""

    hot: float | None = None
    low: float | None = None
    high: float | None = None
    cold: float | None = None
    iterations: int = 0
    rows: int | None = None
    valid: bool = False
    problem: str = ""
    interval: Interval | None = None
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One query with its timing on each engine, ``None`` where it was not run; ``ratio`` is slowest to fastest."""

    query: int
    timings: tuple[Timing | None, ...]

    @property
    def ratio(self) -> float | None:
        """Slowest hot median over the fastest; ``None`` with fewer than two."""
        hot = [timing.hot for timing in self.timings if timing and timing.hot]
        return max(hot) / min(hot) if len(hot) > 1 else None


@dataclass(frozen=True, slots=True)
class BenchmarkSummary:
    """One engine's benchmark; ``total`` is the sum of its hot medians in seconds."""

    benchmark: Benchmark
    series: str
    valid: int
    total: float
    iterations: int


@dataclass(frozen=True, slots=True)
class QuerySection:
    """Everything the TPC-H part shows."""

    summaries: tuple[BenchmarkSummary, ...]
    rows: tuple[QueryRow, ...]
    figure: Markup
    logarithmic: bool
    has_cold: bool

    @property
    def oracles(self) -> list[str]:
        """What the answers were compared with, each once."""
        return list(dict.fromkeys(summary.benchmark.oracle for summary in self.summaries))

    @property
    def intervals(self) -> list[str]:
        """What the intervals of each engine rest on, where there are any."""
        return [f"{s.benchmark.title}: {basis}" for s in self.summaries if (basis := over(s.benchmark))]

    @property
    def restarts(self) -> list[str]:
        """How each engine was started anew, where it was."""
        return [f"{s.benchmark.title}: {caches(s.benchmark)}" for s in self.summaries if s.benchmark.restarts]

    @property
    def drawn(self) -> list[str]:
        """Titles of the engines whose queries had parameters drawn for them."""
        return [s.benchmark.title for s in self.summaries if s.benchmark.substitution == "seeded"]

    @property
    def has_statistics(self) -> bool:
        """Whether any engine told anything of its queries."""
        return any(query.statistics for s in self.summaries for query in s.benchmark.queries)

    @property
    def problems(self) -> list[tuple[str, QueryResult]]:
        """(engine title, query) of each answer that is not valid."""
        return [(s.benchmark.title, q) for s in self.summaries for q in s.benchmark.queries if not q.valid]


def timing(result: QueryResult) -> Timing:
    """Summarise one query. The first warm-up of each round is a cold run; without one nothing is called cold."""
    hot = result.seconds
    cold = result.warmup_seconds[:: -(-len(result.warmup_seconds) // result.rounds) or 1]
    return Timing(
        hot=median(hot) if hot else None,
        low=min(hot, default=None),
        high=max(hot, default=None),
        cold=median(cold) if cold else None,
        iterations=len(hot),
        rows=result.rows,
        valid=result.valid,
        problem=result.problem,
        interval=result.interval,
        told=told(result),
    )


def query_section(benchmarks: Sequence[Benchmark], names: EngineNames) -> QuerySection | None:
    """Build the part; ``None`` when no benchmark was run."""
    if not any(benchmark.queries for benchmark in benchmarks):
        return None
    timings = [{query.query: timing(query) for query in benchmark.queries} for benchmark in benchmarks]
    numbers = sorted({number for each in timings for number in each})
    rows = tuple(QueryRow(number, tuple(each.get(number) for each in timings)) for number in numbers)
    groups = [_group(row, benchmarks, names) for row in rows]
    return QuerySection(
        summaries=tuple(_summary(b, names, each) for b, each in zip(benchmarks, timings, strict=True)),
        rows=rows,
        figure=tpch_figure("tpch", groups),
        logarithmic=isinstance(tpch_scale(groups), LogScale),
        has_cold=any(each.cold is not None for row in rows for each in row.timings if each),
    )


def _summary(benchmark: Benchmark, names: EngineNames, timings: dict[int, Timing]) -> BenchmarkSummary:
    return BenchmarkSummary(
        benchmark=benchmark,
        series=names.series(benchmark.engine),
        valid=sum(query.valid for query in benchmark.queries),
        total=sum(each.hot for each in timings.values() if each.hot is not None),
        iterations=max((each.iterations for each in timings.values()), default=0),
    )


def _group(row: QueryRow, benchmarks: Sequence[Benchmark], names: EngineNames) -> BarGroup:
    bars = [
        Bar(
            benchmark.title,
            names.series(benchmark.engine),
            each.hot,
            each.cold,
            each.valid,
            (each.interval.low, each.interval.high) if each.interval else None,
        )
        for benchmark, each in zip(benchmarks, row.timings, strict=True)
        if each is not None
    ]
    return BarGroup(row.query, tuple(bars))
