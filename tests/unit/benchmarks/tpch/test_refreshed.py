"""What is right after refresh functions, against a database in which they were carried out."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from typing_extensions import override

from benchmarks.tpch.compare import problem
from benchmarks.tpch.model import Step
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.queries import QUERY_NUMBERS, query
from benchmarks.tpch.refresh import refresh_set
from benchmarks.tpch.refreshed import EngineRefresh
from benchmarks.tpch.throughput import Plan, run_throughput
from benchmarks.tpch.throughput_model import Checked
from engines import Answer, Dataset, RefreshSet, Row
from engines.tpch import REFRESHED
from tests.unit.benchmarks.tpch.duck import DuckEngine


class WritableDuck(DuckEngine):
    """Keeps tables of its own and carries the refresh functions out, one statement each."""

    def __init__(self) -> None:
        super().__init__()
        self.forgets = False

    @override
    def load_tpch(self, dataset: Dataset, progress: object = None) -> object:  # type: ignore[override]
        report = super().load_tpch(dataset)
        for table in REFRESHED:
            self.database.execute(
                f"CREATE TABLE own AS FROM {table}; DROP VIEW {table}; ALTER TABLE own RENAME TO {table}"
            )
        return report

    @override
    def refresh_insert(self, refresh: RefreshSet, *, deadline: float) -> None:
        for table, file in (("orders", refresh.orders), ("lineitem", refresh.lineitem)):
            self.database.cursor().execute(f"INSERT INTO {table} FROM '{file}'")

    @override
    def refresh_delete(self, refresh: RefreshSet, *, deadline: float) -> None:
        keys = f"(SELECT orderkey FROM '{refresh.delete_keys}')"  # noqa: S608 - our own file
        for table in REFRESHED[: 1 if self.forgets else 2]:
            self.database.cursor().execute(f"DELETE FROM {table} WHERE {table[0]}_orderkey IN {keys}")  # noqa: S608 - names of tables

    @override
    def refresh_counts(self, scale_factor: float) -> Mapping[str, int]:
        cursor = self.database.cursor()
        return {table: len(cursor.table(table).fetchall()) for table in REFRESHED}


@pytest.mark.usefixtures("answers")
def test_answers_after_refresh_functions_are_those_of_tables_that_were_changed(small: Dataset) -> None:
    engine, sets = WritableDuck(), [refresh_set(small, number) for number in (1, 2)]
    engine.load_tpch(small)
    refresh = EngineRefresh(engine, small, sets, deadline=30)
    for pair in (1, 2):
        for function in ("RF1", "RF2"):
            changed = refresh.run(pair, function)
            assert changed.problem == ""
            assert changed.rows["orders"] == (15 if function == "RF1" else -15)
    loaded, oracle, differing = DuckDbOracle(small), refresh.oracle(), 0
    for number in QUERY_NUMBERS:
        result = engine.database.execute(query(number).sql)
        answer = Answer(tuple(one[0] for one in result.description or ()), tuple(result.fetchall()))
        assert problem(oracle.answer(query(number)), answer) == "", number
        differing += bool(problem(loaded.answer(query(number)), answer))
    assert differing > 5  # so the comparison above would have found a function that did nothing


def test_each_selection_of_sets_has_answers_of_its_own(small: Dataset) -> None:
    one = DuckDbOracle(small, [refresh_set(small, 1)])
    both = DuckDbOracle(small, [refresh_set(small, 1), refresh_set(small, 2)])
    assert one.answer(query(1)) != both.answer(query(1))
    assert DuckDbOracle(small, [refresh_set(small, 1)]).answer(query(1)) == one.answer(query(1))
    assert one.name.endswith("after the refresh functions")


def test_the_throughput_test_runs_them_and_compares(small: Dataset) -> None:
    """The first query of stream 1 lasts until both functions are done, so all others see what they have changed."""
    engine, over = WritableDuck(), threading.Event()

    def outlast(rows: list[Row]) -> list[Row]:
        assert over.wait(60)
        return rows

    def progress(step: Step) -> None:
        if step.subject == "refresh: RF2 of pair 1":
            over.set()

    engine.behaviour.lies[21] = outlast
    refresh = EngineRefresh(engine, small, [refresh_set(small, 1)], deadline=30)
    result = run_throughput(engine, small, DuckDbOracle(small), Plan(1, warmups=0), refresh=refresh, progress=progress)
    assert [run.problem for run in result.refreshes] == ["", ""]
    queries = {query.query: query for query in result.streams[0].queries}
    assert {number: query.problem for number, query in queries.items() if query.problem} == {}
    assert queries[21].checked is Checked.NO
    assert {number for number, query in queries.items() if query.checked is Checked.LOADED} == {2, 11, 16}
    assert sum(query.checked is Checked.REFRESHED for query in queries.values()) == 18


def test_a_function_that_does_half_of_its_work_is_found(small: Dataset) -> None:
    engine = WritableDuck()
    engine.forgets = True
    refresh = EngineRefresh(engine, small, [refresh_set(small, 1)], deadline=30)
    result = run_throughput(engine, small, DuckDbOracle(small), Plan(1, queries=(6,), warmups=0), refresh=refresh)
    assert [bool(run.problem) for run in result.refreshes] == [False, True]
    assert "lineitem changed by +0 rows" in result.refreshes[1].problem
    assert result.queries_per_hour is None
