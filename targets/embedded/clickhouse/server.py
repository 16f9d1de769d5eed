"""The server's life: directories, engine, listening socket, orderly end."""

from __future__ import annotations

import fcntl
import logging
import shutil
import socket
import sys
import threading
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO

from targets.embedded.clickhouse.auth import Credentials
from targets.embedded.clickhouse.engine import Engine
from targets.embedded.clickhouse.handler import Handler, Service
from targets.embedded.clickhouse.watch import Clients

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 1024
CANCEL_SECONDS = 1.5
_UNFIT = frozenset("*?{}|")  # the engine would take them for patterns, or for options of its own


class ServerUnavailable(Exception):
    """The server cannot be started: one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the server is started with.

    Attributes:
        memory_bytes: limit for the engine.
        grace_seconds: how long running statements may take to finish when the server ends.
    """

    data: Path
    host: str
    port: int
    credentials: Credentials
    memory_bytes: int
    grace_seconds: float


class ClickHouseServer:
    """One engine and its HTTP interface."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._engine = Engine(options.data.resolve() / "engine", options.memory_bytes)
        self._clients = Clients(self._engine.cancel)
        self._http: _HttpServer | None = None
        self._lock: TextIO | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, after ``start``."""
        if self._http is None:
            raise ServerUnavailable("the server does not run")
        host, port = self._http.socket.getsockname()[:2]
        return host, port

    def start(self) -> None:
        """Open the engine, then listen: who can connect is answered.

        Raises:
            ServerUnavailable: the directory or the address cannot be had.
            EngineUnavailable: the engine refuses the directory.
        """
        directory = self._options.data.resolve()
        self._lock = _locked(directory)
        self._engine.open()
        uploads = directory / "uploads"
        shutil.rmtree(uploads, ignore_errors=True)  # what a killed server left behind
        uploads.mkdir(mode=0o700)
        service = Service(self._engine, self._options.credentials, uploads, self._clients)
        address = self._options.host, self._options.port
        try:
            self._http = _HttpServer(address, type("Handler", (Handler,), {"service": service}))
        except OSError as error:
            self._engine.close()
            raise ServerUnavailable(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from error
        self._clients.start()
        threading.Thread(target=self._http.serve_forever, args=(0.05,), name="accept", daemon=True).start()

    def stop(self) -> None:
        """Accept nothing more, let statements finish for a while, cancel the rest, close the engine."""
        if self._http is None:
            return
        self._clients.closing = True
        self._http.shutdown()
        self._http.server_close()
        if not self._clients.wait_idle(self._options.grace_seconds):
            self._engine.cancel_all()
            self._clients.wait_idle(CANCEL_SECONDS)
        self._clients.stop()
        self._engine.close()
        self._http = None
        if self._lock:
            self._lock.close()
            self._lock = None


def _locked(directory: Path) -> TextIO:
    """The directory, made if need be, for this process alone; the lock ends with the file or the process."""
    if unfit := sorted(set(str(directory)) & _UNFIT):
        raise ServerUnavailable(f"the path {directory} holds {' '.join(unfit)}: use a data directory without")
    try:
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        lock = (directory / "lock").open("a")
    except OSError as error:
        raise ServerUnavailable(f"cannot use the data directory {directory}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ServerUnavailable(f"another server uses the data directory {directory}: stop it first") from error
    return lock


class _HttpServer(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without the name lookup of ``http.server``, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in socketserver
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            log.warning("more than %d connections: one is closed", MAX_CONNECTIONS)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in socketserver
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - signature
        error = sys.exception()
        if isinstance(error, (ConnectionError, TimeoutError)):
            log.debug("a client went away: %s", error)
        else:
            log.error("a request failed in the server itself", exc_info=error)
