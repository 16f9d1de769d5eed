"""ClickHouse's HTTP interface: one thread per connection, requests of a connection one after the other."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

from targets.embedded.clickhouse import body, sql
from targets.embedded.clickhouse.auth import Credentials
from targets.embedded.clickhouse.engine import Engine, Result
from targets.embedded.clickhouse.errors import (
    CANNOT_SCHEDULE_TASK,
    NOT_ENOUGH_SPACE,
    QUERY_IS_TOO_LARGE,
    SYNTAX_ERROR,
    ServerError,
)
from targets.embedded.clickhouse.request import Ask, build_ask, split_target
from targets.embedded.clickhouse.watch import Clients

log = logging.getLogger(__name__)

INLINE_BYTES = 1024 * 1024
"""How long a statement may be, and how much of an ``INSERT`` is looked through for the beginning of its data."""
KEEP_ALIVE_SECONDS = 30.0
DRAIN_BYTES = 256 * 1024 * 1024
PINGS = frozenset({"/ping", "/replicas_status"})
ALIVE = b"Ok.\n"
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8; header=present",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/vnd.apache.arrow.stream",
}
_TEXT = "text/plain; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Service:
    """What all connections share."""

    engine: Engine
    credentials: Credentials
    uploads: Path
    clients: Clients


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "ClickHouse-chDB"
    sys_version = ""
    timeout = KEEP_ALIVE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # head and body of a small answer leave together
    service: ClassVar[Service]

    def do_GET(self) -> None:
        """Answer a health check, or a statement that may only read."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer like ``GET``, without a body."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a statement."""
        self._answer()

    def handle_expect_100(self) -> bool:
        """Let the client go on with its body; ``http.server`` leaves the word in the buffer."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of http.server
        """Keep http.server's own remarks; they can quote a request line, so its target is left out."""
        log.debug("%s", format if "%r" in format else format % args)

    def _answer(self) -> None:
        path, values = split_target(self.path)
        if path in PINGS or (path == "/" and not values and self.command != "POST"):
            self._send(200, ALIVE, {"Content-Type": "text/html; charset=UTF-8"})
        elif path == "/":
            with self.service.clients.answering():
                self._answer_statement(values)
        else:
            text = f"There is no handle {path}\nUse / or /ping for health checks. Or POST a query to /\n"
            self._send(404, text.encode(), {"Content-Type": _TEXT, "Connection": "close"})

    def _answer_statement(self, values: dict[str, str]) -> None:
        upload = body.pieces(self.rfile, self.headers)
        try:
            self._run(values, upload)
        except body.BrokenBody as error:
            log.debug("a body broke off: %s", error)
            self.close_connection = True
        except ServerError as error:
            log.log(logging.INFO if error.status < 500 else logging.WARNING, "%s %s", error.code, error.name)
            self._send_error(error, upload)

    def _run(self, values: dict[str, str], upload: Iterator[bytes]) -> None:
        service = self.service
        service.credentials.check(self.headers, values)
        if service.clients.closing:
            raise ServerError(CANNOT_SCHEDULE_TASK, "The server is shutting down.")
        plain = body.decoded(upload, self.headers.get("Content-Encoding", ""))
        if self.headers.get_content_type() == "multipart/form-data":
            values, plain = self._form(values, plain), iter(())
        ask = build_ask(values, self.headers, method=self.command)
        with self._statement(ask, plain) as statement:
            abandonable = ask.abandonable and sql.only_reads(statement)
            with service.clients.waiting(self.connection, ask.query_id if abandonable else None):
                result = service.engine.run(ask, statement)
        self._send_result(ask, statement, result)

    def _form(self, values: dict[str, str], plain: Iterator[bytes]) -> dict[str, str]:
        data, complete = _head_of(plain)
        if not complete:
            raise ServerError(QUERY_IS_TOO_LARGE, f"A form may have {INLINE_BYTES} bytes")
        fields = body.form_fields(self.headers["Content-Type"], data)
        return values | {name: value.decode("utf-8", "surrogateescape") for name, value in fields.items()}

    @contextlib.contextmanager
    def _statement(self, ask: Ask, plain: Iterator[bytes]) -> Iterator[bytes]:
        """The statement for the engine, which takes the data of an ``INSERT`` from a file.

        It takes only text as part of a statement, and would keep several copies of it.
        """
        data, complete = _head_of(plain)
        whole = ask.query + b"\n" + data if ask.query and data else ask.query or data
        head = sql.insert_head(whole)
        if head and head.data_at < len(whole) and not (complete and head.format == "Values"):
            with self._spooled(whole[head.data_at :], plain) as path:
                yield head.from_file(path)
        elif not complete:
            raise ServerError(QUERY_IS_TOO_LARGE, f"A statement may have {INLINE_BYTES} bytes")
        elif next(sql.tokens(whole), None) is None:
            raise ServerError(SYNTAX_ERROR, "Syntax error: Empty query.")
        else:
            yield whole

    @contextlib.contextmanager
    def _spooled(self, first: bytes, rest: Iterator[bytes]) -> Iterator[str]:
        descriptor, path = tempfile.mkstemp(dir=self.service.uploads)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(first)
                file.writelines(rest)
            yield path
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            raise ServerError(NOT_ENOUGH_SPACE, f"Cannot keep the data: {error.strerror}") from error
        finally:
            Path(path).unlink()

    def _send_result(self, ask: Ask, statement: bytes, result: Result) -> None:
        name = sql.output_format(statement) or ask.output_format
        headers = {
            "Content-Type": _CONTENT_TYPES.get(name, _TEXT),
            "X-ClickHouse-Server-Display-Name": "chDB",
            "X-ClickHouse-Query-Id": ask.query_id,
            "X-ClickHouse-Timezone": self.service.engine.timezone,
            "X-ClickHouse-Summary": _summary(result),
        }
        if sql.has_result(statement):
            headers["X-ClickHouse-Format"] = name
        self._send(200, result.data, headers)

    def _send_error(self, error: ServerError, upload: Iterator[bytes]) -> None:
        headers = {"Content-Type": _TEXT, "X-ClickHouse-Exception-Code": str(error.code)}
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        # Closing while the client still sends would break the connection before it has read the answer.
        with contextlib.suppress(body.BrokenBody):
            left = DRAIN_BYTES
            for piece in upload:
                left -= len(piece)
                if left < 0:
                    headers["Connection"] = "close"
                    break
        self._send(error.status, error.body(self.service.engine.version), headers)

    def _send(self, status: int, data: memoryview | bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value.replace("\r", " ").replace("\n", " "))
        self.send_header("Content-Length", str(len(data)))
        if self.service.clients.closing:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()


def _head_of(data: Iterator[bytes]) -> tuple[bytes, bool]:
    """The first ``INLINE_BYTES`` or a little more; and whether that was all."""
    head = bytearray()
    for piece in data:
        head += piece
        if len(head) > INLINE_BYTES:
            return bytes(head), False
    return bytes(head), True


def _summary(result: Result) -> str:
    """Counters as the official server gives them: numbers as texts."""
    return json.dumps(
        {
            "read_rows": str(result.read_rows),
            "read_bytes": str(result.read_bytes),
            "written_rows": str(result.written_rows),
            "written_bytes": str(result.written_bytes),
            "total_rows_to_read": str(result.read_rows),
            "result_rows": str(result.result_rows),
            "result_bytes": str(len(result.data)),
            "elapsed_ns": str(round(result.seconds * 1e9)),
        },
        separators=(",", ":"),
    )
