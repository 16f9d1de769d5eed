"""Lanes of plain HTTP on one event loop: thousands of statements per second from one process.

Each statement is one request on a connection that is kept open. An answer whose bytes have been found right before is
right; any other is parsed and judged.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from dataclasses import dataclass

from benchmarks.lanes import Arrival, Finished
from benchmarks.mixture import Mixture
from benchmarks.openloop import Reply
from benchmarks.statements import Statement
from engines import (
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Outcome,
    Wire,
    WireResponse,
    transport_failure,
)

LARGEST_BODY = 64 * 1024**2  # bytes
KNOWN_BODIES = 64
"""Different bodies of right answers that are remembered for each statement."""

IDLE_SECONDS = 2.0
"""A connection that was idle for longer is made anew: its server may be about to close it, which would be no fault."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


class JudgedStatement:
    """One statement as a request, with the judge of what comes back."""

    def __init__(self, wire: Wire, statement: Statement, deadline: float) -> None:
        self.name = statement.name
        self.payload = wire.request(statement.sql, deadline=deadline, settings=statement.settings).payload
        self._wire, self._statement = wire, statement
        self._right: set[bytes] = set()
        self._ok = Reply(statement.name, Outcome.OK)

    def judge(self, response: WireResponse) -> Reply:
        """What the answer is worth."""
        if response.status == 200 and response.body in self._right:
            return self._ok
        try:
            problem = self._statement.problem(self._wire.answer(response))
        except EngineError as error:
            return Reply(self.name, Outcome.FAILED, error.error_class.value, f"{error.name}: {error}")
        if problem:
            return Reply(self.name, Outcome.WRONG, "wrong", problem)
        if len(self._right) < KNOWN_BODIES:
            self._right.add(response.body)
        return self._ok


@dataclass(frozen=True, slots=True)
class WireLanes:
    """Lanes that speak an engine's protocol without its driver."""

    engine: Engine
    wire: Wire
    mixture: Mixture
    statements: tuple[JudgedStatement, ...]

    @classmethod
    def to(cls, engine: Engine, mixture: Mixture, deadline: float) -> WireLanes | None:
        """Lanes to an engine; ``None`` where its protocol allows none.

        Raises:
            EngineError: the CA file cannot be used.
        """
        wire = engine.wire()
        if wire is None:
            return None
        return cls(engine, wire, mixture, tuple(JudgedStatement(wire, one, deadline) for one in mixture.statements))

    def make(self, finished: Finished) -> WireLane:
        """See ``Lanes.make``."""
        return WireLane(self, finished)

    def statement(self, index: int) -> JudgedStatement:
        """The statement of the arrival of that index."""
        return self.statements[self.mixture.choose(index)]


class WireLane:
    """One client: a connection, made when it is needed, with at most one request under way."""

    def __init__(self, lanes: WireLanes, finished: Finished) -> None:
        self._lanes, self._finished = lanes, finished
        self._connection: _Connection | None = None
        self._arrival: Arrival | None = None
        self._statement = lanes.statements[0]
        self._idle_since = 0.0

    def send(self, arrival: Arrival) -> None:
        """See ``Lane.send``."""
        self._arrival, self._statement = arrival, self._lanes.statement(arrival.index)
        if self._connection is not None and arrival.started - self._idle_since > IDLE_SECONDS:
            self._disconnect()
        if self._connection is None:
            self._connection = _Connection(self)
            self._connection.open(self._lanes.engine.endpoint, self._lanes.wire.context)
        else:
            self._connection.write(self._statement.payload)

    def expire(self) -> None:
        """See ``Lane.expire``."""
        if self._arrival is not None:
            self.failed(ErrorClass.TIMEOUT, f"no answer within {self._arrival.due - self._arrival.intended:g} s")

    def close(self) -> None:
        """See ``Lane.close``."""
        self._arrival = None
        self._disconnect()

    def connected(self) -> None:
        """The connection is there: send what waited for it."""
        if self._connection is not None:
            self._connection.write(self._statement.payload)

    def answered(self, response: WireResponse, *, last: bool) -> None:
        """A whole answer has come, the ``last`` one of its connection where that has ended."""
        moment = time.monotonic()
        if last or b"\r\nconnection: close" in response.headers:
            self._disconnect()
        self._done(self._statement.judge(response), moment)

    def failed(self, error_class: ErrorClass, detail: str) -> None:
        """There will be no answer; the connection is not used again."""
        moment = time.monotonic()
        self._disconnect()
        self._done(Reply(self._statement.name, Outcome.FAILED, error_class.value, detail), moment)

    def _done(self, reply: Reply, moment: float) -> None:
        arrival, self._arrival = self._arrival, None
        self._idle_since = moment
        if arrival is not None:
            self._finished(self, arrival, reply, moment)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None


class _Connection(asyncio.Protocol):
    """A TCP or TLS connection of one lane, until the lane drops it."""

    def __init__(self, lane: WireLane) -> None:
        self._lane: WireLane | None = lane
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._buffer = bytearray()
        self._asked = False

    def open(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        """Begin to connect."""
        self._opening = asyncio.get_running_loop().create_task(self._open(endpoint, context))

    def write(self, payload: bytes) -> None:
        """Send a request."""
        if self._transport is not None:
            self._asked = True
            self._transport.write(payload)

    def drop(self) -> None:
        """End the connection; its lane hears nothing more of it."""
        self._lane = None
        if self._transport is not None:
            self._transport.abort()
        elif self._opening is not None:
            self._opening.cancel()

    async def _open(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        name = endpoint.host if context else None
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self, endpoint.host, endpoint.port, ssl=context, server_hostname=name)
        except OSError as error:
            error_class, cause = transport_failure(error) or (ErrorClass.REFUSED, error)
            self._broken(error_class, str(cause) or type(cause).__name__)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP and TLS ones are
        self._transport = transport
        if self._lane is None:
            transport.abort()
        else:
            self._lane.connected()

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        if self._lane is None:
            return
        if not self._asked:  # nobody has asked, so whatever follows cannot be told from an answer
            self._broken(ErrorClass.PROTOCOL, "an answer without a request")
            return
        self._buffer += data
        if len(self._buffer) > LARGEST_BODY:
            self._broken(ErrorClass.PROTOCOL, f"an answer of more than {LARGEST_BODY} bytes")
            return
        self._look(ended=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol: the other side is gone."""
        self._transport = None
        if self._lane is None:
            return
        if exc is None:
            self._look(ended=True)
        failure = transport_failure(exc) if exc else None
        detail = str(exc) if exc else "the connection was closed before the answer was whole"
        self._broken(failure[0] if failure else ErrorClass.RESET, detail)

    def _look(self, *, ended: bool) -> None:
        """Hand an answer over once it is whole."""
        try:
            response = parse(self._buffer, ended=ended)
        except ValueError as error:
            self._broken(ErrorClass.PROTOCOL, str(error))
            return
        if response is not None and self._lane is not None:
            self._buffer.clear()
            self._asked = False
            self._lane.answered(response, last=ended)

    def _broken(self, error_class: ErrorClass, detail: str) -> None:
        if self._lane is not None:
            self._lane.failed(error_class, detail)


def parse(buffer: bytearray, *, ended: bool = False) -> WireResponse | None:
    """The response at the beginning of what came in; ``None`` while it is not whole.

    Args:
        buffer: all that the connection has brought since the request.
        ended: whether the connection has been closed, which ends a body of unknown length.

    Raises:
        ValueError: not an HTTP response.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) >= 5 and not buffer.startswith(b"HTTP/"):
            raise ValueError("the answer is not HTTP")
        return None
    headers = bytes(buffer[:end]).lower()
    status = _status(headers)
    if 100 <= status < 200:
        del buffer[: end + 4]
        return parse(buffer, ended=ended)
    body = _body(buffer, end + 4, headers, ended=ended)
    return None if body is None else WireResponse(status, headers, body)


def _status(headers: bytes) -> int:
    words = headers.split(b" ", 2)
    if len(words) < 2 or not headers.startswith(b"http/") or not words[1][:3].isdigit():
        raise ValueError("the answer is not HTTP")
    return int(words[1][:3])


def _body(buffer: bytearray, begin: int, headers: bytes, *, ended: bool) -> bytes | None:
    if length := _LENGTH.search(headers):
        end = begin + int(length[1])
        return bytes(buffer[begin:end]) if len(buffer) >= end else None
    if b"\r\ntransfer-encoding: chunked" in headers:
        return _unchunked(buffer, begin)
    return bytes(buffer[begin:]) if ended else None


def _unchunked(buffer: bytearray, begin: int) -> bytes | None:
    if not buffer.endswith(b"0\r\n\r\n"):  # trailers are not used by any engine here
        return None
    pieces: list[bytes] = []
    while (end := buffer.find(b"\r\n", begin)) >= 0:
        size = int(bytes(buffer[begin:end]).split(b";")[0], 16)
        begin = end + 2
        if size == 0:
            return b"".join(pieces)
        pieces.append(bytes(buffer[begin : begin + size]))
        begin += size + 2
    return None
