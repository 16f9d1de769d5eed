"""The 22 query texts with the validation parameters, and what their last lines say about order and length.

The texts come at run time from DuckDB's tpch extension (package ``duckdb-extension-tpch``), loaded from the installed
file without a network. One deviation from the specification is DuckDB's: query 11 keeps the fraction of scale factor 1
at every scale factor.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import duckdb

from engines import TpchQuery
from targets.base import TargetError

QUERY_NUMBERS = range(1, 23)

_TAIL = re.compile(
    r"(?P<body>.*?)(?:\s+ORDER\s+BY\s+(?P<order>[\w\s,]+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?", re.IGNORECASE | re.DOTALL
)
_ORDERED = re.compile(r"\b(?:ORDER\s+BY|LIMIT)\b", re.IGNORECASE)
_KEY = re.compile(r"(?P<column>\w+)(?:\s+(?:ASC|(?P<descending>DESC)))?", re.IGNORECASE)


class QueriesUnavailable(TargetError):
    """The query texts cannot be had from the installed packages."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One column of the final ORDER BY."""

    column: str
    descending: bool

    def __str__(self) -> str:
        return f'"{self.column}" DESC' if self.descending else f'"{self.column}"'


@dataclass(frozen=True, slots=True)
class Shape:
    """A query taken apart: its text without the final ORDER BY and LIMIT, and these two."""

    body: str
    order: tuple[SortKey, ...]
    limit: int | None


def query(number: int) -> TpchQuery:
    """One query, in standard SQL and without a trailing semicolon.

    Raises:
        ValueError: the number is not one of 1 to 22.
        QueriesUnavailable: DuckDB's tpch extension cannot be loaded.
    """
    if number not in QUERY_NUMBERS:
        raise ValueError(f"TPC-H query {number}: there are queries 1 to 22")
    return TpchQuery(number, _texts()[number])


def shape(sql: str) -> Shape:
    """Take the final ORDER BY and LIMIT off a query.

    Raises:
        ValueError: it has an ORDER BY or LIMIT that is not final, or sorts by more than plain column names.
    """
    match = _TAIL.fullmatch(sql.strip().rstrip(";").rstrip())
    if match is None:
        raise ValueError("the query has no text")
    keys = [_KEY.fullmatch(part.strip()) for part in match["order"].split(",")] if match["order"] else []
    if any(key is None for key in keys) or _ORDERED.search(match["body"]):
        raise ValueError("ORDER BY: only a final one with plain column names can be checked")
    order = tuple(SortKey(key["column"], bool(key["descending"])) for key in keys if key)
    return Shape(match["body"], order, int(match["limit"]) if match["limit"] else None)


def load_extension(connection: duckdb.DuckDBPyConnection) -> None:
    """Load DuckDB's tpch extension from the installed package.

    Raises:
        QueriesUnavailable: the package is missing or made for another version of DuckDB.
    """
    try:
        folder = resources.files("duckdb_extension_tpch") / "extensions" / f"v{duckdb.__version__}"
        with resources.as_file(folder / "tpch.duckdb_extension") as file:
            connection.execute("LOAD '{}'".format(str(file).replace("'", "''")))
    except (duckdb.Error, ImportError, OSError) as error:
        raise QueriesUnavailable(
            f"DuckDB {duckdb.__version__}: its tpch extension (package duckdb-extension-tpch) does not load:"
            f" {str(error).splitlines()[0]}; install requirements.txt again"
        ) from error


@functools.cache
def _texts() -> Mapping[int, str]:
    with duckdb.connect() as connection:
        load_extension(connection)
        rows = connection.execute("SELECT query_nr, query FROM tpch_queries()").fetchall()
    return {number: text.strip().rstrip(";").rstrip() for number, text in rows}
