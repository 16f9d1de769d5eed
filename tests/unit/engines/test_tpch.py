from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from engines import Answer, Endpoint, EngineError, Row, Session, TpchQuery
from engines import _clickhouse_tpch as clickhouse
from engines import _trino_tpch as trino
from engines.tpch import TABLES, Dataset, schema_name

ROWS = {"region": 5, "nation": 25}
Sent = tuple[str, Mapping[str, str]]


class Recording(Session):
    """Answers what the given function says, and keeps what was sent."""

    def __init__(self, answer: Callable[[str], tuple[Row, ...]]) -> None:
        self.sent: list[Sent] = []
        self.inserted: dict[str, Path] = {}
        self._answer = answer

    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        assert deadline > 0
        self.sent.append((sql, settings or {}))
        return Answer((), self._answer(sql))

    def insert_file(self, table: str, file: Path, *, deadline: float) -> None:
        assert deadline > 0
        self.inserted[table] = file

    def close(self) -> None:
        """Nothing to close."""

    def starting(self, word: str) -> list[str]:
        return [sql for sql, _ in self.sent if sql.startswith(word)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    (tmp_path / "data").mkdir()
    return Dataset(0.01, tmp_path / "data", dict(ROWS))


def table_of(sql: str) -> str:
    return next(table for table in ROWS if re.search(rf"\b{table}\b", sql))


def test_tables_are_those_of_the_specification() -> None:
    assert {name: len(table.columns) for name, table in TABLES.items()} == {
        "region": 3,
        "nation": 4,
        "supplier": 7,
        "part": 9,
        "partsupp": 5,
        "customer": 8,
        "orders": 9,
        "lineitem": 16,
    }
    assert all(set(table.key) <= set(table.columns) for table in TABLES.values())


@pytest.mark.parametrize(("factor", "name"), [(1, "sf1"), (0.1, "sf0_1"), (0.01, "sf0_01"), (100, "sf100")])
def test_schema_names(factor: float, name: str) -> None:
    assert schema_name(factor) == name


def test_trinos_dialect_of_query_15() -> None:
    text = "SELECT l_suppkey AS supplier_no\nGROUP BY\n    supplier_no)\nWHERE s_suppkey = supplier_no"
    assert trino.dialect(TpchQuery(15, text)) == text.replace("BY\n    supplier_no", "BY\n    l_suppkey")
    assert trino.dialect(TpchQuery(14, text)) == text


@pytest.mark.parametrize(
    ("catalogs", "directory", "where"),
    [
        (("tpch", "hive"), Path("/data"), {"catalog": "hive", "schema": "sf0_01"}),
        (("tpch", "hive"), None, {"catalog": "tpch", "schema": "sf0.01"}),
        (("tpch",), Path("/data"), {"catalog": "tpch", "schema": "sf0.01"}),
    ],
)
def test_where_trinos_tables_are(catalogs: tuple[str, ...], directory: Path | None, where: dict[str, str]) -> None:
    endpoint = Endpoint(kind="trino", host="h", port=1, catalogs=catalogs, data_directory=directory)
    assert trino.location(endpoint, 0.01) == where


def hive(directory: Path) -> Endpoint:
    return Endpoint(kind="trino", host="h", port=1, catalogs=("hive",), data_directory=directory)


def trino_answers(
    present: tuple[str, ...] = (), counts: Mapping[str, int] = ROWS, analysed: float | None = 5.0
) -> Callable[[str], tuple[Row, ...]]:
    def answer(sql: str) -> tuple[Row, ...]:
        if sql.startswith("SHOW TABLES"):
            return tuple((table,) for table in present)
        if sql.startswith("SHOW STATS"):
            return ((None, None, None, None, analysed, None, None),)
        return tuple(counts.items()) if "count(*)" in sql else ()

    return answer


def test_trino_makes_tables_over_the_files(tmp_path: Path, dataset: Dataset) -> None:
    session = Recording(trino_answers())
    told: list[tuple[str, int]] = []
    report = trino.load(session, hive(tmp_path), dataset, lambda table, rows: told.append((table, rows)))
    assert (tmp_path / "sf0_01").resolve() == dataset.directory
    assert "external_location = 'local:///sf0_01/nation'" in session.starting("CREATE TABLE")[1]
    assert "n_nationkey bigint, n_name varchar" in session.starting("CREATE TABLE")[1]
    assert [(sql, where) for sql, where in session.sent if sql.startswith("ANALYZE")] == [
        ("ANALYZE region", {"catalog": "hive", "schema": "sf0_01"}),
        ("ANALYZE nation", {"catalog": "hive", "schema": "sf0_01"}),
    ]
    assert (dict(report.rows), report.reused) == (ROWS, False)
    assert told == list(ROWS.items())


def test_trino_uses_whole_tables_again(tmp_path: Path, dataset: Dataset) -> None:
    session = Recording(trino_answers(present=tuple(ROWS)))
    assert trino.load(session, hive(tmp_path), dataset, None).reused
    assert session.starting("CREATE TABLE") == session.starting("ANALYZE") == []


def test_trino_analyses_what_a_broken_load_left(tmp_path: Path, dataset: Dataset) -> None:
    session = Recording(trino_answers(present=tuple(ROWS), analysed=None))
    assert not trino.load(session, hive(tmp_path), dataset, None).reused
    assert session.starting("CREATE TABLE") == []
    assert session.starting("ANALYZE") == ["ANALYZE region", "ANALYZE nation"]


def test_trino_points_its_link_to_the_data_set_in_use(tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "sf0_01").symlink_to(tmp_path / "old")
    trino.load(Recording(trino_answers()), hive(tmp_path), dataset, None)
    assert (tmp_path / "sf0_01").resolve() == dataset.directory


def test_trino_with_other_row_counts(tmp_path: Path, dataset: Dataset) -> None:
    session = Recording(trino_answers(counts={"region": 5, "nation": 24}))
    with pytest.raises(EngineError, match=r"hive\.sf0_01\.nation has 24 rows, the data set 25"):
        trino.load(session, hive(tmp_path), dataset, None)


@pytest.mark.parametrize("names", [("regionkey", "name", "comment"), ()])
def test_trinos_generator_with_other_column_names(dataset: Dataset, names: tuple[str, ...]) -> None:
    session = Recording(lambda _: tuple((name,) for name in names))
    endpoint = Endpoint(kind="trino", host="h", port=1, catalogs=("tpch",))
    with pytest.raises(EngineError, match=r"column-naming=STANDARD"):
        trino.load(session, endpoint, dataset, None)


class Server:
    """ClickHouse as far as its row counts go."""

    def __init__(self, present: Mapping[str, int], loaded: Mapping[str, int] = ROWS) -> None:
        self.counts = dict(present)
        self.loaded = loaded

    def __call__(self, sql: str) -> tuple[Row, ...]:
        if sql.startswith("SHOW TABLES"):
            return tuple((table,) for table in self.counts)
        if sql.startswith("CREATE TABLE"):
            self.counts[table_of(sql)] = self.loaded[table_of(sql)]
        return ((self.counts[table_of(sql)],),) if sql.startswith("SELECT count()") else ()


def test_clickhouse_fills_tables_from_the_files(dataset: Dataset) -> None:
    session = Recording(Server({}))
    report = clickhouse.load(session, dataset, None)
    assert session.inserted == {f"sf0_01.{table}": dataset.file(table) for table in ROWS}
    assert session.starting("CREATE TABLE")[0] == (
        "CREATE TABLE sf0_01.region (r_regionkey Int64, r_name String, r_comment String)"
        " ENGINE = MergeTree ORDER BY (r_regionkey)"
    )
    assert (dict(report.rows), report.reused) == (ROWS, False)


def test_clickhouse_uses_whole_tables_again(dataset: Dataset) -> None:
    session = Recording(Server(ROWS))
    assert clickhouse.load(session, dataset, None).reused
    assert session.inserted == {}


def test_clickhouse_loads_a_broken_table_anew(dataset: Dataset) -> None:
    session = Recording(Server({"region": 5, "nation": 7}))
    assert not clickhouse.load(session, dataset, None).reused
    assert list(session.inserted) == ["sf0_01.nation"]
    assert session.starting("DROP TABLE") == ["DROP TABLE IF EXISTS sf0_01.nation"]


def test_clickhouse_with_rows_lost_in_loading(dataset: Dataset) -> None:
    session = Recording(Server({}, loaded={"region": 5, "nation": 24}))
    with pytest.raises(EngineError, match=r"sf0_01\.nation has 24 rows after loading, the data set 25"):
        clickhouse.load(session, dataset, None)


@pytest.mark.parametrize(
    ("number", "extra"),
    [(1, {}), (13, {"join_use_nulls": "1"}), (17, {"aggregate_functions_null_for_empty": "1"})],
)
def test_clickhouses_settings(number: int, extra: dict[str, str]) -> None:
    assert clickhouse.settings(TpchQuery(number, ""), 1) == {"database": "sf1", **extra}
