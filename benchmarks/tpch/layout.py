"""How a data set lies on the disk: one Parquet file per table while that is small, otherwise numbered parts.

Sizes and row counts: TPC-H specification 3.0.1, clause 4.2.5 (lineitem is random there: one to seven lines per order).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet
from pyarrow.lib import ArrowException
from pydantic import BaseModel, ConfigDict, ValidationError

from targets.base import TargetError
from targets.cache import write_atomically

PER_UNIT = {"customer": 150_000, "orders": 1_500_000, "part": 200_000, "partsupp": 800_000, "supplier": 10_000}
FIXED = {"nation": 25, "region": 5}
TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
BYTES_PER_UNIT = 363_000_000
FILE_BYTES = 250_000_000
"""About how large a file may become. Engines without a shared file system may hold a whole one in memory."""

MANIFEST = "manifest.json"
_BYTES = {
    "lineitem": 232_000_000,
    "orders": 64_000_000,
    "partsupp": 45_000_000,
    "customer": 14_000_000,
    "part": 7_000_000,
    "supplier": 1_000_000,
}  # of each file at scale factor 1


class DatasetError(TargetError):
    """The data set cannot be made or read: one line that says what, where and what to do instead."""


class Footer(BaseModel):
    """What tells one Parquet file from another: its rows, its length, and a hash of both that and its footer.

    The footer holds the position and the statistics of each column of each row group.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    bytes: int
    digest: str


class Manifest(BaseModel):
    """The files of a data set, by path below its directory, and how many each table has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    scale_factor: float
    generator: str
    counts: Mapping[str, int]
    files: Mapping[str, Footer] = {}

    def write(self, directory: Path) -> None:
        """Replace the directory's manifest.

        Raises:
            OSError: it cannot be written.
        """
        write_atomically(directory / MANIFEST, self.model_dump_json(indent=1) + "\n")

    @property
    def bytes(self) -> int:
        """Length of all files together."""
        return sum(footer.bytes for footer in self.files.values())


@dataclass(frozen=True, slots=True)
class Piece:
    """What one call of the generator makes: a part of one table, or the only file of several tables."""

    tables: tuple[str, ...]
    part: int = 1
    parts: int = 1

    @property
    def files(self) -> dict[str, str]:
        """Where the generator puts each file, below its output directory, and where it belongs in the data set."""
        if self.parts > 1:
            (table,) = self.tables
            return {_part_name(table, self.part): _part_name(table, self.part)}
        return {f"{table}.parquet": file_names(table, 1)[0] for table in self.tables}

    def bytes(self, factor: float) -> float:
        """About how much it writes."""
        return sum(_BYTES.get(table, 0) for table in self.tables) * factor / self.parts


def file_names(table: str, parts: int) -> list[str]:
    """Paths of a table's files below the data set's directory."""
    if parts == 1:
        return [f"{table}/{table}.parquet"]
    return [_part_name(table, part) for part in range(1, parts + 1)]


def _part_name(table: str, part: int) -> str:
    return f"{table}/{table}.{part}.parquet"


def part_counts(factor: float) -> dict[str, int]:
    """In how many files each table is generated."""
    return {table: max(1, math.ceil(_BYTES.get(table, 0) * factor / FILE_BYTES)) for table in TABLES}


def pieces(counts: Mapping[str, int]) -> tuple[Piece, ...]:
    """The calls of the generator, small ones first: one while every table is in one file."""
    whole = tuple(table for table in TABLES if counts[table] == 1)
    parted = [
        Piece((table,), part, counts[table])
        for table in TABLES
        if counts[table] > 1
        for part in range(1, counts[table] + 1)
    ]
    return (Piece(whole), *parted) if whole else tuple(parted)


def read_manifest(directory: Path) -> Manifest | None:
    """The directory's manifest, or ``None``: data sets of one file per table may lack it.

    Raises:
        DatasetError: it is no manifest.
    """
    file = directory / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes()) if file.is_file() else None
    except (OSError, ValidationError) as error:
        raise DatasetError(f"{file}: not a manifest of a data set; delete {directory}") from error


def read_footer(file: Path) -> Footer:
    """Read the end of a Parquet file.

    Raises:
        DatasetError: it is missing, or no whole Parquet file.
    """
    try:
        with pyarrow.parquet.ParquetFile(file) as parquet:
            rows = int(parquet.metadata.num_rows)
        content = footer_bytes(file)
        size = file.stat().st_size
    except (OSError, ArrowException) as error:
        raise DatasetError(f"{file}: not a whole Parquet file ({str(error).splitlines()[0]}); delete it") from error
    return Footer(rows=rows, bytes=size, digest=hashlib.sha256(content).hexdigest())


def footer_bytes(file: Path) -> bytes:
    """A file's length and its footer.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")  # the file ends with the footer, its length and "PAR1"
        stream.seek(max(0, size - 8 - length))
        return size.to_bytes(8, "little") + stream.read()


def wanted_rows(table: str, factor: float, rows: Mapping[str, int]) -> range:
    """How many rows a table may have; for lineitem ``rows`` has to hold those of orders."""
    if table in FIXED:
        return range(FIXED[table], FIXED[table] + 1)
    if table in PER_UNIT:
        exact = round(PER_UNIT[table] * factor, 6)
        return range(math.floor(exact), math.ceil(exact) + 1)
    orders = rows["orders"]  # one to seven lines each, so the sum has a standard deviation of 2 x sqrt(orders)
    return range(4 * orders - 12 * math.isqrt(orders), 4 * orders + 12 * math.isqrt(orders) + 1)
