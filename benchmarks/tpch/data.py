"""TPC-H data on disk: generated once per scale factor by tpchgen-cli, verified, and kept in the per-user cache.

A data set appears under its final name by one rename, after every file was verified; a run that is killed half-way
leaves only a directory that the next run removes. Sizes: TPC-H specification 3.0.1, clause 4.2.5 (lineitem is random
there: one to seven lines per order).
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pyarrow.parquet
from pyarrow.lib import ArrowException

from benchmarks.tpch.model import Progress, Step
from engines import Dataset
from engines.tpch import schema_name
from targets.base import TargetError
from targets.cache import cache_directory, cache_errors, cache_lock, megabytes, require_space

PER_UNIT = {"customer": 150_000, "orders": 1_500_000, "part": 200_000, "partsupp": 800_000, "supplier": 10_000}
FIXED = {"nation": 25, "region": 5}
TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
SMALLEST, LARGEST = 0.001, 100_000.0
BYTES_PER_UNIT = 363_000_000
_SPARE_BYTES = 20_000_000
_POLL_SECONDS = 0.2


class DatasetError(TargetError):
    """The data set cannot be made or read: one line that says what, where and what to do instead."""


def scale_factor(text: str | float) -> float:
    """Check a scale factor.

    Raises:
        ValueError: not a number from 0.001 to 100000 with at most six significant digits (they name the schema).
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not SMALLEST <= value <= LARGEST or float(f"{value:g}") != value:
        raise ValueError(f"scale factor {text}: expected a number like 0.01, 0.1, 1 or 10, from {SMALLEST} upwards")
    return value


def dataset(factor: float, progress: Progress | None = None) -> Dataset:
    """The data set of a scale factor, generated when the cache does not hold a whole one.

    Args:
        factor: the scale factor; 1 takes about 363 MB of disk.
        progress: told how far the generator has come, and about each table at the end.

    Raises:
        ValueError: no such scale factor.
        DatasetError: the data could not be generated, or is not what the specification says.
        TargetError: the cache cannot be used, has too little space, or is locked by another run for too long.
    """
    factor = scale_factor(factor)
    directory = cache_directory() / "tpch" / schema_name(factor)
    tell = progress or _silent
    with cache_errors(directory.parent):
        directory.parent.mkdir(exist_ok=True)
    found = _kept(directory, factor) or _locked(directory, factor, tell)
    for done, table in enumerate(TABLES, start=1):
        tell(Step("data", table, done, len(TABLES), f"{found.rows[table]:,} rows"))
    return found


def verify(directory: Path, factor: float) -> Dataset:
    """Read every file's Parquet footer and compare the row counts with the specification's.

    Raises:
        DatasetError: a file is missing or no whole Parquet file, or has another number of rows.
    """
    found = Dataset(factor, directory, {})
    for table in TABLES:
        rows = found.rows[table] = _rows(found.file(table))
        wanted = _wanted_rows(table, factor, found.rows)
        if rows not in wanted:
            count = str(wanted[0]) if len(wanted) == 1 else f"{wanted[0]} to {wanted[-1]}"
            raise DatasetError(
                f"{found.file(table)}: {rows} rows, but scale factor {factor:g} has {count}; delete {directory}"
            )
    return found


def identity(data: Dataset) -> str:
    """A hash that changes with the data: over each file's length and footer (which holds each column's statistics).

    Raises:
        DatasetError: a file cannot be read.
    """
    digest = hashlib.sha256(f"{data.scale_factor:g}".encode())
    for table in TABLES:
        try:
            digest.update(_footer(data.file(table)))
        except OSError as error:
            raise DatasetError(f"{data.file(table)}: {error.strerror or error}; delete {data.directory}") from error
    return digest.hexdigest()


def _footer(file: Path) -> bytes:
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")  # the file ends with the footer, its length and "PAR1"
        stream.seek(max(0, size - 8 - length))
        return size.to_bytes(8, "little") + stream.read()


def _rows(file: Path) -> int:
    try:
        with pyarrow.parquet.ParquetFile(file) as parquet:
            return int(parquet.metadata.num_rows)
    except (OSError, ArrowException) as error:
        raise DatasetError(f"{file}: not a whole Parquet file ({str(error).splitlines()[0]}); delete it") from error


def _wanted_rows(table: str, factor: float, rows: dict[str, int]) -> range:
    if table in FIXED:
        return range(FIXED[table], FIXED[table] + 1)
    if table in PER_UNIT:
        exact = round(PER_UNIT[table] * factor, 6)
        return range(math.floor(exact), math.ceil(exact) + 1)
    orders = rows["orders"]  # one to seven lines each, so the sum has a standard deviation of 2 x sqrt(orders)
    return range(4 * orders - 12 * math.isqrt(orders), 4 * orders + 12 * math.isqrt(orders) + 1)


def _kept(directory: Path, factor: float) -> Dataset | None:
    """What the cache holds, if it is whole; a broken one is made anew."""
    try:
        return verify(directory, factor) if directory.is_dir() else None
    except DatasetError:
        return None


def _locked(directory: Path, factor: float, tell: Progress) -> Dataset:
    def waiting() -> None:
        tell(Step("data", directory.name, 0, len(TABLES), "another run is generating it"))

    lock = directory.with_name(f".{directory.name}.lock")
    with cache_lock(lock, timeout=2 * _time_limit(factor), waiting=waiting) as descriptor:
        return _kept(directory, factor) or _generate(directory, factor, descriptor, tell)


def _generate(directory: Path, factor: float, lock: int, tell: Progress) -> Dataset:
    root = directory.parent
    for leftover in root.glob(
        f".{directory.name}-*"
    ):  # of runs that were killed: we hold the lock, nobody writes there
        shutil.rmtree(leftover, ignore_errors=True)
    require_space(root, int(BYTES_PER_UNIT * factor * 1.1) + _SPARE_BYTES, f"TPC-H data at scale factor {factor:g}")
    with cache_errors(root), tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=root) as temporary:
        partial = Path(temporary) / "data"
        partial.mkdir()
        _run_generator(partial, factor, lock, tell)
        _arrange(partial)
        verify(partial, factor)
        if directory.exists():
            directory.rename(Path(temporary) / "broken")
        partial.rename(directory)
    return verify(directory, factor)


def _arrange(partial: Path) -> None:
    """Give each table a directory of its own, and have everything on the disk before it is taken for whole."""
    for table in TABLES:
        source, folder = partial / f"{table}.parquet", partial / table
        if not source.is_file():
            raise DatasetError(f"tpchgen-cli wrote no {source.name}; install requirements.txt again")
        folder.mkdir()
        with source.rename(folder / source.name).open("rb") as stream:
            os.fsync(stream.fileno())


def _run_generator(partial: Path, factor: float, lock: int, tell: Progress) -> None:
    """Run tpchgen-cli. It inherits the lock, so that nobody touches its directory even when this process is killed."""
    command = [_generator(), "parquet", "-s", f"{factor:g}", "--output-dir", str(partial), "--quiet"]
    give_up = time.monotonic() + _time_limit(factor)
    with tempfile.TemporaryFile() as errors, subprocess.Popen(command, stderr=errors, pass_fds=[lock]) as process:
        try:
            _watch(process, partial, factor, give_up, tell)
        finally:
            process.kill()
        code = process.wait()
        errors.seek(0)
        message = errors.read().decode(errors="replace").strip()
    if code != 0:
        raise DatasetError(
            f"tpchgen-cli failed ({_cause(code, message, factor)}) while writing scale factor {factor:g}"
            f" below {partial.parents[1]}; check free space and memory, then run again"
        )


def _watch(process: subprocess.Popen[bytes], partial: Path, factor: float, give_up: float, tell: Progress) -> None:
    """Wait for the generator, telling each further tenth of what it has to write."""
    about, told = BYTES_PER_UNIT * factor, -1.0
    while process.poll() is None and time.monotonic() < give_up:
        size = _written(partial)
        if size - told >= about / 10:
            tell(Step("data", schema_name(factor), 0, len(TABLES), f"{megabytes(size)} of about {megabytes(about)}"))
            told = size
        with contextlib.suppress(subprocess.TimeoutExpired):  # still at work: look again
            process.wait(_POLL_SECONDS)


def _generator() -> str:
    places = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which("tpchgen-cli", path=os.pathsep.join(places))
    if found is None:
        raise DatasetError("tpchgen-cli is not installed; run make setup (or install requirements.txt)")
    return found


def _time_limit(factor: float) -> float:
    return 120 + 120 * factor  # seconds; about 6 x factor is usual


def _written(partial: Path) -> int:
    size = 0
    for file in partial.iterdir():
        with contextlib.suppress(FileNotFoundError):  # just renamed: it was written under another name
            size += file.stat().st_size
    return size


def _cause(code: int, message: str, factor: float) -> str:
    if code == -signal.SIGKILL and not message:
        return f"ended by a signal, or not done after {_time_limit(factor):.0f} s"
    return message.splitlines()[-1] if message else f"exit code {code}"


def _silent(_: Step) -> None:
    """Nobody listens."""
