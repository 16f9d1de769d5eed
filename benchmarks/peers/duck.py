"""DuckDB as an engine: what this project and its peers can both run queries on. For this comparison only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
from typing_extensions import override

from benchmarks.tpch.queries import QUERY_NUMBERS, query
from engines import (
    Answer,
    Dataset,
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Health,
    LoadReport,
    ProbeQuery,
    RunningQuery,
    Session,
    TpchQuery,
)
from engines.tpch import TABLES

NOT_HERE = "only queries are run here"


def make_database(file: Path, data: Dataset) -> None:
    """A database with the eight tables, and beside it ``queries/q1.sql`` to ``q22.sql``."""
    with duckdb.connect(str(file)) as connection:
        for table in TABLES:
            source = str(data.file(table)).replace("'", "''")
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM read_parquet('{source}')")  # noqa: S608 - ours
    folder = file.parent / "queries"
    folder.mkdir(exist_ok=True)
    for number in QUERY_NUMBERS:
        (folder / f"q{number}.sql").write_text(f"{query(number).sql};\n")


class DuckEngine(Engine):
    """One database file, opened by each session as the peers do it.

    ``kind`` is set after the class, so that this engine is not registered among the real ones.
    """

    title = "DuckDB"

    def __init__(self, file: Path) -> None:
        super().__init__(Endpoint("duckdb", "127.0.0.1", 1))
        self._file = file

    @override
    def connect(self) -> Session:
        return _DuckSession(self._file)

    @override
    def start(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> RunningQuery:
        raise NotImplementedError(NOT_HERE)

    @override
    def health(self, *, timeout: float = 5.0) -> Health:
        return Health(live=self._file.is_file())

    @property
    @override
    def probe(self) -> ProbeQuery:
        return ProbeQuery("SELECT 1", ((1,),), 1.0, 1.0)

    @override
    def load_tpch(self, dataset: Dataset, progress: Callable[[str, int], None] | None = None) -> LoadReport:
        raise NotImplementedError(NOT_HERE)

    @override
    def tpch_sql(self, query: TpchQuery, scale_factor: float) -> tuple[str, Mapping[str, str]]:
        return query.sql, {}


DuckEngine.kind = "duckdb"


class _DuckSession(Session):
    def __init__(self, file: Path) -> None:
        self._connection = duckdb.connect(str(file))

    @override
    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        try:
            result = self._connection.execute(sql)
            rows = tuple(result.fetchall())
        except duckdb.Error as error:
            raise EngineError(str(error), error_class=ErrorClass.ENGINE, name=type(error).__name__) from error
        return Answer(tuple(column[0] for column in result.description or ()), rows)

    @override
    def close(self) -> None:
        self._connection.close()
