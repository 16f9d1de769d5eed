"""Refresh sets: rows and keys as the specification wants them, the same every time, and their effect counted."""

# ruff: noqa: S608 - files and tables of these tests

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typing_extensions import override

from benchmarks.tpch.compare import problem
from benchmarks.tpch.data import DatasetError
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.queries import query
from benchmarks.tpch.refresh import order_key, refresh_set, run_rf1, run_rf2, stretch
from benchmarks.tpch.views import connect
from engines import Dataset, EngineError, ErrorClass, RefreshSet
from targets.cache import cache_directory
from tests.unit.benchmarks.tpch.duck import DuckEngine


def ask(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def first(small: Dataset) -> RefreshSet:
    return refresh_set(small, 1)


def test_a_thousandth_of_the_orders_comes_and_goes(small: Dataset, first: RefreshSet) -> None:
    assert (first.inserted["orders"], first.deleted["orders"]) == (15, 15)
    for table in ("inserted", "deleted"):
        assert 15 <= getattr(first, table)["lineitem"] <= 7 * 15
    assert sum(len(stretch(small.rows["orders"], stream)) for stream in range(1, 1001)) == small.rows["orders"]


def test_keys_are_those_of_the_specification(small: Dataset, tmp_path: Path) -> None:
    with connect(small, tmp_path) as connection:
        used = [key for (key,) in connection.execute("SELECT o_orderkey FROM orders ORDER BY 1").fetchall()]
    assert used == [order_key(index) for index in range(1, small.rows["orders"] + 1)]
    assert used[:9] == [1, 2, 3, 4, 5, 6, 7, 32, 33]


def test_no_two_sets_share_a_key_and_none_is_in_use(small: Dataset) -> None:
    sets = [refresh_set(small, stream) for stream in (1, 2, 3, 1000)]
    new = [key for made in sets for (key,) in ask(f"SELECT o_orderkey FROM '{made.orders}'")]
    gone = [key for made in sets for (key,) in ask(f"SELECT orderkey FROM '{made.delete_keys}'")]
    used = {order_key(index) for index in range(1, small.rows["orders"] + 1)}
    assert len(set(new)) == len(new) == 60
    assert len(set(gone)) == len(gone) == 60
    assert used.isdisjoint(new)
    assert used.issuperset(gone)


def test_rows_agree_with_one_another(small: Dataset, first: RefreshSet) -> None:
    orphans = f"SELECT count(*) FROM '{first.lineitem}' ANTI JOIN '{first.orders}' ON l_orderkey = o_orderkey"
    childless = f"SELECT count(*) FROM '{first.orders}' ANTI JOIN '{first.lineitem}' ON l_orderkey = o_orderkey"
    assert ask(orphans) == ask(childless) == [(0,)]
    total = "round(sum(l_extendedprice * (1 + l_tax) * (1 - l_discount)) - any_value(o_totalprice), 2)"
    joined = f"'{first.lineitem}' JOIN '{first.orders}' ON l_orderkey = o_orderkey"
    differences = ask(f"SELECT abs({total}) FROM {joined} GROUP BY o_orderkey")
    assert max(float(row[0]) for row in differences) <= 0.1
    for table, file in (("orders", first.orders), ("lineitem", first.lineitem)):
        mine, theirs = (ask(f"DESCRIBE SELECT * FROM '{path}'") for path in (file, small.file(table)))
        assert [row[:2] for row in mine] == [row[:2] for row in theirs]


def test_the_same_every_time_and_another_for_another_seed(small: Dataset, first: RefreshSet) -> None:
    before = first.lineitem.read_bytes()
    assert refresh_set(small, 1) == first
    first.lineitem.unlink()  # damaged: made anew
    assert refresh_set(small, 1) == first
    assert first.lineitem.read_bytes() == before
    other = refresh_set(small, 1, seed=7)
    assert ask(f"SELECT o_custkey FROM '{other.orders}'") != ask(f"SELECT o_custkey FROM '{first.orders}'")
    assert other.delete_keys.read_bytes() == first.delete_keys.read_bytes()


@pytest.mark.parametrize("damage", ["{}", "[]", "no JSON", '{"inserted": 1, "deleted": {}}'])
def test_damaged_counts_are_made_anew(small: Dataset, first: RefreshSet, damage: str) -> None:
    (first.orders.parent / "counts.json").write_text(damage)
    assert refresh_set(small, 1) == first


@pytest.mark.parametrize("stream", [0, -1, 1001])
def test_unknown_streams_are_refused(small: Dataset, stream: int) -> None:
    with pytest.raises(ValueError, match="expected a number from 1 to 1000"):
        refresh_set(small, stream)


class Writable(DuckEngine):
    """Duck with tables of its own."""

    forgetful = False
    failure: EngineError | None = None

    def fill(self, data: Dataset) -> Writable:
        for table in ("orders", "lineitem"):
            self.database.execute(f"CREATE TABLE {table} AS SELECT * FROM '{data.file(table)}'")
        return self

    @override
    def refresh_insert(self, refresh: RefreshSet, *, deadline: float) -> None:
        if self.failure:
            raise self.failure
        self.database.execute(f"INSERT INTO orders SELECT * FROM '{refresh.orders}'")
        if not self.forgetful:
            self.database.execute(f"INSERT INTO lineitem SELECT * FROM '{refresh.lineitem}'")

    @override
    def refresh_delete(self, refresh: RefreshSet, *, deadline: float) -> None:
        keys = f"(SELECT orderkey FROM '{refresh.delete_keys}')"
        self.database.execute(f"DELETE FROM orders WHERE o_orderkey IN {keys}")
        self.database.execute(f"DELETE FROM lineitem WHERE l_orderkey IN {keys}")

    @override
    def refresh_counts(self, scale_factor: float) -> Mapping[str, int]:
        tables = ("orders", "lineitem")
        return {table: len(self.database.execute(f"SELECT 1 FROM {table}").fetchall()) for table in tables}


def test_both_functions_change_what_the_set_says(small: Dataset, first: RefreshSet) -> None:
    engine = Writable().fill(small)
    inserted, deleted = run_rf1(engine, first, deadline=5), run_rf2(engine, first, deadline=5)
    assert (inserted.problem, deleted.problem) == ("", "")
    assert inserted.rows == first.inserted
    assert deleted.rows == {table: -rows for table, rows in first.deleted.items()}
    assert inserted.seconds is not None and inserted.seconds > 0
    assert engine.refresh_counts(0.01)["orders"] == small.rows["orders"]


def test_the_oracle_knows_the_answers_afterwards(small: Dataset, first: RefreshSet) -> None:
    sets = (first, refresh_set(small, 2))
    engine = Writable().fill(small)
    for refresh in sets:
        run_rf1(engine, refresh, deadline=5)
        run_rf2(engine, refresh, deadline=5)
    for table in set(small.rows) - {"orders", "lineitem"}:
        engine.database.read_parquet(str(small.file(table))).create_view(table)
    changed = 0
    for number in (1, 3, 4, 18):
        expected = DuckDbOracle(small, sets).expected(number)
        with engine.connect() as session:
            answer = session.execute(query(number).sql, deadline=5, settings={"number": str(number)})
        assert problem(expected, answer) == ""
        changed += bool(problem(DuckDbOracle(small).expected(number), answer))
    assert changed > 0
    assert DuckDbOracle(small, sets).name.endswith("after the refresh functions")


def test_rows_that_went_missing_are_a_problem(small: Dataset, first: RefreshSet) -> None:
    engine = Writable().fill(small)
    engine.forgetful = True
    result = run_rf1(engine, first, deadline=5)
    assert result.problem == f"lineitem changed by +0 rows, not {first.inserted['lineitem']:+}"
    assert run_rf2(engine, replace(first, deleted={"orders": 14}), deadline=5).problem.startswith(
        "orders changed by -15"
    )


def test_failures_and_engines_that_cannot_write_are_one_line(first: RefreshSet) -> None:
    refused = run_rf1(DuckEngine(), first, deadline=5)
    assert refused.seconds is None
    assert refused.problem == "engine: NOT_SUPPORTED: Duck has no tables of its own that could be written"
    engine = Writable()
    engine.database.execute("CREATE TABLE orders (a INT); CREATE TABLE lineitem (a INT)")
    engine.failure = EngineError("no\nspace", error_class=ErrorClass.ENGINE, name="NOT_ENOUGH_SPACE")
    assert run_rf1(engine, first, deadline=5).problem == "engine: NOT_ENOUGH_SPACE: no space"


def test_data_with_other_keys_is_refused(small: Dataset, tmp_path: Path) -> None:
    odd = Dataset(0.01, tmp_path, dict(small.rows))
    for table in small.rows:
        (tmp_path / table).mkdir()
        change = " REPLACE (o_orderkey * 2 AS o_orderkey)" if table == "orders" else ""
        ask(f"COPY (SELECT *{change} FROM '{small.file(table)}') TO '{odd.file(table)}'")
    with pytest.raises(DatasetError, match="do not have the specification's keys"):
        refresh_set(odd, 1)
    assert not [
        path for path in (cache_directory() / "refresh" / "sf0_01").iterdir() if path.name.startswith(".making")
    ]
