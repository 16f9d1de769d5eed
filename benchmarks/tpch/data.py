"""TPC-H data on disk: generated once per scale factor by tpchgen-cli, verified, and kept in the per-user cache.

A data set appears under its final name by one rename, after every file was verified. It is made piece by piece, so
that memory stays bounded at any scale factor, and a run that ended half-way is gone on with by the next one.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from pathlib import Path

from benchmarks.tpch.generator import Written, time_limit
from benchmarks.tpch.layout import (
    BYTES_PER_UNIT,
    TABLES,
    DatasetError,
    Footer,
    Manifest,
    file_names,
    footer_bytes,
    read_footer,
    read_manifest,
    wanted_rows,
)
from benchmarks.tpch.model import Progress, Step
from benchmarks.tpch.staging import Staging
from engines import Dataset
from engines.tpch import schema_name
from targets.cache import cache_directory, cache_errors, cache_lock, megabytes, require_space

__all__ = ["BYTES_PER_UNIT", "TABLES", "DatasetError", "dataset", "identity", "scale_factor", "verify"]

SMALLEST, LARGEST = 0.001, 100_000.0
_SPARE_BYTES = 20_000_000


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
    """Read every file's Parquet footer and compare it with the manifest, and the row counts with the specification's.

    Raises:
        DatasetError: a file is missing, no whole Parquet file, another than was generated, or one too many; or a
            table has another number of rows.
    """
    manifest = read_manifest(directory)
    if manifest is not None and manifest.scale_factor != factor:
        raise DatasetError(
            f"{directory}: holds scale factor {manifest.scale_factor:g} instead of {factor:g}; delete it"
        )
    found = Dataset(factor, directory, {})
    for table in TABLES:
        names = file_names(table, manifest.counts.get(table, 1) if manifest else 1)
        footers = _footers(directory, table, names, manifest)
        found.rows[table] = sum(footer.rows for footer in footers)
        found.identities[table] = hashlib.sha256("".join(footer.digest for footer in footers).encode()).hexdigest()
        if len(footers) > 1:
            found.parts[table] = tuple(footer.rows for footer in footers)
        _check_rows(found, table)
    return found


def identity(data: Dataset) -> str:
    """A hash that changes with the data: over each file's length and footer (which holds each column's statistics).

    Raises:
        DatasetError: a file cannot be read.
    """
    digest = hashlib.sha256(f"{data.scale_factor:g}".encode())
    for file in (file for table in TABLES for file in data.files(table)):
        try:
            digest.update(footer_bytes(file))
        except OSError as error:
            raise DatasetError(f"{file}: {error.strerror or error}; delete {data.directory}") from error
    return digest.hexdigest()


def _footers(directory: Path, table: str, names: list[str], manifest: Manifest | None) -> list[Footer]:
    footers = [read_footer(directory / name) for name in names]
    for name, footer in zip(names, footers, strict=True):
        if manifest is not None and manifest.files.get(name) != footer:
            raise DatasetError(f"{directory / name}: not the file that was generated; delete {directory}")
    wanted = {Path(name).name for name in names}
    for path in (directory / table).iterdir():  # engines may read whatever is there
        if path.name not in wanted and not path.name.startswith("."):
            raise DatasetError(f"{path}: not a file of the data set; delete it")
    return footers


def _check_rows(found: Dataset, table: str) -> None:
    rows, wanted = found.rows[table], wanted_rows(table, found.scale_factor, found.rows)
    if rows not in wanted:
        count = str(wanted[0]) if len(wanted) == 1 else f"{wanted[0]} to {wanted[-1]}"
        place = found.files(table)[0] if len(found.files(table)) == 1 else found.directory / table
        raise DatasetError(
            f"{place}: {rows} rows, but scale factor {found.scale_factor:g} has {count}; delete {found.directory}"
        )


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
    with cache_lock(lock, timeout=2 * time_limit(factor), waiting=waiting) as descriptor:
        return _kept(directory, factor) or _generate(directory, factor, descriptor, tell)


def _generate(directory: Path, factor: float, lock: int, tell: Progress) -> Dataset:
    """Make the pieces that are missing. We hold the lock, so nobody else writes to what killed runs have left."""
    root = directory.parent
    with cache_errors(root):
        staging = Staging(root / f".{directory.name}-partial", factor)
        for leftover in root.glob(f".{directory.name}-*"):
            if leftover != staging.directory:
                shutil.rmtree(leftover, ignore_errors=True)
        try:
            _check_space(staging, factor)
            _fill(staging, factor, lock, tell)
            verify(staging.directory, factor)
        except DatasetError:
            if not staging.missing:  # one of them is wrong, nobody knows which
                staging.discard()
            raise
        finally:
            if not staging.manifest.files:
                staging.discard()
        broken = root / f".{directory.name}-broken"
        if directory.exists():
            directory.rename(broken)
        staging.directory.rename(directory)
        shutil.rmtree(broken, ignore_errors=True)
    return verify(directory, factor)


def _check_space(staging: Staging, factor: float) -> None:
    size = max(0, int(BYTES_PER_UNIT * factor * 1.1) - staging.manifest.bytes) + _SPARE_BYTES
    require_space(staging.directory.parent, size, f"TPC-H data at scale factor {factor:g}")


def _fill(staging: Staging, factor: float, lock: int, tell: Progress) -> None:
    total, missing = len(staging.pieces), staging.missing
    for done, piece in enumerate(missing, start=total - len(missing)):
        try:
            staging.add(piece, lock, _meter(staging.manifest.bytes, factor, done, total, tell))
        except DatasetError as error:
            kept = f" ({done} of {total} pieces are kept)" if done else ""
            raise DatasetError(f"{error}{kept}") from error


def _meter(before: int, factor: float, done: int, total: int, tell: Progress) -> Written:
    """Tell each further tenth of what there is to write, and the beginning of each piece."""
    about, told = BYTES_PER_UNIT * factor, -1.0

    def written(size: int) -> None:
        nonlocal told
        if told < 0 or size - told >= about / 10:
            told = size
            detail = f"{megabytes(before + size)} of about {megabytes(about)}"
            tell(Step("data", schema_name(factor), done, total, detail))

    return written


def _silent(_: Step) -> None:
    """Nobody listens."""
