"""The scripted endpoint: a process of its own on the loopback device that answers as ClickHouse's HTTP interface does.

Every statement gets the one answer that the availability probe expects, so that everything that measures ClickHouse
measures this too.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import selectors
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection

from benchmarks.calibration.script import Log, Script, Window
from engines import Endpoint

HOST = "127.0.0.1"
READY_SECONDS = 30.0
BACKLOG = 4096

_COLUMN = b"sum(number)"
_BODY = bytes([1, 1, len(_COLUMN)]) + _COLUMN + bytes([6]) + b"UInt64" + struct.pack("<Q", 499_500)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nX-ClickHouse-Query-Id: calibration\r\n"
    b'X-ClickHouse-Summary: {"read_rows":"1","elapsed_ns":"1"}\r\nContent-Length: %d\r\n\r\n%b' % (len(_BODY), _BODY)
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class ScriptedEndpoint:
    """The endpoint as seen by the process that has started it."""

    def __init__(self, pipe: Connection, port: int) -> None:
        self._pipe, self.port = pipe, port

    @property
    def endpoint(self) -> Endpoint:
        """How an engine adapter reaches it."""
        return Endpoint("clickhouse", HOST, self.port, user="calibration")

    def play(self, script: Script) -> None:
        """Follow this script from the next request on, with a new log."""
        self._pipe.send(script)
        self._answer()

    def log(self) -> Log:
        """What it has done since ``play``."""
        self._pipe.send("log")
        log = self._answer()
        assert isinstance(log, Log)  # noqa: S101 - nothing else answers that
        return log

    def _answer(self) -> object:
        if not self._pipe.poll(READY_SECONDS):
            raise TimeoutError("the scripted endpoint does not answer")
        return self._pipe.recv()


@contextlib.contextmanager
def scripted_endpoint() -> Iterator[ScriptedEndpoint]:
    """Start the endpoint on a free port; it ends with the block, or with this process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs,), name="scripted-endpoint", daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(READY_SECONDS):
            raise TimeoutError("the scripted endpoint did not start")
        yield ScriptedEndpoint(ours, int(ours.recv()))
    finally:
        ours.close()
        process.join(2.0)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _run(pipe: Connection) -> None:
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.DefaultSelector())) as runner:
        runner.run(_Server(pipe).run())


class _Server:
    """All connections, and the script they follow."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._script = Script()
        self._log = Log()
        self._held: list[_Served] = []
        self._stalled = False
        self._timers: list[asyncio.TimerHandle] = []
        self._listening: asyncio.Server | None = None
        self._port = 0
        self._ended = asyncio.Event()
        self._open: set[_Served] = set()
        self._used = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        await self._listen()
        self._pipe.send(self._port)
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._heard)
        await self._ended.wait()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(lambda: _Served(self), HOST, self._port, backlog=BACKLOG)
        self._port = self._listening.sockets[0].getsockname()[1]

    def _heard(self) -> None:
        try:
            message = self._pipe.recv()
        except (EOFError, OSError):
            self._ended.set()
            return
        if isinstance(message, Script):
            for timer in self._timers:
                timer.cancel()
            self._script, self._log, self._used = message, Log(), time.process_time()
            self._pipe.send("playing")
        else:
            self._pipe.send(replace(self._log, cpu_seconds=time.process_time() - self._used))

    def joined(self, connection: _Served) -> None:
        self._open.add(connection)

    def left(self, connection: _Served) -> None:
        self._open.discard(connection)

    def request(self, connection: _Served) -> None:
        """A whole request has come."""
        if not self._log.began:
            self._begin()
        if self._stalled:
            self._held.append(connection)
        elif self._script.service:
            asyncio.get_running_loop().call_later(self._script.service, self._due, connection)
        else:
            self._answer(connection)

    def _begin(self) -> None:
        self._log = replace(self._log, began=time.monotonic())
        for stall in self._script.stalls:
            self._at(stall.begin, self._stall, stall)
        for outage in self._script.outages:
            self._at(outage.begin, self._go, outage)

    def _at(self, offset: float, call: object, window: Window) -> None:
        assert callable(call)  # noqa: S101 - a method of this class
        self._timers.append(asyncio.get_running_loop().call_at(self._log.began + offset, call, window))

    def _stall(self, window: Window) -> None:
        self._stalled = True
        self._at(window.end, self._resume, window)
        self._log = replace(self._log, stalls=(*self._log.stalls, (time.monotonic(), 0.0)))

    def _resume(self, _: Window) -> None:
        self._stalled = False
        begun = self._log.stalls[-1][0]
        self._log = replace(self._log, stalls=(*self._log.stalls[:-1], (begun, time.monotonic())))
        held, self._held = self._held, []
        for connection in held:
            self._answer(connection)

    def _go(self, window: Window) -> None:
        """Stop listening and reset what is open."""
        if self._listening is not None:
            self._listening.close()
        for connection in list(self._open):
            connection.reset()
        self._log = replace(self._log, outages=(*self._log.outages, (time.monotonic(), 0.0)))
        self._at(window.end, self._return, window)

    def _return(self, _: Window) -> None:
        task = asyncio.get_running_loop().create_task(self._come_back())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _come_back(self) -> None:
        await self._listen()
        begun = self._log.outages[-1][0]
        self._log = replace(self._log, outages=(*self._log.outages[:-1], (begun, time.monotonic())))

    def _due(self, connection: _Served) -> None:
        if self._stalled:
            self._held.append(connection)
        else:
            self._answer(connection)

    def _answer(self, connection: _Served) -> None:
        connection.answer()
        object.__setattr__(self._log, "requests", self._log.requests + 1)


class _Served(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP ones are
        self._transport = transport
        self._server.joined(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end + 2)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) >= whole:
            self._buffer = self._buffer[whole:]
            self._server.request(self)

    def answer(self) -> None:
        if self._transport is not None:
            self._transport.write(ANSWER)

    def reset(self) -> None:
        if self._transport is not None:
            self._transport.abort()
