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
"""Deadlines of one statement and of the insert of one file."""

_TYPES: Mapping[ColumnType, str] = {
    "int64": "Int64",
    "int32": "Int32",
    "money": "Decimal(15, 2)",
    "date": "Date",
    "text": "String",
}
_COUNTS_MISSES_OF_OUTER_JOIN = {13}
_SUMS_WITHOUT_GROUPS = {6, 14, 17, 19}  # nothing matches some of them at small scale factors

AS_WRITTEN = {2, 5, 7, 8}
"""Queries whose joins are made in the order of their text, where the server can be told so.

ClickHouse 26.9 orders joins greedily, by what it has counted in earlier queries: in Q5 it then joins customers with
suppliers of the same nation first. At scale factor 1 the first Q5 of a process takes 1.1 s and every later one 8 s, as
written 0.3 s; at 10 such a Q8 did not end within 250 s, nor Q7 within 100 s, and Q2 took 20 s instead of 1.
"""

ORDER_OF_JOINS = "query_plan_optimize_join_order_limit"
"""The most tables whose joins are reordered; only recent servers know it, and others refuse what they do not know."""


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
    """See ``Engine.load_tpch``.

    A table's comment says that it is whole and of which data it is, and is written last: a table that an interrupted
    load, other data or the refresh functions left has none that fits, and is made anew, part by part.
    """
    started = time.monotonic()
    database = schema_name(dataset.scale_factor)
    tell = progress or _silent
    session.execute(f"CREATE DATABASE IF NOT EXISTS {database}", deadline=STATEMENT_SECONDS)
    reused = True
    for table, expected in dataset.rows.items():
        if not _is_whole(session, database, table, dataset):
            reused = False
            _fill(session, f"{database}.{table}", dataset, tell)
        tell(table, expected)
    return LoadReport(time.monotonic() - started, dict(dataset.rows), reused)


def forget(session: Loader, name: str) -> None:
    """Have the next load make a table anew, since it is about to be changed."""
    _comment(session, name, "changed")


def count(session: Loader, name: str) -> int:
    """Rows of a table."""
    answer = session.execute(f"SELECT count() FROM {name}", deadline=STATEMENT_SECONDS)  # noqa: S608 - a name of TABLES
    return int(str(answer.rows[0][0]))


def _silent(_table: str, _rows: int) -> None:
    """Nobody listens."""


def _whole(dataset: Dataset, table: str) -> str:
    return f"whole {dataset.rows[table]} {dataset.identities.get(table, '')}".rstrip()


def _is_whole(session: Loader, database: str, table: str, dataset: Dataset) -> bool:
    """Whether the comment says so, and the rows are as many."""
    sql = f"SELECT comment FROM system.tables WHERE database = '{database}' AND name = '{table}'"  # noqa: S608 - names
    rows = session.execute(sql, deadline=STATEMENT_SECONDS).rows
    return rows == ((_whole(dataset, table),),) and count(session, f"{database}.{table}") == dataset.rows[table]


def _comment(session: Loader, name: str, text: str) -> None:
    session.execute(f"ALTER TABLE {name} MODIFY COMMENT '{text}'", deadline=STATEMENT_SECONDS)


def _fill(session: Loader, name: str, dataset: Dataset, tell: Callable[[str, int], None]) -> None:
    """Make the table anew: what a broken load left is of no use."""
    table = name.rpartition(".")[2]
    columns = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in TABLES[table].columns.items())
    session.execute(f"DROP TABLE IF EXISTS {name}", deadline=STATEMENT_SECONDS)
    create = f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY ({', '.join(TABLES[table].key)})"
    session.execute(create, deadline=STATEMENT_SECONDS)
    files, rows = dataset.files(table), 0
    for file, further in zip(files, dataset.rows_by_file(table), strict=True):
        session.insert_file(name, file, deadline=INSERT_SECONDS)
        rows += further
        if file != files[-1]:
            tell(table, rows)
    if (found := count(session, name)) != rows:
        raise EngineError(
            f"{name} has {found} rows after loading, the data set {rows}",
            error_class=ErrorClass.ENGINE,
            name="DATA_SET_MISMATCH",
        )
    _comment(session, name, _whole(dataset, table))
