"""A hand-written stand-in for Trino: DuckDB behind catalogs and schemas, as far as the script asks for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import duckdb
from typing_extensions import override

from engines import Answer, Dataset, Endpoint, EngineError, ErrorClass, Health, Session, TpchQuery
from engines.tpch import TABLES
from tests.unit.benchmarks.tpch.duck import DuckEngine

_SHOW = re.compile(r'SHOW COLUMNS FROM "(\w+)"\."([\w.]+)"\."(\w+)"')


class DuckTrino(DuckEngine):
    """Catalog ``tpch`` with the schemas ``sf0.01`` (standard), ``simple`` (short names, doubles) and ``other``."""

    title = "Trino"
    health_now: ClassVar[Health] = Health(live=True, version="476")
    data: ClassVar[Dataset]
    endpoints: ClassVar[list[Endpoint]] = []
    password: ClassVar[str | None] = None
    lies: ClassVar[set[int]] = set()
    fails: ClassVar[set[int]] = set()

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.endpoints.append(endpoint)
        self.sql: list[str] = []
        self.database.execute("ATTACH ':memory:' AS tpch")
        for schema in ("sf0.01", "simple", "other"):
            self.database.execute(f'CREATE SCHEMA tpch."{schema}"')
        for table, description in TABLES.items():
            rows = f"SELECT * FROM '{self.data.file(table)}'"  # noqa: S608 - our own names
            short = ", ".join(_short(name, kind) for name, kind in description.columns.items())
            self.database.execute(f'CREATE VIEW tpch."sf0.01".{table} AS {rows}')
            self.database.execute(f"CREATE VIEW tpch.simple.{table} AS SELECT {short} FROM ({rows})")  # noqa: S608
            self.database.execute(f"CREATE VIEW tpch.other.{table} AS SELECT 1 AS a")

    @override
    def connect(self) -> Session:
        return DuckTrinoSession(self)

    @override
    def health(self, *, timeout: float = 5.0) -> Health:
        return self.health_now

    @override
    def tpch_sql(self, query: TpchQuery, scale_factor: float) -> tuple[str, Mapping[str, str]]:
        return f"{query.sql}\n-- {query.number}", {"schema": "not the script's"}


def _short(name: str, kind: str) -> str:
    source = f"CAST({name} AS DOUBLE)" if kind == "money" else name
    return f"{source} AS {name.partition('_')[2]}"


class DuckTrinoSession(Session):
    def __init__(self, engine: DuckTrino) -> None:
        self._engine = engine

    @override
    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        engine = self._engine
        engine.sql.append(sql)
        if engine.endpoint.password != engine.password:
            raise EngineError("Access Denied", error_class=ErrorClass.UNAUTHORIZED, name="HttpError", code=401)
        if show := _SHOW.fullmatch(sql):
            return Answer(("Column", "Type"), self._columns(*show.groups()))
        number = int(sql.rpartition("-- ")[2]) if "\n-- " in sql else 0
        if number in engine.fails:
            raise EngineError("too big", error_class=ErrorClass.ENGINE, name="EXCEEDED_LOCAL_MEMORY_LIMIT")
        engine.database.execute('USE {catalog}."{schema}"'.format(**settings or {}))
        result: Any = engine.database.execute(sql)
        rows = tuple(result.fetchall())
        names = tuple(column[0] for column in result.description)
        return Answer(names, rows[1:] if number in engine.lies else rows)

    def _columns(self, catalog: str, schema: str, table: str) -> tuple[tuple[object, ...], ...]:
        try:
            place = f'{catalog}."{schema}".{table}'
            rows = self._engine.database.execute(f"DESCRIBE {place}").fetchall()
        except duckdb.Error as error:
            message = f"Schema '{schema}' does not exist"
            raise EngineError(message, error_class=ErrorClass.ENGINE, name="SCHEMA_NOT_FOUND") from error
        return tuple((name, kind.lower()) for name, kind, *_ in rows)

    @override
    def close(self) -> None:
        """Nothing is open."""
