"""TPC-H as far as an engine must know it: tables, columns, the data set on disk, the query's number and text.

Source: TPC Benchmark H Standard Specification revision 3.0.1, clause 1.4 (tables and columns).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ColumnType = Literal["int64", "int32", "money", "date", "text"]
"""What a column holds, in no engine's dialect; each adapter maps it to its own types.

``money`` is a decimal of 15 digits, 2 of them after the point, used for every decimal of the specification;
``text`` is a string of any length: the limits of the specification's ``char(n)`` and ``varchar(n)`` never matter to
an answer. Widths are those of the Parquet files.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in the specification's order, and the columns of its primary key."""

    columns: Mapping[str, ColumnType]
    key: tuple[str, ...]


TABLES: Mapping[str, Table] = {
    "region": Table(
        columns={"r_regionkey": "int64", "r_name": "text", "r_comment": "text"},
        key=("r_regionkey",),
    ),
    "nation": Table(
        columns={"n_nationkey": "int64", "n_name": "text", "n_regionkey": "int64", "n_comment": "text"},
        key=("n_nationkey",),
    ),
    "supplier": Table(
        columns={
            "s_suppkey": "int64",
            "s_name": "text",
            "s_address": "text",
            "s_nationkey": "int64",
            "s_phone": "text",
            "s_acctbal": "money",
            "s_comment": "text",
        },
        key=("s_suppkey",),
    ),
    "part": Table(
        columns={
            "p_partkey": "int64",
            "p_name": "text",
            "p_mfgr": "text",
            "p_brand": "text",
            "p_type": "text",
            "p_size": "int32",
            "p_container": "text",
            "p_retailprice": "money",
            "p_comment": "text",
        },
        key=("p_partkey",),
    ),
    "partsupp": Table(
        columns={
            "ps_partkey": "int64",
            "ps_suppkey": "int64",
            "ps_availqty": "int32",
            "ps_supplycost": "money",
            "ps_comment": "text",
        },
        key=("ps_partkey", "ps_suppkey"),
    ),
    "customer": Table(
        columns={
            "c_custkey": "int64",
            "c_name": "text",
            "c_address": "text",
            "c_nationkey": "int64",
            "c_phone": "text",
            "c_acctbal": "money",
            "c_mktsegment": "text",
            "c_comment": "text",
        },
        key=("c_custkey",),
    ),
    "orders": Table(
        columns={
            "o_orderkey": "int64",
            "o_custkey": "int64",
            "o_orderstatus": "text",
            "o_totalprice": "money",
            "o_orderdate": "date",
            "o_orderpriority": "text",
            "o_clerk": "text",
            "o_shippriority": "int32",
            "o_comment": "text",
        },
        key=("o_orderkey",),
    ),
    "lineitem": Table(
        columns={
            "l_orderkey": "int64",
            "l_partkey": "int64",
            "l_suppkey": "int64",
            "l_linenumber": "int32",
            "l_quantity": "money",
            "l_extendedprice": "money",
            "l_discount": "money",
            "l_tax": "money",
            "l_returnflag": "text",
            "l_linestatus": "text",
            "l_shipdate": "date",
            "l_commitdate": "date",
            "l_receiptdate": "date",
            "l_shipinstruct": "text",
            "l_shipmode": "text",
            "l_comment": "text",
        },
        key=("l_orderkey", "l_linenumber"),
    ),
}
"""The eight tables, small ones first. Iterating gives their names."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """TPC-H data on disk: each table in one Parquet file, or in several parts.

    Attributes:
        scale_factor: 1 is about 1 GB of raw text.
        directory: holds a directory for each of the eight tables, and nothing else is in those but the table's files.
        rows: rows of each table, as read from the Parquet metadata.
        parts: rows of each part, of the tables that are in several.
        identities: a hash of each table's content, where it was read (see ``benchmarks.tpch.data.verify``).
    """

    scale_factor: float
    directory: Path
    rows: dict[str, int]
    parts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)

    def files(self, table: str) -> tuple[Path, ...]:
        """The Parquet files of one table, which together hold each of its rows once."""
        count = len(self.parts.get(table, ()))
        if count <= 1:
            return (self.directory / table / f"{table}.parquet",)
        return tuple(self.directory / table / f"{table}.{number}.parquet" for number in range(1, count + 1))

    def rows_by_file(self, table: str) -> tuple[int, ...]:
        """Rows of each of ``files``."""
        return self.parts.get(table) or (self.rows[table],)

    def file(self, table: str) -> Path:
        """The Parquet file of a table that is in one.

        Raises:
            ValueError: the table is in several parts.
        """
        files = self.files(table)
        if len(files) > 1:
            raise ValueError(f"{table} is in {len(files)} files")
        return files[0]


@dataclass(frozen=True, slots=True)
class RefreshSet:
    """What one pair of refresh functions inserts and deletes, as Parquet files; made by ``benchmarks.tpch.refresh``.

    Attributes:
        scale_factor: of the data set that it belongs to.
        stream: its number, from 1.
        orders: new rows of ``orders`` (RF1).
        lineitem: new rows of ``lineitem`` (RF1).
        delete_keys: one column ``orderkey``: the orders that go, with their lineitems (RF2).
        inserted: rows that RF1 adds, by table.
        deleted: rows that RF2 takes away from the data set, by table.
    """

    scale_factor: float
    stream: int
    orders: Path
    lineitem: Path
    delete_keys: Path
    inserted: Mapping[str, int]
    deleted: Mapping[str, int]


REFRESHED = ("orders", "lineitem")
"""The tables that the refresh functions change."""


@dataclass(frozen=True, slots=True)
class TpchQuery:
    """One of the 22 queries: its number (1 to 22) and its text with the validation parameters, in standard SQL."""

    number: int
    sql: str


def schema_name(scale_factor: float) -> str:
    """Name of the schema (database) that holds a scale factor: ``sf1``, ``sf0_1``."""
    return "sf" + f"{scale_factor:g}".replace(".", "_")
