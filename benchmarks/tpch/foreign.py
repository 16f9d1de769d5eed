"""TPC-H tables that somebody else made in a Trino catalog: what they are like, and queries that fit them.

Unless told otherwise, the tpch connector names columns without the specification's prefixes (``orderkey`` for
``l_orderkey``) and gives doubles for decimals. Such a table is renamed and cast in a WITH clause in front of each
query that reads it; so is a table of any other catalog with these names or types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engines import Session
from engines.tpch import TABLES

DESCRIBE_SECONDS = 60.0
_FLOATING = ("double", "real")
_WITH = re.compile(r"\s*WITH\b", re.IGNORECASE)
_SCHEMA = re.compile(r"sf(\d+(?:[._]\d+)?)", re.IGNORECASE)


class ForeignTablesError(Exception):
    """The schema does not hold TPC-H tables, or not those of the scale factor: one line."""


@dataclass(frozen=True, slots=True)
class ForeignTables:
    """One schema's TPC-H tables. ``adapted`` holds, per table that needs it, the SELECT that makes it standard."""

    catalog: str
    schema: str
    adapted: Mapping[str, str]

    @property
    def settings(self) -> Mapping[str, str]:
        """Where Trino looks tables up."""
        return {"catalog": self.catalog, "schema": self.schema}

    def statement(self, sql: str) -> str:
        """A query over standard tables, made to fit these."""
        read = [f"{table} AS ({select})" for table, select in self.adapted.items() if re.search(rf"\b{table}\b", sql)]
        if not read:
            return sql
        own = _WITH.match(sql)
        return f"WITH {', '.join(read)}" + (f",{sql[own.end() :]}" if own else f"\n{sql}")


def scale_factor_of(schema: str) -> float | None:
    """The scale factor that a schema's name tells: ``sf1``, ``sf0.1``, ``sf0_1``; ``tiny`` is 0.01."""
    if schema.lower() == "tiny":
        return 0.01
    match = _SCHEMA.fullmatch(schema)
    return float(match[1].replace("_", ".")) if match else None


def inspect(session: Session, catalog: str, schema: str) -> ForeignTables:
    """Ask for the columns of the eight tables.

    Raises:
        ForeignTablesError: a column is missing under either name.
        EngineError: Trino knows no such catalog, schema or table, or does not answer.
    """
    adapted: dict[str, str] = {}
    for table in TABLES:
        place = ".".join('"{}"'.format(name.replace('"', '""')) for name in (catalog, schema, table))
        rows = session.execute(f"SHOW COLUMNS FROM {place}", deadline=DESCRIBE_SECONDS).rows
        select = _select(table, {str(row[0]).lower(): str(row[1]).lower() for row in rows}, place)
        if select:
            adapted[table] = select
    return ForeignTables(catalog, schema, adapted)


def check_scale_factor(session: Session, tables: ForeignTables, factor: float) -> None:
    """Count the suppliers, which tell the scale factor.

    Raises:
        ForeignTablesError: they are not as many as the scale factor has.
        EngineError: Trino does not answer.
    """
    sql = "SELECT count(*) FROM supplier"
    rows = session.execute(sql, deadline=DESCRIBE_SECONDS, settings=tables.settings).rows
    found, wanted = int(str(rows[0][0])), 10_000 * factor
    if abs(found - wanted) >= 1:
        raise ForeignTablesError(
            f"{tables.catalog}.{tables.schema} has {found} suppliers, scale factor {factor:g} has {wanted:.0f};"
            f" give the right --scale-factor ({found / 10_000:g}?)"
        )


def _select(table: str, columns: Mapping[str, str], place: str) -> str:
    """The SELECT that gives the table its standard names and types; empty where it has them."""
    items, changed = [], False
    for name, kind in TABLES[table].columns.items():
        short = name.partition("_")[2]
        found = next((candidate for candidate in (name, short) if candidate in columns), None)
        if found is None:
            raise ForeignTablesError(f"{place} has no column {name} (nor {short}): these are not TPC-H's tables")
        cast = kind == "money" and columns[found].startswith(_FLOATING)
        items.append(f"{f'CAST({found} AS decimal(15, 2))' if cast else found} AS {name}")
        changed = changed or cast or found != name
    return f"SELECT {', '.join(items)} FROM {place}" if changed else ""  # noqa: S608 - names of TABLES, quoted place
