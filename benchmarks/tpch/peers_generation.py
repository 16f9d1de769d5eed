"""Making the same TPC-H tables as Parquet files with this project and with DuckDB's generator, each measured alone.

``python -m benchmarks.tpch.peers_generation --scale-factor 1`` prints the table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.tpch.data import dataset, scale_factor
from benchmarks.tpch.layout import BYTES_PER_UNIT, TABLES, DatasetError
from benchmarks.tpch.queries import load_extension
from targets.base import TargetError
from targets.cache import VARIABLE, megabytes, require_space

MAKERS = {
    "this project (tpchgen-cli)": "row counts against the specification, every file's footer against a manifest",
    "DuckDB's dbgen, then COPY": "nothing",
}
"""Who makes the tables, and what is validated before they are used."""

MODULE = "benchmarks.tpch.peers_generation"
ROOT = Path(__file__).resolve().parents[2]
_SPACE = 6  # times the Parquet files: DuckDB keeps a database beside them


@dataclass(frozen=True, slots=True)
class Generation:
    """One maker's tables.

    Attributes:
        maker: who made them.
        scale_factor: of what size.
        seconds: from the start of its process to its end.
        cpu_seconds: user and system time of it and its children.
        peak_bytes: largest resident memory of one of its processes.
        file_bytes: length of the Parquet files together.
        validates: what it has checked of them.
    """

    maker: str
    scale_factor: float
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    file_bytes: int
    validates: str


def compare_generation(factor: float, directory: Path | None = None) -> tuple[Generation, ...]:
    """Have each maker make the tables, one after the other, in a directory of its own that is removed afterwards.

    Args:
        factor: the scale factor.
        directory: where there is space; the system's place for temporary files without it.

    Raises:
        ValueError: no such scale factor.
        TargetError: there is too little space.
        DatasetError: a maker failed.
    """
    factor = scale_factor(factor)
    with tempfile.TemporaryDirectory(prefix="generation-", dir=directory) as temporary:
        require_space(Path(temporary), int(BYTES_PER_UNIT * factor * _SPACE), "comparing generators")
        return tuple(_measured(maker, factor, Path(temporary) / str(place)) for place, maker in enumerate(MAKERS))


def _measured(maker: str, factor: float, directory: Path) -> Generation:
    directory.mkdir()
    command = [sys.executable, "-m", MODULE, "--make", maker, "--scale-factor", f"{factor:g}", str(directory)]
    environment = {**os.environ, VARIABLE: str(directory)}
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise DatasetError(f"{maker}: exit code {process.returncode} at scale factor {factor:g}; see its output above")
    size = sum(file.stat().st_size for file in directory.rglob("*.parquet"))
    unit = 1 if sys.platform == "darwin" else 1024
    return Generation(
        maker, factor, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, size, MAKERS[maker]
    )


def _make(maker: str, factor: float, directory: Path) -> None:
    if maker.startswith("this"):
        dataset(factor)
        return
    with duckdb.connect(directory / "tables.duckdb") as connection:
        load_extension(connection)
        connection.execute(f"CALL dbgen(sf = {factor:g})")
        for table in TABLES:
            file = str(directory / f"{table}.parquet").replace("'", "''")
            connection.execute(f"COPY {table} TO '{file}' (FORMAT parquet)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison, or make the tables as one maker."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale-factor", default="1", metavar="SF", help="TPC-H scale factor (default: %(default)s)")
    parser.add_argument("--make", choices=MAKERS, help=argparse.SUPPRESS)
    parser.add_argument("directory", nargs="?", type=Path, help="where there is space for the files")
    options = parser.parse_args(arguments)
    try:
        factor = scale_factor(options.scale_factor)
        if options.make:
            _make(options.make, factor, options.directory)
            return 0
        for made in compare_generation(factor, options.directory):
            sys.stdout.write(
                f"{made.maker}: {made.seconds:.1f} s, {made.cpu_seconds:.1f} s of CPU, {megabytes(made.peak_bytes)} of"
                f" memory, {megabytes(made.file_bytes)} of files; validated: {made.validates}\n"
            )
    except (ValueError, TargetError, OSError, duckdb.Error) as error:
        sys.stderr.write(f"{str(error).splitlines()[0]}\n")
        return 2 if isinstance(error, ValueError) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
