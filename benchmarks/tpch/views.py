"""DuckDB over a data set's Parquet files, within a small amount of memory."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import duckdb

from engines import Dataset
from engines.tpch import TABLES

MEMORY = "1GB"


def connect(data: Dataset, spill: str | Path, memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """An in-memory database of views over the files, whose joins spill to disk rather than take the engines' memory.

    Args:
        data: the data set.
        spill: a directory for what does not fit.
        memory: how much DuckDB may take, in its own words.

    Raises:
        duckdb.Error: a file cannot be read.
    """
    connection = duckdb.connect(
        config={"memory_limit": memory, "threads": os.cpu_count() or 1, "temp_directory": str(spill)}
    )
    for table in TABLES:
        files = [glob.escape(str(file)) for file in data.files(table)]
        connection.read_parquet(files).create_view(table)
    return connection
