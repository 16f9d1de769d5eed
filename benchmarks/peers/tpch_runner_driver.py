"""Runs in tpch-runner's own environment: its queries and DuckDB without it, in turn; figures as JSON on the last line.

Arguments: a directory with ``tpch.duckdb`` and ``queries/q1.sql`` ..., and how often.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any


def main(directory: Path, repeats: int) -> None:
    """Print ``{query: [[raw, reported, wall, noticed], ...]}``, times in seconds."""
    duckdb: Any = importlib.import_module("duckdb")
    module: Any = importlib.import_module("tpch_runner.tpch.databases.duckdb")
    module.Duckdb_TPCH.schema_dir = directory  # its package has neither schema nor queries
    connection = module.DuckLDB()
    connection.close()
    runner = module.Duckdb_TPCH(connection, _known())
    found: dict[int, list[tuple[float, float, float, bool]]] = {}
    for _ in range(repeats):
        for number in range(1, 23):
            sql = (directory / "queries" / f"q{number}.sql").read_text()
            with duckdb.connect(str(directory / "tpch.duckdb")) as own:
                own.execute(sql).fetchall()
                began = time.perf_counter()
                own.execute(sql).fetchall()
                raw = time.perf_counter() - began
            began = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):  # it prints each query's time
                result, reported, _ = runner.run_query(number)
            wall = time.perf_counter() - began
            found.setdefault(number, []).append((raw, reported, wall, not result.success))
    sys.stdout.write(json.dumps(found) + "\n")


def _known() -> int:
    """The database's number in its own register, without which it keeps no result."""
    meta: Any = importlib.import_module("tpch_runner.meta")
    manager = meta.DBManager(meta.setup_database())
    if not manager.get_databases(alias="peers"):
        manager.add_database("duckdb", "localhost", "0", "nobody", "none", "tpch", alias="peers")
    return int(manager.get_databases(alias="peers")[0].id)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
