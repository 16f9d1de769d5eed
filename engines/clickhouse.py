"""ClickHouse through its official Python client, ``clickhouse-connect``, over HTTP."""

from __future__ import annotations

import contextlib
import logging
import math
import re
import ssl
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import requests
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.summary import QuerySummary
from urllib3.exceptions import HTTPError

from engines import _clickhouse_refresh, _clickhouse_tpch
from engines._background import BackgroundQuery
from engines._clickhouse_client import Client, OneAttemptPools
from engines._clickhouse_keys import ClickHouseKeys
from engines._clickhouse_wire import ClickHouseWire
from engines._deadline import http_session, within
from engines._failures import BY_STATUS, MALFORMED, engine_error, shorten, transport_error, transport_failure
from engines._trust import Trust
from engines.base import (
    Answer,
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Health,
    LoadReport,
    ProbeQuery,
    Session,
    Statistics,
)
from engines.tpch import Dataset, RefreshSet, TpchQuery

# The driver warns of every failure that it raises as well.
logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)

T = TypeVar("T")

_GIVES_ROWS = re.compile(r"\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN|CHECK|\()", re.IGNORECASE)
CONTROL_SECONDS = 5.0
"""Deadline of asking about a running query and of cancelling it."""

_FAILURES = (ClickHouseError, HTTPError, OSError)
_PREFIX = re.compile(r"^Received ClickHouse exception, code: \d+, server response: ")
_CODE = re.compile(r"\bCode: (\d+)\.")
_BY_CODE = {
    159: ErrorClass.TIMEOUT,  # TIMEOUT_EXCEEDED
    192: ErrorClass.UNAUTHORIZED,  # UNKNOWN_USER
    193: ErrorClass.UNAUTHORIZED,  # WRONG_PASSWORD
    194: ErrorClass.UNAUTHORIZED,  # REQUIRED_PASSWORD
    202: ErrorClass.QUEUE_FULL,  # TOO_MANY_SIMULTANEOUS_QUERIES
    516: ErrorClass.UNAUTHORIZED,  # AUTHENTICATION_FAILED
}


class ClickHouseSession(Session):
    """One HTTP connection, kept open between statements; no session on the server."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        self._endpoint = endpoint
        self._pools = OneAttemptPools(context)
        self._client = Client(endpoint, self._pools)

    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        """See ``Session.execute``. Settings may hold ``database`` and ``query_id`` too."""
        call = self._query if _GIVES_ROWS.match(sql) else self._command
        return self._guarded(lambda: call(sql, self._settings(deadline, settings)), deadline)

    def insert_file(self, table: str, file: Path, *, deadline: float) -> None:
        """Stream a Parquet file into a table.

        Raises:
            EngineError: ClickHouse did not confirm it; part of the rows may be there.
            OSError: the file cannot be read.
        """
        settings = self._settings(deadline, None)
        with file.open("rb") as source:
            self._guarded(
                lambda: self._client.raw_insert(table, insert_block=source, fmt="Parquet", settings=settings), deadline
            )

    def _query(self, sql: str, settings: dict[str, str]) -> Answer:
        result = self._client.query(sql, settings=settings)
        rows = tuple(tuple(row) for row in result.result_rows)
        return Answer(tuple(result.column_names), rows, result.query_id or None, _statistics(result.summary))

    def _command(self, sql: str, settings: dict[str, str]) -> Answer:
        result = self._client.command(sql, settings=settings)
        summary = result.summary if isinstance(result, QuerySummary) else {}
        return Answer((), (), summary.get("query_id") or None, _statistics(summary))

    @staticmethod
    def _settings(deadline: float, settings: Mapping[str, str] | None) -> dict[str, str]:
        return {
            # The engine gives up by itself soon after its client did.
            "max_execution_time": str(math.ceil(deadline) + 1),
            "cancel_http_readonly_queries_on_client_close": "1",
            **(settings or {}),
        }

    def _guarded(self, call: Callable[[], T], deadline: float) -> T:
        self._pools.status = None
        try:
            with within(deadline):
                return call()
        except (*_FAILURES, *MALFORMED) as error:
            raise self._failure(error, deadline) from error

    def _failure(self, error: Exception, deadline: float) -> EngineError:
        code = getattr(error, "code", None) or _code_in(str(error))
        if code is not None:
            name = getattr(error, "name", None) or f"CODE_{code}"
            return self._error(_PREFIX.sub("", str(error)), _BY_CODE.get(code, ErrorClass.ENGINE), name, code)
        status = self._pools.status or 0
        if status >= 300:
            error_class = BY_STATUS.get(status, ErrorClass.PROTOCOL)
            return self._error(f"HTTP status {status}: {error}", error_class, type(error).__name__, status)
        broken = transport_error(error, self._endpoint, deadline)
        return broken or self._error(f"not an answer of ClickHouse: {error}", ErrorClass.PROTOCOL, type(error).__name__)

    def _error(self, message: str, error_class: ErrorClass, name: str, code: int | None = None) -> EngineError:
        return engine_error(message, self._endpoint, error_class, name, code)

    def close(self) -> None:
        """Close the connection."""
        self._pools.clear()


class ClickHouseRunning(BackgroundQuery):
    """A statement whose thread waits for the one answer; the engine is asked about it on other connections."""

    def __init__(self, engine: ClickHouseEngine, sql: str, settings: Mapping[str, str], deadline: float) -> None:
        self._engine = engine
        self._query_id = settings["query_id"]
        session = engine.connect()
        super().__init__(session, lambda: session.execute(sql, deadline=deadline, settings=settings))

    @property
    def query_id(self) -> str:
        """See ``RunningQuery.query_id``: chosen by the client."""
        return self._query_id

    def state(self) -> str:
        """See ``RunningQuery.state``: ``RUNNING`` when the server lists it among its queries, else empty."""
        with self._engine.connect() as session:
            listed = session.execute(
                f"SELECT count() FROM system.processes WHERE Settings['log_comment'] = '{self._query_id}'",  # noqa: S608
                deadline=CONTROL_SECONDS,
            )
        return "RUNNING" if listed.rows == ((1,),) else ""

    def cancel(self) -> None:
        """See ``RunningQuery.cancel``; harmless when it has ended."""
        with self._engine.connect() as session:
            session.execute(
                f"KILL QUERY WHERE query_id = '{self._query_id}' OR Settings['log_comment'] = '{self._query_id}' ASYNC",
                deadline=CONTROL_SECONDS,
            )


class ClickHouseEngine(Engine):
    """ClickHouse, a server or its engine behind the same HTTP interface."""

    kind = "clickhouse"
    title = "ClickHouse"
    health_path = "/ping"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._trust = Trust(endpoint)
        self._orders_joins: bool | None = None

    def connect(self) -> ClickHouseSession:
        """Open a session.

        Raises:
            EngineError: the CA file cannot be used.
        """
        return ClickHouseSession(self.endpoint, self._trust.context())

    def start(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> ClickHouseRunning:
        """See ``Engine.start``."""
        query_id = str(uuid.uuid4())
        # The comment finds the query again where the engine, embedded in another server, gives it an id of its own.
        return ClickHouseRunning(
            self, sql, {"query_id": query_id, "log_comment": query_id, **(settings or {})}, deadline
        )

    def health(self, *, timeout: float = 5.0) -> Health:
        """See ``Engine.health``: ``/ping``, then the version, which needs credentials and is empty without."""
        with within(timeout):
            try:
                with http_session(self._trust.context()) as http:
                    http.get(f"{self.endpoint.url}/ping").raise_for_status()
            except (requests.RequestException, OSError) as error:
                _, cause = transport_failure(error) or (None, error)
                return Health(live=False, detail=shorten(f"{type(cause).__name__}: {cause}", self.endpoint))
            try:
                with self.connect() as session:
                    answer = session.execute("SELECT version()", deadline=timeout)
            except EngineError as error:
                return Health(live=True, detail=str(error))
            return Health(live=True, version=str(answer.rows[0][0]))

    @property
    def probe(self) -> ProbeQuery:
        """Needs no table."""
        return ProbeQuery("SELECT sum(number) FROM numbers(1000)", ((499500,),), period=0.05, deadline=1.0)

    def load_tpch(self, dataset: Dataset, progress: Callable[[str, int], None] | None = None) -> LoadReport:
        """MergeTree tables in a database of the scale factor, filled over HTTP; whole ones are used again."""
        with self.connect() as session:
            return _clickhouse_tpch.load(session, dataset, progress)

    def key_table(self, name: str) -> ClickHouseKeys:
        """See ``Engine.key_table``: a MergeTree table with the server's own settings."""
        return ClickHouseKeys(name)

    @property
    def refresh_refusal(self) -> str:
        """See ``Engine.refresh_refusal``: it can."""
        return ""

    def refresh_insert(self, refresh: RefreshSet, *, deadline: float) -> None:
        """See ``Engine.refresh_insert``: ClickHouse has no transaction that spans both tables."""
        with self.connect() as session:
            _clickhouse_refresh.insert(session, refresh, deadline)

    def refresh_delete(self, refresh: RefreshSet, *, deadline: float) -> None:
        """See ``Engine.refresh_delete``: lightweight deletes, done when it returns."""
        with self.connect() as session:
            _clickhouse_refresh.delete(session, refresh, deadline)

    def refresh_counts(self, scale_factor: float) -> Mapping[str, int]:
        """See ``Engine.refresh_counts``."""
        with self.connect() as session:
            return _clickhouse_refresh.counts(session, scale_factor)

    def wire(self) -> ClickHouseWire:
        """See ``Engine.wire``."""
        return ClickHouseWire(self.endpoint, self._trust.context(), _BY_CODE)

    def tpch_sql(self, query: TpchQuery, scale_factor: float) -> tuple[str, Mapping[str, str]]:
        """See ``Engine.tpch_sql``: the text as it is, with the settings it needs."""
        settings = dict(_clickhouse_tpch.settings(query, scale_factor))
        if query.number in _clickhouse_tpch.AS_WRITTEN and self._can_order_joins():
            settings[_clickhouse_tpch.ORDER_OF_JOINS] = "0"
        return query.sql, settings

    def _can_order_joins(self) -> bool:
        if self._orders_joins is None:
            sql = f"SELECT count() FROM system.settings WHERE name = '{_clickhouse_tpch.ORDER_OF_JOINS}'"  # noqa: S608
            # Asked again next time where nobody answers; the statement itself will tell what is wrong.
            with contextlib.suppress(EngineError), self.connect() as session:
                self._orders_joins = session.execute(sql, deadline=CONTROL_SECONDS).rows == ((1,),)
        return bool(self._orders_joins)


def _code_in(message: str) -> int | None:
    found = _CODE.search(message)
    return int(found[1]) if found else None


def _statistics(summary: Mapping[str, object]) -> Statistics:
    """What the header ``X-ClickHouse-Summary`` tells: numbers as texts; memory in recent versions only."""

    def number(name: str) -> int | None:
        return None if summary.get(name) is None else int(str(summary[name]))

    elapsed = number("elapsed_ns")
    return Statistics(
        elapsed_seconds=None if elapsed is None else elapsed / 1e9,
        rows_read=number("read_rows"),
        bytes_read=number("read_bytes"),
        peak_memory_bytes=number("memory_usage"),
    )
