"""The right answers: DuckDB over the same Parquet files, an engine that shares no code with those under test.

DuckDB's own ``tpch_answers()`` will not do: its generator writes other comments and addresses than dbgen. Answers are
kept in the per-user cache, under a key of data, DuckDB version and query text.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import duckdb

from benchmarks.tpch.data import identity
from benchmarks.tpch.model import Column, ColumnKind, Expected, Progress, Step
from benchmarks.tpch.queries import Shape, query, shape
from benchmarks.tpch.views import connect
from engines import Dataset, RefreshSet, Row, TpchQuery
from engines.tpch import schema_name
from targets.base import TargetError
from targets.cache import cache_directory, cache_errors, write_atomically

FORMAT = 1  # of the kept files
_DECIMAL = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")
_KINDS = {"DOUBLE": ColumnKind.DOUBLE, "VARCHAR": ColumnKind.TEXT, "DATE": ColumnKind.DATE} | dict.fromkeys(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    ColumnKind.INTEGER,
)


class OracleError(TargetError):
    """The oracle has no answer: one line that says why."""


class Oracle(Protocol):
    """Knows the right answers over one data set."""

    @property
    def name(self) -> str:
        """What it is, for the report."""
        ...

    def expected(self, number: int) -> Expected:
        """The right answer to one query with the validation values."""
        ...

    def answer(self, asked: TpchQuery) -> Expected:
        """The right answer to a query as it is written."""
        ...


class DuckDbOracle:
    """Right answers over one data set, each computed once and then kept.

    Args:
        data: the Parquet files that the engines under test have loaded.
        refreshed: sets that both refresh functions have run with since, each pair whole.
    """

    def __init__(self, data: Dataset, refreshed: Sequence[RefreshSet] = ()) -> None:
        self._data = data
        self._refreshed = tuple(refreshed)
        self._identity = "/".join([identity(data), *(one.orders.parent.name for one in refreshed)])
        self._known: dict[TpchQuery, Expected] = {}

    @property
    def name(self) -> str:
        """The engine, its version, and what it read."""
        after = " after the refresh functions" if self._refreshed else ""
        return f"DuckDB {duckdb.__version__} over the same Parquet files{after}"

    def prepare(self, numbers: Iterable[int], progress: Progress | None = None) -> None:
        """Have the answers to these queries at hand, so that nothing is computed while engines are timed.

        Raises:
            ValueError: no such query.
            OracleError: DuckDB could not answer.
            TargetError: the cache cannot be used.
        """
        wanted = tuple(numbers)
        for done, number in enumerate(wanted, start=1):
            expected = self.expected(number)
            if progress:
                progress(Step("oracle", f"Q{number}", done, len(wanted), f"{expected.row_count:,} rows"))

    def expected(self, number: int) -> Expected:
        """The right answer to one query with the validation values; raises as ``prepare`` does."""
        return self.answer(query(number))

    def answer(self, asked: TpchQuery) -> Expected:
        """The right answer to a query as it is written; raises as ``prepare`` does."""
        if asked not in self._known:
            self._known[asked] = self._kept(asked) or self._compute(asked)
        return self._known[asked]

    def _file(self, asked: TpchQuery) -> Path:
        key = json.dumps([FORMAT, self._identity, duckdb.__version__, asked.sql])
        name = f"q{asked.number:02}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
        return cache_directory() / "oracle" / schema_name(self._data.scale_factor) / name

    def _kept(self, asked: TpchQuery) -> Expected | None:
        file = self._file(asked)
        with cache_errors(file.parent):
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
        try:
            return decode(text, asked.number) if text else None
        except (ValueError, ArithmeticError, LookupError, TypeError):
            return None  # not a file we wrote: the answer is computed again and takes its place

    def _compute(self, asked: TpchQuery) -> Expected:
        file = self._file(asked)
        with cache_errors(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
            answer = self._ask(asked)
            write_atomically(file, encode(answer))
        return answer

    def _ask(self, asked: TpchQuery) -> Expected:
        number, parts = asked.number, shape(asked.sql)
        with tempfile.TemporaryDirectory(prefix="spill-", dir=cache_directory()) as spill:
            try:
                with connect(self._data, spill, refreshed=self._refreshed) as connection:
                    result = connection.execute(_with_ties(parts))
                    columns = tuple(_column(name, str(kind)) for name, kind, *_ in result.description)
                    rows: list[Row] = result.fetchall()
            except duckdb.Error as error:
                raise OracleError(f"DuckDB, TPC-H query {number}: {str(error).splitlines()[0]}") from error
        return Expected(number, columns, tuple(rows), _positions(parts, columns), parts.limit)


def _with_ties(parts: Shape) -> str:
    """The query, sorted, with every row that LIMIT could have kept: those with the last row's sort keys as well."""
    if not parts.order:
        return parts.body if parts.limit is None else f"{parts.body} LIMIT {parts.limit}"
    order = ", ".join(str(key) for key in parts.order)
    cut = "" if parts.limit is None else f" QUALIFY rank() OVER (ORDER BY {order}) <= {parts.limit}"
    return f"SELECT * FROM ({parts.body}) AS answer{cut} ORDER BY {order}"  # noqa: S608 - texts of an installed package


def _positions(parts: Shape, columns: Sequence[Column]) -> tuple[int, ...]:
    names = [column.name.lower() for column in columns]
    return tuple(names.index(key.column.lower()) for key in parts.order)


def _column(name: str, kind: str) -> Column:
    if match := _DECIMAL.fullmatch(kind):
        return Column(name, ColumnKind.DECIMAL, int(match[1]))
    if kind not in _KINDS:
        raise OracleError(f"DuckDB, column {name}: values of type {kind} cannot be compared")
    return Column(name, _KINDS[kind])


def encode(expected: Expected) -> str:
    """An expected answer as JSON; every value a string or null, since JSON has neither decimals nor dates."""
    document = {
        "columns": [[column.name, column.kind.value, column.scale] for column in expected.columns],
        "rows": [[None if value is None else str(value) for value in row] for row in expected.rows],
        "order": expected.order,
        "limit": expected.limit,
    }
    return json.dumps(document)


def decode(text: str, number: int) -> Expected:
    """The reverse of ``encode``.

    Raises:
        ValueError, ArithmeticError, LookupError, TypeError: the text is not what ``encode`` writes.
    """
    document = json.loads(text)
    columns = tuple(Column(name, ColumnKind(kind), scale) for name, kind, scale in document["columns"])
    rows = tuple(
        tuple(_value(column, cell) for column, cell in zip(columns, row, strict=True)) for row in document["rows"]
    )
    return Expected(number, columns, rows, tuple(document["order"]), document["limit"])


def _value(column: Column, cell: str | None) -> object:
    if cell is None:
        return None
    match column.kind:
        case ColumnKind.INTEGER:
            return int(cell)
        case ColumnKind.DECIMAL:
            return Decimal(cell)
        case ColumnKind.DOUBLE:
            return float(cell)
        case ColumnKind.DATE:
            return datetime.date.fromisoformat(cell)
        case ColumnKind.TEXT:
            return cell
