"""Loading and refreshing real engines: parts, interruptions, changed tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.tpch import layout
from benchmarks.tpch.compare import problem
from benchmarks.tpch.data import dataset
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.queries import query
from benchmarks.tpch.refresh import refresh_set, run_rf1, run_rf2
from engines import Dataset, Engine
from targets.embedded.target import EmbeddedTarget

SCALE_FACTOR = 0.01
DEADLINE = 120.0

pytestmark = pytest.mark.embedded


def engine_of(target: EmbeddedTarget, kind: str) -> Engine:
    return next(engine for engine in target.engines() if engine.endpoint.kind == kind)


@pytest.fixture(scope="module")
def clickhouse(embedded: EmbeddedTarget) -> Engine:
    return engine_of(embedded, "clickhouse")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return dataset(SCALE_FACTOR)


def ask(engine: Engine, sql: str) -> tuple[tuple[object, ...], ...]:
    with engine.connect() as session:
        return session.execute(sql, deadline=DEADLINE).rows


def wrong(engine: Engine, oracle: DuckDbOracle) -> dict[int, str]:
    """Queries whose answers differ from the oracle's."""
    found = {}
    with engine.connect() as session:
        for number in (1, 3, 4, 18):
            sql, settings = engine.tpch_sql(query(number), SCALE_FACTOR)
            answer = session.execute(sql, deadline=DEADLINE, settings=settings)
            found[number] = problem(oracle.expected(number), answer)
    return {number: difference for number, difference in found.items() if difference}


def test_whole_tables_are_used_again(clickhouse: Engine, data: Dataset) -> None:
    clickhouse.load_tpch(data)
    again = clickhouse.load_tpch(data)
    assert again.reused
    assert again.rows == data.rows


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE sf0_01.orders MODIFY COMMENT ''",
        "TRUNCATE TABLE sf0_01.orders",
        "DROP TABLE sf0_01.orders",
        "INSERT INTO sf0_01.orders SELECT * FROM sf0_01.orders LIMIT 10",
    ],
    ids=["no mark", "empty", "gone", "more rows"],
)
def test_a_table_that_an_interrupted_load_left_is_made_anew(clickhouse: Engine, data: Dataset, damage: str) -> None:
    clickhouse.load_tpch(data)
    ask(clickhouse, damage)
    assert not clickhouse.load_tpch(data).reused
    assert clickhouse.load_tpch(data).reused
    assert ask(clickhouse, "SELECT count() FROM sf0_01.orders") == ((data.rows["orders"],),)


def test_refresh_functions_change_what_they_should(clickhouse: Engine, data: Dataset) -> None:
    clickhouse.load_tpch(data)
    first, second = refresh_set(data, 1), refresh_set(data, 2)
    for result in (
        run_rf1(clickhouse, first, deadline=DEADLINE),
        run_rf2(clickhouse, first, deadline=DEADLINE),
        run_rf1(clickhouse, second, deadline=DEADLINE),
        run_rf2(clickhouse, second, deadline=DEADLINE),
    ):
        assert result.problem == ""
        assert result.seconds is not None
    assert wrong(clickhouse, DuckDbOracle(data, (first, second))) == {}
    assert wrong(clickhouse, DuckDbOracle(data)) != {}
    assert ask(clickhouse, "SELECT count() FROM system.tables WHERE name LIKE 'refresh%'") == ((0,),)
    sql = "SELECT count() FROM sf0_01.lineitem WHERE l_orderkey NOT IN (SELECT o_orderkey FROM sf0_01.orders)"
    assert ask(clickhouse, sql) == ((0,),)
    assert not clickhouse.load_tpch(data).reused
    assert clickhouse.refresh_counts(SCALE_FACTOR) == {table: data.rows[table] for table in ("orders", "lineitem")}
    assert wrong(clickhouse, DuckDbOracle(data)) == {}


def test_trino_says_that_it_does_not_refresh(embedded: EmbeddedTarget, data: Dataset) -> None:
    trino = engine_of(embedded, "trino")
    result = run_rf1(trino, refresh_set(data, 1), deadline=DEADLINE)
    assert result.problem.startswith("engine: NOT_SUPPORTED: Trino's hive tables are the data set's own Parquet files")


@pytest.mark.parametrize("kind", ["trino", "clickhouse"])
def test_parts_are_loaded(
    embedded: EmbeddedTarget, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Dataset
) -> None:
    engine = engine_of(embedded, kind)
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(layout, "FILE_BYTES", 100_000)
    parted = dataset(0.002)
    assert len(parted.files("lineitem")) > 2
    told: list[tuple[str, int]] = []
    report = engine.load_tpch(parted, lambda table, rows: told.append((table, rows)))
    assert report.rows == parted.rows
    assert dict(told) == parted.rows
    sql, settings = engine.tpch_sql(query(1), 0.002)
    with engine.connect() as session:
        answer = session.execute(sql, deadline=DEADLINE, settings=settings)
    assert problem(DuckDbOracle(parted).expected(1), answer) == ""
    if kind == "clickhouse":
        assert [rows for table, rows in told if table == "lineitem"][-1] == parted.rows["lineitem"]
        assert len([table for table, _ in told if table == "lineitem"]) == len(parted.files("lineitem"))
