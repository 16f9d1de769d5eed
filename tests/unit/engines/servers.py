"""HTTP servers that behave, and misbehave, as told."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WAIT_LIMIT = 10.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    cut: int | None = None  # bytes of the body sent before the connection is reset


class Stall:
    """Never answer, but keep the connection open."""


class Drip:
    """Answer a byte now and then, for ever."""


class Reset:
    """Break the connection without an answer."""


class OnlyProgress:
    """Send the first of ClickHouse's headers, then end the connection."""


Act = Reply | Stall | Drip | Reset | OnlyProgress
Script = Callable[[Request], Act]


class FakeServer:
    """Answers each request with what the script says, and keeps the requests."""

    def __init__(self, script: Script, server_pem: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.ended = threading.Event()
        self._script = script
        self._arrived = threading.Condition()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self))
        self._http.daemon_threads = True
        if server_pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(server_pem)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def wait_for(self, method: str, limit: float = WAIT_LIMIT) -> list[Request]:
        """All requests of a method, once there is one."""
        with self._arrived:
            self._arrived.wait_for(lambda: any(r.method == method for r in self.requests), limit)
            return [request for request in self.requests if request.method == method]

    def receive(self, request: Request) -> Act:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        return self._script(request)


def handler_for(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            fake.connections += 1
            super().setup()

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            request = Request(self.command, self.path, dict(self.headers), read_body(self))
            perform(self, fake.receive(request), fake.ended)

        do_GET = do_DELETE = do_POST  # noqa: N815

    return Handler


def read_body(handler: BaseHTTPRequestHandler) -> bytes:
    if not handler.headers.get("Transfer-Encoding"):
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def perform(handler: BaseHTTPRequestHandler, act: Act, ended: threading.Event) -> None:
    handler.close_connection = not isinstance(act, Reply)
    if isinstance(act, Reply):
        send(handler, act, ended)
    elif isinstance(act, Stall):
        ended.wait(WAIT_LIMIT)
    elif isinstance(act, Drip):
        handler.send_response(200)
        handler.send_header("X-ClickHouse-Query-Id", "1")
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        drip(handler, ended)
    elif isinstance(act, OnlyProgress):
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {"read_rows":"1"}\r\n')
    else:
        reset(handler.connection)


def send(handler: BaseHTTPRequestHandler, reply: Reply, ended: threading.Event) -> None:
    ended.wait(reply.delay)
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(reply.body)))
    handler.end_headers()
    handler.wfile.write(reply.body[: reply.cut])
    if reply.cut is not None:
        handler.wfile.flush()
        reset(handler.connection)
        handler.close_connection = True


def drip(handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
    limit = time.monotonic() + WAIT_LIMIT
    while not ended.wait(0.05) and time.monotonic() < limit:
        handler.wfile.write(b" ")


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port of this machine on which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


class Refuser:
    """A port that breaks every connection as soon as it is there, and counts them."""

    def __init__(self) -> None:
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # shut down
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                reset(connection)

    def __enter__(self) -> Refuser:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


class TrinoScript:
    """The statement protocol: one POST, some polls that have nothing yet, then the rows (or the error)."""

    def __init__(self, polls: int = 2, poll_delay: float = 0.0, error: Mapping[str, object] | None = None) -> None:
        self.polls = polls
        self.poll_delay = poll_delay
        self.error = error
        self.instead: dict[str, Act] = {}  # by method, or "last" for the answer that has the rows
        self.told: dict[str, int] = {}  # further statistics

    def __call__(self, request: Request) -> Act:
        if act := self.instead.get(request.method):
            return act
        if request.method == "DELETE":
            return Reply(204)
        step = 0 if request.method == "POST" else int(request.path.rpartition("/")[2])
        if step < self.polls:
            return self._page(request, step + 1, delay=self.poll_delay if step else 0.0)
        return self.instead.get("last") or self._last(request)

    def _last(self, request: Request) -> Reply:
        if self.error:
            return self._page(request, None, error=self.error)
        columns = [
            {"name": name, "type": kind, "typeSignature": {"rawType": kind, "arguments": []}}
            for name, kind in (("n", "bigint"), ("m", "decimal"), ("d", "date"), ("s", "varchar"), ("f", "double"))
        ]
        return self._page(request, None, columns=columns, data=[[1, "2.50", "2020-02-03", "x", 0.5], [2] + [None] * 4])

    def _page(self, request: Request, following: int | None, delay: float = 0.0, **parts: object) -> Reply:
        host = request.headers["Host"]
        page = {
            "id": "q1",
            "infoUri": f"http://{host}/ui",
            "stats": {"state": "RUNNING" if following else "FINISHED", "elapsedTimeMillis": 12, **self.told},
            **({"nextUri": f"http://{host}/v1/statement/executing/q1/{following}"} if following else {}),
            **parts,
        }
        return Reply(headers={"Content-Type": "application/json"}, body=json.dumps(page).encode(), delay=delay)


def native(value: int) -> bytes:
    """ClickHouse's Native format of one row with one UInt8 named ``n``."""
    return b"\x01\x01\x01n\x05UInt8" + bytes([value])


def clickhouse_reply(body: bytes, **changes: object) -> Reply:
    headers = {
        "X-ClickHouse-Query-Id": "q1",
        "X-ClickHouse-Summary": json.dumps({"elapsed_ns": "12000000", "read_rows": "7", "read_bytes": "56"}),
        "X-ClickHouse-Format": "Native",
    }
    return Reply(**{"headers": headers, "body": body, **changes})  # type: ignore[arg-type]
