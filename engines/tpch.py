"""TPC-H as far as an engine must know it: tables, columns, the data set on disk, the query's number and text.

Source: TPC Benchmark H Standard Specification revision 3.0.1, clause 1.4 (tables and columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TABLES: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class Dataset:
    """TPC-H data on disk.

    Attributes:
        scale_factor: 1 is about 1 GB of raw text.
        directory: holds ``<table>/<table>.parquet`` for each of the eight tables.
        rows: rows of each table, as read from the Parquet metadata.
    """

    scale_factor: float
    directory: Path
    rows: dict[str, int]

    def file(self, table: str) -> Path:
        """The Parquet file of one table."""
        return self.directory / table / f"{table}.parquet"


@dataclass(frozen=True, slots=True)
class TpchQuery:
    """One of the 22 queries: its number (1 to 22) and its text with the validation parameters, in standard SQL."""

    number: int
    sql: str


def schema_name(scale_factor: float) -> str:
    """Name of the schema (database) that holds a scale factor: ``sf1``, ``sf0_1``."""
    return "sf" + f"{scale_factor:g}".replace(".", "_")
