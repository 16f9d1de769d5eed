"""TPC-H on real engines: every answer is right, and one that is not would be noticed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.tpch.compare import problem
from benchmarks.tpch.data import dataset
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.power import Execution, run_power, run_queries
from benchmarks.tpch.queries import QUERY_NUMBERS, query
from engines import Dataset, Engine
from runner.presto import main
from targets.embedded.target import EmbeddedTarget

SCALE_FACTOR = 0.01
DEADLINE = 120.0

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def data() -> Dataset:
    return dataset(SCALE_FACTOR)


@pytest.fixture(scope="module", params=["trino", "clickhouse"])
def engine(embedded: EmbeddedTarget, request: pytest.FixtureRequest) -> Engine:
    return next(engine for engine in embedded.engines() if engine.endpoint.kind == request.param)


@pytest.fixture(scope="module")
def loaded(engine: Engine, data: Dataset) -> Engine:
    engine.load_tpch(data)
    return engine


def test_all_22_answers_are_right(engine: Engine, data: Dataset) -> None:
    benchmark = run_power(engine, data, DuckDbOracle(data), queries=QUERY_NUMBERS, execution=Execution(0, 1, DEADLINE))
    assert {result.query: result.problem for result in benchmark.queries if not result.valid} == {}
    assert len(benchmark.queries) == 22
    assert benchmark.loading is not None
    assert benchmark.loading.rows == data.rows
    assert all(result.seconds[0] > 0 for result in benchmark.queries)


@dataclass(frozen=True)
class Change:
    """A query changed in one place, and the column of the first row in which that shows."""

    query: int
    right: str
    wrong: str
    column: str


@pytest.mark.parametrize(
    "change",
    [
        Change(1, "count(*)", "count(*) + 1", "count_order"),
        Change(6, "l_quantity < 24", "l_quantity < 23", "revenue"),
        Change(10, "revenue DESC", "revenue ASC", "c_custkey"),
        Change(15, "max(total_revenue)", "min(total_revenue)", "s_suppkey"),
    ],
    ids=lambda change: f"Q{change.query}",
)
def test_a_query_that_asks_for_something_else_is_found_wrong(loaded: Engine, data: Dataset, change: Change) -> None:
    expected = DuckDbOracle(data).expected(change.query)
    sql, settings = loaded.tpch_sql(query(change.query), SCALE_FACTOR)
    assert change.right in sql
    (result,) = run_queries(
        loaded,
        [change.query],
        Execution(0, 1, DEADLINE),
        statement=lambda _: (sql.replace(change.right, change.wrong), settings),
        judge=lambda _: lambda answer: problem(expected, answer),
    )
    assert not result.valid
    assert f"row 1, column {change.column}: engine " in result.problem


def test_the_script_against_a_server_with_password_and_authority(
    embedded: EmbeddedTarget, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = next(engine.endpoint for engine in embedded.engines() if engine.endpoint.kind == "trino")
    assert endpoint.password
    monkeypatch.setenv("TRINO_PASSWORD", endpoint.password)
    output = tmp_path / "results.json"
    arguments = [
        "--host",
        endpoint.host,
        "--port",
        str(endpoint.port),
        "--user",
        endpoint.user,
        "--ca",
        str(endpoint.ca_file),
    ]
    code = main(
        [
            *arguments,
            "--schema",
            "tiny",
            "--queries",
            "1,6,13,15",
            "--warmups",
            "0",
            "--iterations",
            "1",
            "--output",
            str(output),
        ]
    )
    captured = capsys.readouterr()
    assert code == 0, captured.err
    document = json.loads(output.read_text())
    assert document["validated"] is True
    assert [query["valid"] for query in document["queries"]] == [True] * 4
    assert endpoint.password not in captured.out + captured.err + output.read_text()
