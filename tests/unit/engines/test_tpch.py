from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from engines import Answer, Endpoint, EngineError, RefreshSet, Row, Session, TpchQuery
from engines import _clickhouse_refresh as clickhouse_refresh
from engines import _clickhouse_tpch as clickhouse
from engines import _trino_tpch as trino
from engines.tpch import TABLES, Dataset, schema_name
from engines.trino import TrinoEngine

ROWS = {"region": 5, "nation": 25}
Sent = tuple[str, Mapping[str, str]]


class Recording(Session):
    """Answers what the given function says, and keeps what was sent."""

    def __init__(self, answer: Callable[[str], tuple[Row, ...]]) -> None:
        self.sent: list[Sent] = []
        self.inserted: list[tuple[str, Path]] = []
        self._answer = answer

    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        assert deadline > 0
        self.sent.append((sql, settings or {}))
        return Answer((), self._answer(sql))

    def insert_file(self, table: str, file: Path, *, deadline: float) -> None:
        assert deadline > 0
        self.inserted.append((table, file))

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
    """ClickHouse as far as its row counts and comments go."""

    def __init__(
        self, present: Mapping[str, int], loaded: Mapping[str, int] = ROWS, comments: Mapping[str, str] | None = None
    ) -> None:
        self.counts = dict(present)
        self.loaded = loaded
        self.comments = {table: f"whole {rows}" for table, rows in present.items()} | dict(comments or {})

    def __call__(self, sql: str) -> tuple[Row, ...]:
        if sql.startswith("SELECT comment"):
            table = table_of(sql)
            return ((self.comments.get(table, ""),),) if table in self.counts else ()
        if sql.startswith("CREATE TABLE"):
            self.counts[table_of(sql)] = self.loaded[table_of(sql)]
        if sql.startswith("ALTER TABLE"):
            self.comments[table_of(sql)] = sql.split("'")[1]
        return ((self.counts[table_of(sql)],),) if sql.startswith("SELECT count()") else ()


def test_clickhouse_fills_tables_from_the_files(dataset: Dataset) -> None:
    server = Server({})
    session = Recording(server)
    told: list[tuple[str, int]] = []
    report = clickhouse.load(session, dataset, lambda table, rows: told.append((table, rows)))
    assert session.inserted == [(f"sf0_01.{table}", dataset.file(table)) for table in ROWS]
    assert session.starting("CREATE TABLE")[0] == (
        "CREATE TABLE sf0_01.region (r_regionkey Int64, r_name String, r_comment String)"
        " ENGINE = MergeTree ORDER BY (r_regionkey)"
    )
    assert (dict(report.rows), report.reused) == (ROWS, False)
    assert told == list(ROWS.items())
    assert clickhouse.load(session, dataset, None).reused


def test_clickhouse_loads_part_by_part(tmp_path: Path) -> None:
    parts = Dataset(10, tmp_path, dict(ROWS), parts={"nation": (10, 9, 6)})
    session = Recording(Server({}))
    told: list[tuple[str, int]] = []
    clickhouse.load(session, parts, lambda table, rows: told.append((table, rows)))
    names = ["nation.1.parquet", "nation.2.parquet", "nation.3.parquet"]
    assert [file.name for _, file in session.inserted] == ["region.parquet", *names]
    assert told == [("region", 5), ("nation", 10), ("nation", 19), ("nation", 25)]


def test_clickhouse_uses_whole_tables_again(dataset: Dataset) -> None:
    session = Recording(Server(ROWS))
    assert clickhouse.load(session, dataset, None).reused
    assert session.inserted == []
    assert session.starting("ALTER TABLE") == []


@pytest.mark.parametrize(
    "server",
    [
        Server({"region": 5, "nation": 7}),
        Server(ROWS, comments={"nation": ""}),  # the load was interrupted after the last row
        Server(ROWS, comments={"nation": "changed"}),  # refresh functions ran
        Server(ROWS, comments={"nation": "whole 25 of other data"}),
    ],
    ids=["fewer rows", "interrupted", "changed", "other data"],
)
def test_clickhouse_loads_a_table_anew_that_is_not_the_data_sets(dataset: Dataset, server: Server) -> None:
    session = Recording(server)
    assert not clickhouse.load(session, dataset, None).reused
    assert [table for table, _ in session.inserted] == ["sf0_01.nation"]
    assert session.starting("DROP TABLE") == ["DROP TABLE IF EXISTS sf0_01.nation"]
    assert server.comments["nation"] == "whole 25"


def test_clickhouse_tells_data_apart_by_their_content(tmp_path: Path) -> None:
    one, other = (Dataset(1, tmp_path, dict(ROWS), identities={"nation": name}) for name in ("a1", "b2"))
    session = Recording(Server({}))
    clickhouse.load(session, one, None)
    assert clickhouse.load(session, one, None).reused
    assert not clickhouse.load(session, other, None).reused


def test_clickhouse_with_rows_lost_in_loading(dataset: Dataset) -> None:
    server = Server({}, loaded={"region": 5, "nation": 24})
    with pytest.raises(EngineError, match=r"sf0_01\.nation has 24 rows after loading, the data set 25"):
        clickhouse.load(Recording(server), dataset, None)
    assert "nation" not in server.comments


def test_clickhouse_refreshes_and_forgets(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("orders", "lineitem", "delete_keys")}
    refresh = RefreshSet(1, 3, **files, inserted={}, deleted={})
    session = Recording(lambda _: ())
    clickhouse_refresh.insert(session, refresh, 5)
    assert session.inserted == [("sf1.orders", files["orders"]), ("sf1.lineitem", files["lineitem"])]
    assert len(session.starting("ALTER TABLE")) == 2
    clickhouse_refresh.delete(session, refresh, 5)
    assert session.inserted[2:] == [("sf1.refresh_keys_3", files["delete_keys"])]
    assert session.starting("DELETE") == [
        "DELETE FROM sf1.lineitem WHERE l_orderkey IN (SELECT orderkey FROM sf1.refresh_keys_3)",
        "DELETE FROM sf1.orders WHERE o_orderkey IN (SELECT orderkey FROM sf1.refresh_keys_3)",
    ]
    assert session.sent[-1][0] == "DROP TABLE sf1.refresh_keys_3"


@pytest.mark.parametrize(
    ("catalogs", "reason"), [(("tpch", "hive"), "own Parquet files"), (("tpch",), "generates its rows")]
)
def test_trino_says_why_it_does_not_refresh(tmp_path: Path, catalogs: tuple[str, ...], reason: str) -> None:
    engine = TrinoEngine(Endpoint(kind="trino", host="h", port=1, catalogs=catalogs, data_directory=tmp_path))
    assert reason in engine.refresh_refusal
    with pytest.raises(EngineError, match=reason):
        engine.refresh_counts(1)


def test_files_of_a_table(tmp_path: Path) -> None:
    data = Dataset(10, tmp_path, {"nation": 25, "region": 5}, parts={"nation": (20, 5)})
    assert data.file("region") == tmp_path / "region" / "region.parquet"
    assert (data.rows_by_file("region"), data.rows_by_file("nation")) == ((5,), (20, 5))
    with pytest.raises(ValueError, match="nation is in 2 files"):
        data.file("nation")


@pytest.mark.parametrize(
    ("number", "extra"),
    [(1, {}), (13, {"join_use_nulls": "1"}), (17, {"aggregate_functions_null_for_empty": "1"})],
)
def test_clickhouses_settings(number: int, extra: dict[str, str]) -> None:
    assert clickhouse.settings(TpchQuery(number, ""), 1) == {"database": "sf1", **extra}
