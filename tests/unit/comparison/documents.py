"""Pairs of results documents that never were measured."""

from __future__ import annotations

from collections.abc import Mapping

from runner.comparison.sides import Side
from runner.results import Answers, Benchmark, EngineEnvironment, Experiment, LoadResult, QueryResult, Results, Verdict
from tests.unit.benchmarks.runs import Noise, timings
from tests.unit.report.sample import TITLES, empty_results, environment, percentiles, sample_results

CALM = Noise(run=0.02, restart=0.01, query=0.01, execution=0.04)


def results(**parts: object) -> Results:
    """A run of the sample's machine with these parts."""
    return empty_results(**parts)


def side(*runs: Results) -> Side:
    """Runs as they would have been read."""
    return Side(runs, ())


def measured(
    seed: int,
    *,
    noise: Noise = CALM,
    engines: tuple[str, ...] = ("clickhouse", "trino"),
    iterations: int = 30,
    slower: Mapping[tuple[str, int], float] | None = None,
) -> Results:
    """A run of TPC-H, ``slower`` by (engine, query)."""
    benchmarks = []
    for index, engine in enumerate(engines):
        factors = {query: factor for (kind, query), factor in (slower or {}).items() if kind == engine}
        run = timings(10 * seed + index, noise, restarts=1, iterations=iterations, slower=factors)
        queries = [query_result(engine, number, sample[0]) for number, sample in run.items()]
        benchmarks.append(benchmark(engine, *queries))
    return results(benchmarks=tuple(benchmarks), verdict=Verdict.PASS)


def query_result(engine: str, query: int, seconds: object, **changes: object) -> QueryResult:
    """One query, valid unless said otherwise."""
    fields = {"engine": engine, "query": query, "seconds": seconds, "warmup_seconds": (9.0,), "valid": True}
    return QueryResult.model_validate({**fields, **changes})


def benchmark(engine: str, *queries: QueryResult) -> Benchmark:
    """A power run."""
    return Benchmark(
        engine=engine,
        title=TITLES.get(engine, engine),
        scale_factor=0.1,
        oracle="none",
        loading=None,
        queries=queries,
        geometric_mean_seconds=None,
    )


def load(seconds: list[float], *, failed: int = 0, wrong: int = 0, rate: float = 50.0) -> LoadResult:
    """A load whose right answers took so long."""
    ordered, count = sorted(seconds), len(seconds)
    levels = [100 * step / 500 for step in range(501)]
    curve = tuple((level, ordered[min(count - 1, int(level / 100 * count))]) for level in levels)
    offered = count + failed + wrong
    return LoadResult(
        engine="clickhouse",
        rate_per_second=rate,
        duration_seconds=offered / rate,
        offered=offered,
        sent=offered,
        dropped=0,
        answers=Answers(ok=count, failed=failed, wrong=wrong),
        achieved_per_second=rate,
        corrected=percentiles(seconds),
        uncorrected=percentiles(seconds),
        curve=curve,
        mix={"Q1": 1},
    )


def recovered(seconds: float | None, *, spread: float = 0.3, censored: bool = False, **changes: object) -> Experiment:
    """The sample's first experiment with another recovery time."""
    update = {"rto_seconds": seconds, "rto_uncertainty_seconds": spread, "rto_censored": censored, **changes}
    return sample_results().experiments[0].model_copy(update=update)


def elsewhere(run: Results, **changes: object) -> Results:
    """The same run in another environment."""
    return run.model_copy(update={"environment": run.environment.model_copy(update=changes)})


def engine(kind: str, version: str) -> EngineEnvironment:
    """An engine of another version."""
    return environment().engines[0].model_copy(update={"kind": kind, "title": TITLES[kind], "version": version})
