"""DuckDB over a data set's Parquet files, within a small amount of memory."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from engines import Dataset, RefreshSet
from engines.tpch import REFRESHED, TABLES

MEMORY = "1GB"


def connect(
    data: Dataset, spill: str | Path, *, refreshed: Sequence[RefreshSet] = (), memory: str = MEMORY
) -> duckdb.DuckDBPyConnection:
    """An in-memory database of views over the files, whose joins spill to disk rather than take the engines' memory.

    Args:
        data: the data set.
        spill: a directory for what does not fit.
        refreshed: sets that both refresh functions have run with since.
        memory: how much DuckDB may take, in its own words.

    Raises:
        duckdb.Error: a file cannot be read.
    """
    connection = duckdb.connect(
        config={"memory_limit": memory, "threads": os.cpu_count() or 1, "temp_directory": str(spill)}
    )
    for table in TABLES:
        changed = bool(refreshed) and table in REFRESHED
        _view(connection, f"loaded_{table}" if changed else table, data.files(table))
        if changed:
            _refresh(connection, table, refreshed)
    return connection


def _refresh(connection: duckdb.DuckDBPyConnection, table: str, refreshed: Sequence[RefreshSet]) -> None:
    files = {"orders": [one.orders for one in refreshed], "lineitem": [one.lineitem for one in refreshed]}
    _view(connection, f"new_{table}", files[table])
    _view(connection, f"gone_{table}", [one.delete_keys for one in refreshed])
    kept = f"SELECT * FROM loaded_{table} ANTI JOIN gone_{table} ON {table[0]}_orderkey = orderkey"  # noqa: S608 - names
    connection.execute(f"CREATE VIEW {table} AS {kept} UNION ALL SELECT * FROM new_{table}")  # noqa: S608 - names


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path]) -> None:
    connection.read_parquet([glob.escape(str(file)) for file in files]).create_view(name)
