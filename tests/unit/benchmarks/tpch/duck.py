"""A hand-written engine for tests: DuckDB in this process, honest, failing or lying as the test wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
from typing_extensions import override

from engines import (
    Answer,
    Dataset,
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Health,
    LoadReport,
    ProbeQuery,
    Row,
    RunningQuery,
    Session,
    Statistics,
    TpchQuery,
)

TOLD = Statistics(0.001, 0.002, 0.0005, 1000, 8000, 4096)
Lie = Callable[[list[Row]], list[Row]]


@dataclass
class Behaviour:
    """``lies`` change the answers of a query, ``failures`` replace its n-th execution (from 0) by an error."""

    lies: dict[int, Lie] = field(default_factory=dict)
    failures: dict[tuple[int, int], EngineError] = field(default_factory=dict)
    loading: EngineError | None = None
    unreachable: bool = False
    executed: list[int] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0


class DuckEngine(Engine):
    """Not registered: ``kind`` is set afterwards."""

    title = "Duck"

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        super().__init__(Endpoint("duck", "127.0.0.1", 1))
        self.behaviour = behaviour or Behaviour()
        self.database = duckdb.connect()

    @override
    def connect(self) -> Session:
        if self.behaviour.unreachable:
            raise EngineError("nobody there", error_class=ErrorClass.REFUSED, name="ConnectionRefusedError")
        self.behaviour.connections += 1
        self.behaviour.open_connections += 1
        return DuckSession(self)

    @override
    def start(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> RunningQuery:
        raise NotImplementedError

    @override
    def health(self, *, timeout: float = 5.0) -> Health:
        return Health(live=True)

    @property
    @override
    def probe(self) -> ProbeQuery:
        return ProbeQuery("SELECT 1", ((1,),), 1.0, 1.0)

    @override
    def load_tpch(self, dataset: Dataset, progress: Callable[[str, int], None] | None = None) -> LoadReport:
        if self.behaviour.loading:
            raise self.behaviour.loading
        for table, rows in dataset.rows.items():
            self.database.read_parquet(str(dataset.file(table))).create_view(table)
            if progress:
                progress(table, rows)
        return LoadReport(0.5, dataset.rows)

    @override
    def tpch_sql(self, query: TpchQuery, scale_factor: float) -> tuple[str, Mapping[str, str]]:
        return query.sql, {"number": str(query.number)}


DuckEngine.kind = "duck"


class DuckSession(Session):
    def __init__(self, engine: DuckEngine) -> None:
        self._engine = engine
        self._cursor = engine.database.cursor()  # sessions may be used side by side

    @override
    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        behaviour, number = self._engine.behaviour, int((settings or {})["number"])
        nth = behaviour.executed.count(number)
        behaviour.executed.append(number)
        if failure := behaviour.failures.get((number, nth)):
            raise failure
        result: Any = self._cursor.execute(sql)
        rows: list[Row] = behaviour.lies.get(number, list)(result.fetchall())
        return Answer(tuple(column[0] for column in result.description), tuple(rows), statistics=TOLD)

    @override
    def close(self) -> None:
        self._cursor.close()
        self._engine.behaviour.open_connections -= 1
