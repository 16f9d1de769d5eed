"""TPC-H on ClickHouse: MergeTree tables filled from the Parquet files, and the dialect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from engines.base import Answer, EngineError, ErrorClass, LoadReport
from engines.tpch import TABLES, ColumnType, Dataset, TpchQuery, schema_name

STATEMENT_SECONDS = 60.0
INSERT_SECONDS = 900.0
"""Deadlines of one statement and of the insert of one whole table."""

_TYPES: Mapping[ColumnType, str] = {
    "int64": "Int64",
    "int32": "Int32",
    "money": "Decimal(15, 2)",
    "date": "Date",
    "text": "String",
}
_COUNTS_MISSES_OF_OUTER_JOIN = {13}
_SUMS_WITHOUT_GROUPS = {6, 14, 17, 19}  # nothing matches some of them at small scale factors


class Loader(Protocol):
    """What loading needs of a session."""

    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        """As ``Session.execute``."""
        ...

    def insert_file(self, table: str, file: Path, *, deadline: float) -> None:
        """Insert a Parquet file into a table."""
        ...


def settings(query: TpchQuery, scale_factor: float) -> Mapping[str, str]:
    """Where the tables are, and standard SQL's NULL where ClickHouse's own default is another answer.

    Each only where it matters: for all queries ``join_use_nulls`` makes some of them several times slower.
    """
    chosen = {"database": schema_name(scale_factor)}
    if query.number in _COUNTS_MISSES_OF_OUTER_JOIN:
        chosen["join_use_nulls"] = "1"
    if query.number in _SUMS_WITHOUT_GROUPS:
        chosen["aggregate_functions_null_for_empty"] = "1"
    return chosen


def load(session: Loader, dataset: Dataset, progress: Callable[[str, int], None] | None) -> LoadReport:
    """See ``Engine.load_tpch``."""
    started = time.monotonic()
    database = schema_name(dataset.scale_factor)
    session.execute(f"CREATE DATABASE IF NOT EXISTS {database}", deadline=STATEMENT_SECONDS)
    present = _row_counts(session, database)
    reused = True
    counted: dict[str, int] = {}
    for table, expected in dataset.rows.items():
        if present.get(table) != expected:
            reused = False
            _fill(session, f"{database}.{table}", TABLES[table].key, dataset.file(table))
        counted[table] = _count(session, f"{database}.{table}")
        if counted[table] != expected:
            raise EngineError(
                f"{database}.{table} has {counted[table]} rows after loading, the data set {expected}",
                error_class=ErrorClass.ENGINE,
                name="DATA_SET_MISMATCH",
            )
        if progress:
            progress(table, counted[table])
    return LoadReport(time.monotonic() - started, counted, reused)


def _row_counts(session: Loader, database: str) -> dict[str, int]:
    tables = session.execute(f"SHOW TABLES FROM {database}", deadline=STATEMENT_SECONDS).rows
    names = [str(row[0]) for row in tables if row[0] in TABLES]
    return {name: _count(session, f"{database}.{name}") for name in names}


def _fill(session: Loader, name: str, key: tuple[str, ...], file: Path) -> None:
    """Make the table anew: what a broken load left is of no use."""
    table = name.rpartition(".")[2]
    columns = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in TABLES[table].columns.items())
    session.execute(f"DROP TABLE IF EXISTS {name}", deadline=STATEMENT_SECONDS)
    create = f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY ({', '.join(key)})"
    session.execute(create, deadline=STATEMENT_SECONDS)
    session.insert_file(name, file, deadline=INSERT_SECONDS)


def _count(session: Loader, name: str) -> int:
    answer = session.execute(f"SELECT count() FROM {name}", deadline=STATEMENT_SECONDS)  # noqa: S608 - a name of TABLES
    return int(str(answer.rows[0][0]))
