"""A realistic run that never took place: two engines, everything that can go well or badly, and hostile strings."""

from __future__ import annotations

import random
from statistics import geometric_mean, median

from runner.results import (
    Answers,
    Benchmark,
    CheckResult,
    EngineEnvironment,
    Environment,
    Evidence,
    Experiment,
    LoadingResult,
    LoadResult,
    QueryResult,
    Results,
    Sample,
    SloResult,
    Spread,
    TransportOverhead,
    Verdict,
)
from tests.unit.report.stories import (
    HOSTILE,
    LATENCY,
    LONG,
    STARTED,
    STORIES,
    TITLES,
    Story,
    experiment,
    percentiles,
)

__all__ = [
    "CHECKS",
    "CONTROL",
    "HOSTILE",
    "LONG",
    "STARTED",
    "STORIES",
    "TITLES",
    "Story",
    "benchmark",
    "checks",
    "empty_results",
    "environment",
    "experiment",
    "heavy_results",
    "load",
    "objectives",
    "percentiles",
    "sample_results",
]

CONTROL = "bell\x07 and escape\x1b[31m and null\x00"

CHECKS = (
    ("info", "/v1/info answers, is not starting and names its version"),
    ("nodes_active", "as many nodes are active as expected"),
    ("statement_protocol", "a statement runs through the statement protocol to FINISHED"),
    ("credentials_accepted", "the right password is accepted"),
    ("wrong_password_refused", "a wrong password is refused with 401"),
    ("missing_credentials_refused", "a request without credentials is refused with 401"),
    ("syntax_error_named", "a syntax error is refused with the engine's own error name"),
    ("unknown_table_named", "an unknown table is refused with the engine's own error name"),
    ("queueing", "a second concurrent query is queued, as the resource group says"),
    ("queue_full", "a query beyond the queue is refused with QUERY_QUEUE_FULL"),
    ("cancel", "a running query is cancelled and stops"),
    ("types_round_trip", "dates, decimals, text and nulls come back as they were sent"),
    ("ddl_insert_select", "a table is created, filled, read and dropped"),
    ("large_result", "one million rows arrive whole and in order"),
    ("concurrent_sessions", "ten sessions do not see each other's settings"),
)


def checks() -> tuple[CheckResult, ...]:
    """Fifteen on each engine: two failed, one inconclusive, two skipped."""
    special = {
        ("trino", "cancel"): (Verdict.FAIL, "the query was still RUNNING 5 s after the cancellation"),
        ("clickhouse", "queueing"): (Verdict.SKIPPED, "chDB has no resource groups"),
        ("clickhouse", "queue_full"): (Verdict.SKIPPED, "chDB has no resource groups"),
        ("clickhouse", "types_round_trip"): (Verdict.FAIL, HOSTILE),
        ("trino", "large_result"): (Verdict.INCONCLUSIVE, CONTROL),
    }
    found = []
    for engine in TITLES:
        for number, (name, description) in enumerate(CHECKS):
            status, reason = special.get((engine, name), (Verdict.PASS, ""))
            sent = f"POST http://127.0.0.1:8080/v1/statement\nselect {number} -- {HOSTILE}"
            evidence = (Evidence(sent=sent, received='HTTP 200\n{"state": "FINISHED", "rows": 25}'),)
            found.append(
                CheckResult(
                    name=f"{engine}.{name}",
                    engine=engine,
                    description=description,
                    status=status,
                    seconds=0.004 * (number + 1) ** 2,
                    evidence=() if status is Verdict.SKIPPED else evidence * (1 + number % 2),
                    reason=reason,
                )
            )
    return tuple(found)


def benchmark(engine: str, rng: random.Random, *, typical: float, invalid: int | None = None) -> Benchmark:
    """All 22 queries on one engine; ``typical`` is the usual hot time in seconds."""
    queries = []
    for number in range(1, 23):
        base = typical * rng.lognormvariate(0, 0.55)
        seconds = tuple(base * rng.uniform(0.96, 1.1) for _ in range(3))
        queries.append(
            QueryResult(
                engine=engine,
                query=number,
                seconds=seconds,
                warmup_seconds=(base * rng.uniform(1.6, 3.2),),
                engine_seconds=tuple(value * 0.93 for value in seconds),
                rows=(number * 37) % 400 + 1,
                valid=number != invalid,
                problem="row 3, column revenue: 1193053.2253, the oracle has 1193053.2353" if number == invalid else "",
            )
        )
    return Benchmark(
        engine=engine,
        title=TITLES[engine],
        scale_factor=0.1,
        oracle="DuckDB 1.5.5 over the same Parquet files",
        loading=LoadingResult(engine=engine, seconds=3.21, rows={"lineitem": 600_572}, reused=engine == "trino"),
        queries=tuple(queries),
        geometric_mean_seconds=geometric_mean(median(query.seconds) for query in queries),
    )


def load(engine: str, rng: random.Random, *, rate: float, stall: float) -> LoadResult:
    """An open-loop run with one stall of ``stall`` seconds, which only the corrected latency shows."""
    count = int(rate * 30)
    plain = [LATENCY[engine] * 2 * rng.lognormvariate(0, 0.4) for _ in range(count)]
    corrected = [value + (rng.uniform(0, stall) if rng.random() < stall / 30 else 0) for value in plain]
    ordered = sorted(corrected)
    levels, level = [0.0], 0.0
    while level < 100 * (1 - 0.5 / count):
        level += (100 - level) / 10
        levels.append(level)
    curve = [(level, ordered[min(count - 1, int(level / 100 * count))]) for level in levels] + [(100.0, ordered[-1])]
    return LoadResult(
        engine=engine,
        rate_per_second=rate,
        duration_seconds=30.0,
        offered=count + 9,
        sent=count + 4,
        dropped=5,
        answers=Answers(ok=count, failed=4),
        errors={"timeout": 3, "reset": 1},
        achieved_per_second=rate * 0.994,
        corrected=percentiles(corrected),
        uncorrected=percentiles(plain),
        curve=tuple(curve),
        mix={"point lookup": count // 2, "aggregation": count // 3, "join": count // 6},
        problems=("join: timeout after 30 s",),
    )


def objectives(experiments: tuple[Experiment, ...]) -> tuple[SloResult, ...]:
    """Recovery per experiment, and a few for the whole run."""
    found = [
        SloResult(objective="wrong answers", subject="whole run", limit="0", measured="2", verdict=Verdict.FAIL),
        SloResult(objective="availability", subject="trino", limit="≥ 99 %", measured="99.41 %", verdict=Verdict.PASS),
        SloResult(objective="p99", subject="clickhouse", limit="≤ 5× steady", measured="2.1×", verdict=Verdict.PASS),
    ]
    for item in experiments:
        if item.rto_seconds is not None:
            verdict = Verdict.FAIL if item.rto_censored else Verdict.PASS
            measured = f"{'> ' if item.rto_censored else ''}{item.rto_seconds:.2f} s"
            limit = {"pod": "≤ 30 s", "node": "≤ 15 s"}.get(item.kind, "≤ 5 s")
            found.append(SloResult(objective="RTO", subject=item.name, limit=limit, measured=measured, verdict=verdict))
        else:
            found.append(
                SloResult(objective="RTO", subject=item.name, limit="≤ 5 s", measured="–", verdict=item.verdict)
            )
    return tuple(found)


def environment() -> Environment:
    """A small machine."""
    return Environment(
        started_at=STARTED,
        duration_seconds=1043.2,
        runner_version="0.1.0",
        seed=42,
        scale_factor=0.1,
        platform="Linux 6.1 x86_64",
        python="3.11.2",
        cpus=2,
        memory_bytes=24 * 2**30,
        transport="local TCP proxy",
        transport_overheads=(
            TransportOverhead(
                engine="trino",
                rounds=20,
                connect=Spread(median=0.0182, low=0.0164, high=0.0211, largest=0.0493),
                round_trip=Spread(median=0.0031, low=0.0029, high=0.0038, largest=0.0092),
            ),
        ),
        engines=(
            EngineEnvironment(kind="trino", title="Trino", version="476", address="https://127.0.0.1:41234"),
            EngineEnvironment(
                kind="clickhouse", title="ClickHouse (chDB)", version="26.9.1", address="http://127.0.0.1:41235"
            ),
        ),
        packages={"trino": "0.340.0", "clickhouse-connect": "1.12.0", "chdb": "4.4.0", "duckdb": "1.5.5"},
        timings={"start of the target": 14.2, "data generation": 1.3},
        notes=("The machine was busy: load average 3.1 on 2 processors at the start.",),
    )


def sample_results(seed: int = 1) -> Results:
    """The whole run: 30 checks, 44 queries, 2 loads, 16 experiments."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    experiments = tuple(experiment(story, rng, index) for index, story in enumerate(STORIES))
    return Results(
        target="embedded",
        command="python -m runner all --scale-factor 0.1 --seed 42",
        environment=environment(),
        checks=checks(),
        benchmarks=(
            benchmark("trino", rng, typical=0.9),
            benchmark("clickhouse", rng, typical=0.12, invalid=7),
        ),
        loads=(load("trino", rng, rate=8, stall=1.4), load("clickhouse", rng, rate=120, stall=0.6)),
        experiments=experiments,
        slo=objectives(experiments),
        verdict=Verdict.FAIL,
    )


def heavy_results(experiments: int = 20, samples: int = 6000, *, all_fail: bool = False) -> Results:
    """Many experiments of many probes, half of them (or all) failed; the same experiment over and over."""
    rng = random.Random(2)  # noqa: S311 - not for secrets
    story = Story("freeze", "node", "clickhouse", "server", held=20.0, outage=(0.0, 150.0), tail=146.0, error="timeout")
    item = experiment(story, rng, 0, 300.0 / samples)
    if all_fail:
        failed = tuple(
            Sample(at=sample.at, latency=rng.uniform(0.001, 1.0), outcome="failed") for sample in item.samples
        )
        item = item.model_copy(update={"samples": failed})
    return empty_results(experiments=(item,) * experiments, verdict=Verdict.PASS)


def empty_results(**changes: object) -> Results:
    """A run in which nothing was carried out."""
    fields = {"target": "embedded", "command": "python -m runner check", "environment": environment()}
    return Results.model_validate({**fields, "verdict": Verdict.SKIPPED, **changes})
