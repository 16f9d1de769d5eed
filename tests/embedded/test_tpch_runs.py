"""Power runs over restarts and throughput tests on real engines, small."""

from __future__ import annotations

import pytest

from benchmarks.tpch.data import dataset
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.pagecache import data_files
from benchmarks.tpch.parameters import Substitution
from benchmarks.tpch.power import Execution, run_power
from benchmarks.tpch.restarts import restart
from benchmarks.tpch.streams import order
from benchmarks.tpch.throughput import Plan, run_throughput
from engines import Dataset, Engine
from targets.embedded.target import EmbeddedTarget

SCALE_FACTOR = 0.01
DEADLINE = 120.0
ALL = range(1, 23)

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def data() -> Dataset:
    return dataset(SCALE_FACTOR)


def engine(embedded: EmbeddedTarget, kind: str) -> Engine:
    return next(engine for engine in embedded.engines() if engine.endpoint.kind == kind)


@pytest.mark.parametrize("kind", ["clickhouse", "trino"])
def test_a_power_run_starts_the_engine_anew_and_keeps_its_data(
    embedded: EmbeddedTarget, data: Dataset, kind: str
) -> None:
    before = {process.pid for process in embedded.processes(kind)}
    benchmark = run_power(
        engine(embedded, kind),
        data,
        DuckDbOracle(data),
        queries=order(0, (1, 6, 14)),
        execution=Execution(1, 2, DEADLINE, restarts=1),
        restart=lambda: restart(embedded, kind, [data.directory]),
    )
    assert {result.problem for result in benchmark.queries} == {""}
    assert [result.query for result in benchmark.queries] == [14, 6, 1]
    assert not before & {process.pid for process in embedded.processes(kind)}
    (done,) = benchmark.restarts
    assert done.seconds > 0
    assert kind in done.method
    assert "page cache" in done.caches


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "trino",
            (
                "elapsed_seconds",
                "cpu_seconds",
                "queued_seconds",
                "rows_read",
                "bytes_read",
                "peak_memory_bytes",
            ),
        ),
        ("clickhouse", ("elapsed_seconds", "rows_read", "bytes_read")),
    ],
)
def test_engines_tell_of_their_queries(
    embedded: EmbeddedTarget, data: Dataset, kind: str, told: tuple[str, ...]
) -> None:
    benchmark = run_power(
        engine(embedded, kind), data, DuckDbOracle(data), queries=(1, 18), execution=Execution(1, 2, DEADLINE)
    )
    for result in benchmark.queries:
        for seconds, found in zip(result.seconds, result.statistics, strict=True):
            assert all(getattr(found, name) is not None for name in told), found
            assert 0 < (found.elapsed_seconds or 0) <= seconds
            assert (found.rows_read or 0) >= data.rows["lineitem"]
            assert (found.bytes_read or 0) > data.rows["lineitem"]


@pytest.mark.parametrize("kind", ["clickhouse", "trino"])
@pytest.mark.parametrize("substitution", Substitution)
def test_streams_side_by_side_are_right(
    embedded: EmbeddedTarget, data: Dataset, kind: str, substitution: Substitution
) -> None:
    plan = Plan(2, warmups=0, deadline=DEADLINE, substitution=substitution, seed=11)
    result = run_throughput(engine(embedded, kind), data, DuckDbOracle(data), plan)
    problems = {
        (stream.stream, query.query): query.problem
        for stream in result.streams
        for query in stream.queries
        if query.problem
    }
    assert problems == {}
    assert [len(stream.queries) for stream in result.streams] == [22, 22]
    first, second = result.streams
    assert second.queries[0].started_seconds < first.queries[-1].started_seconds, "one after the other"
    assert result.queries_per_hour is not None


def test_cold_data_files_are_those_of_the_engine(embedded: EmbeddedTarget, data: Dataset) -> None:
    engine(embedded, "clickhouse").load_tpch(data)
    files = data_files(embedded.state_directory, data.directory)
    assert any("clickhouse-data" in file.parts for file in files)
    assert any(file.name == "lineitem.parquet" for file in files)
