"""Generation of TPC-H's data as Parquet files: this project's generator against DuckDB's, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peers.environments import PeerError
from benchmarks.peers.model import Cell, Row
from targets.cache import VARIABLE

ROOT = Path(__file__).resolve().parents[2]

OURS = "import sys; from benchmarks.tpch.data import dataset; dataset(float(sys.argv[1]))"
DUCKDB = """
import sys, duckdb
from benchmarks.tpch.queries import load_extension
connection = duckdb.connect(sys.argv[2] + "/generated.duckdb")
load_extension(connection)
connection.execute("CALL dbgen(sf = " + str(float(sys.argv[1])) + ")")
for (table,) in connection.execute("SHOW TABLES").fetchall():
    connection.execute("COPY " + table + " TO '" + sys.argv[2] + "/" + table + ".parquet' (FORMAT parquet)")
"""


def compare_generation(factor: float) -> Row:
    """Both at one scale factor; DuckDB's in a database file, since in memory it would need all of it at once."""
    return Row(
        work=f"generate scale factor {factor:g} as Parquet: seconds, peak memory",
        ours=_cell(OURS, factor),
        peer="DuckDB dbgen",
        theirs=_cell(DUCKDB, factor),
    )


def _cell(code: str, factor: float) -> Cell:
    try:
        seconds, memory, size = measured(code, factor)
    except PeerError as error:
        return Cell(skipped=str(error))
    text = f"{seconds:.2f} s, {memory / 2**20:.0f} MiB ({size / 2**20:.0f} MiB of files)"
    return Cell(text, {"seconds": seconds, "peak_bytes": float(memory), "file_bytes": float(size)})


def measured(code: str, factor: float) -> tuple[float, int, int]:
    """(seconds, peak memory of its largest process in bytes, bytes of Parquet) of a Python program.

    The program is given the scale factor and an empty directory, which is also the cache directory.

    Raises:
        PeerError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="peers-") as directory:
        command = [sys.executable, "-c", code, f"{factor:g}", directory]
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, VARIABLE: directory},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None  # noqa: S101 - asked for above
        with process.stderr as stream:
            said = stream.read().decode(errors="replace").strip().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise PeerError(said[-1] if said else f"exit code {process.returncode}")
        size = sum(file.stat().st_size for file in Path(directory).rglob("*.parquet"))
        return seconds, usage.ru_maxrss * 1024, size
