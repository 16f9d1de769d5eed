"""The engine in this process: one handle per statement, so that statements run side by side."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chdb import _chdb, engine_version

from targets.embedded.clickhouse import sql
from targets.embedded.clickhouse.errors import SAME_ID, TOO_MANY_QUERIES, ServerError
from targets.embedded.clickhouse.request import Ask

_native: Any = _chdb  # a compiled module without types

MARKER = "Settings['log_comment']"
"""Where a running statement carries its query id: chDB gives it an id of its own, which cannot be chosen."""

DEFAULT_DATABASE = "default"
MAX_CONCURRENT = 100
RESULT_BYTES = 1024**3

# Unlike the server, chDB takes `1` for `SELECT 1`, so that most syntax errors would get another name. Results are
# kept whole, outside of the engine's own limit of memory: hence a limit for them.
_PROFILE = {"implicit_select": "0", "max_result_bytes": str(RESULT_BYTES)}


class EngineUnavailable(Exception):
    """The engine cannot be started: one line that says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """A statement's answer: the bytes in the format asked for, and the engine's counters.

    ``owner`` keeps the memory of ``data``.
    """

    data: memoryview | bytes
    owner: object
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    result_rows: int
    seconds: float


class Engine:
    """ClickHouse's engine on one directory.

    Args:
        directory: data directory; one process at a time.
        memory_bytes: limit for all statements together, and the engine's caches.
    """

    def __init__(self, directory: Path, memory_bytes: int) -> None:
        self._directory = str(directory)
        self._memory_bytes = memory_bytes
        self._root: Any = None
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self.version = engine_version
        self.timezone = "UTC"

    def open(self) -> None:
        """Start the engine.

        Raises:
            EngineUnavailable: the directory cannot be used, or another process uses it.
        """
        try:
            self._root = _native.connect(f"{self._directory}?max_server_memory_usage={self._memory_bytes}")
        except RuntimeError as error:
            reason = ServerError.from_engine(str(error)).message.splitlines()[0]
            raise EngineUnavailable(f"cannot open the data directory {self._directory}: {reason}") from error
        self.timezone = bytes(self._root.query("SELECT timezone()", "TabSeparated").bytes()).decode().strip()

    def close(self) -> None:
        """Stop the engine; call it when nothing runs."""
        if self._root is not None:
            self._root.close()
            self._root = None

    def run(self, ask: Ask, statement: bytes) -> Result:
        """Run one statement.

        Args:
            ask: settings, parameters and format.
            statement: the whole statement, its inline data included.

        Raises:
            ServerError: the engine refused or failed.
        """
        with self._admitted(ask.query_id), self._handle() as handle:
            started = time.perf_counter()
            try:
                handle.query(_set_clause(ask), "Null")
                if ask.database not in {"", DEFAULT_DATABASE}:
                    handle.query(f"USE {_identifier(ask.database)}", "Null")
                statement = sql.kill_by_marker(statement, MARKER)
                found = handle.query(statement, ask.output_format, params=dict(ask.parameters))
            except RuntimeError as error:
                raise ServerError.from_engine(str(error)) from error
            return _result(found, time.perf_counter() - started)

    def cancel(self, query_id: str) -> None:
        """End a running statement; harmless when it does not run."""
        with self._handle() as handle, contextlib.suppress(RuntimeError):  # it may have ended meanwhile
            handle.query(f"KILL QUERY WHERE {MARKER} = {_literal(query_id)} ASYNC", "Null")

    def cancel_all(self) -> None:
        """End whatever runs."""
        with self._lock:
            running = list(self._running)
        for query_id in running:
            self.cancel(query_id)

    @contextlib.contextmanager
    def _admitted(self, query_id: str) -> Iterator[None]:
        with self._lock:
            if query_id in self._running:
                raise ServerError(SAME_ID, f"Query with id = {query_id} is already running.")
            if len(self._running) >= MAX_CONCURRENT:
                raise ServerError(TOO_MANY_QUERIES, f"Too many simultaneous queries. Maximum: {MAX_CONCURRENT}.")
            self._running.add(query_id)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(query_id)

    @contextlib.contextmanager
    def _handle(self) -> Iterator[Any]:
        handle = _native.connect(self._directory)
        try:
            yield handle
        finally:
            handle.close()


def _set_clause(ask: Ask) -> str:
    """All settings of a request in one statement; ``readonly`` comes last, since it forbids further ones."""
    settings: Mapping[str, str] = {**_PROFILE, "log_comment": ask.query_id, **ask.settings}
    readonly = settings.get("readonly", "0")
    if ask.readonly and readonly == "0":
        readonly = "2"
    ordered = {name: value for name, value in settings.items() if name != "readonly"} | {"readonly": readonly}
    return "SET " + ", ".join(f"{name} = {_literal(value)}" for name, value in ordered.items())


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _identifier(text: str) -> str:
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _result(found: Any, seconds: float) -> Result:  # noqa: ANN401 - a compiled class
    size = found.size()
    return Result(
        data=memoryview(found.get_memview().view()) if size else b"",
        owner=found,
        read_rows=found.storage_rows_read(),
        read_bytes=found.storage_bytes_read(),
        written_rows=found.rows_written(),
        written_bytes=found.bytes_written(),
        result_rows=found.rows_read(),
        seconds=seconds,
    )
