"""The disturbed link of the fault proxy: what each direction of a connection does with the bytes it carries.

A link is what a network would be between two hosts: one state and one capacity for all connections that pass it.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, deque
from dataclasses import dataclass, field

from targets.base import Disturbance

CHUNK_BYTES = 128 * 1024
DELAYED_BYTES = 16 * 1024 * 1024
"""Bytes in flight per direction of a connection under ``latency``; what a generous TCP window would hold."""

BURST_SECONDS = 0.02
"""Under ``bandwidth``: length of a piece, and credit a late sender keeps, in seconds at the given rate."""

UP, DOWN = "up", "down"


@dataclass(slots=True)
class Bucket:
    """Token bucket kept as the time at which the last promised byte will have passed (seconds of the event loop)."""

    free_at: float = 0.0

    def reserve(self, count: int, rate: float, now: float) -> float:
        """Promise ``count`` bytes at ``rate`` bytes per second; returns the seconds to wait before sending them."""
        self.free_at = max(now - BURST_SECONDS, self.free_at) + count / rate
        return self.free_at - now


@dataclass(slots=True)
class Link:
    """State and counters shared by all connections of one proxy.

    Attributes:
        disturbance: what the link does now; ``None`` when it only forwards.
        changed: set, and replaced by a new event, whenever ``disturbance`` changes.
        affected: per disturbance kind, the connections or chunks acted on.
        passed: bytes forwarded, per direction.
    """

    disturbance: Disturbance | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    affected: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    buckets: dict[str, Bucket] = field(default_factory=lambda: {UP: Bucket(), DOWN: Bucket()})

    @property
    def kind(self) -> str:
        """Kind of the present disturbance, or an empty string."""
        return self.disturbance.kind if self.disturbance else ""

    def switch(self, disturbance: Disturbance | None) -> None:
        """Change what the link does; everything that waits on it looks again."""
        self.disturbance = disturbance
        self.buckets = {UP: Bucket(), DOWN: Bucket()}
        self.changed.set()
        self.changed = asyncio.Event()

    async def changes_within(self, seconds: float) -> bool:
        """Wait up to ``seconds``; true as soon as the disturbance has changed."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return False
        return True

    async def passable(self) -> None:
        """Return when nothing is held back any more."""
        while self.kind == "blackhole":
            await self.changed.wait()


class SinkBroken(Exception):
    """The side that bytes are sent to does not take them any more."""


class Lane:
    """One direction of one connection: reads from ``source``, writes to ``sink``, keeps the order of the bytes.

    ``first`` are bytes that were read from the source before.
    """

    def __init__(
        self, link: Link, direction: str, source: socket.socket, sink: socket.socket, first: bytes = b""
    ) -> None:
        self._link = link
        self._direction = direction
        self._source = source
        self._sink = sink
        self._first = first
        self._delayed: deque[tuple[float, bytes]] = deque()
        self._delayed_bytes = 0
        self._moved = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._broken: SinkBroken | None = None

    async def run(self) -> bool:
        """Carry bytes until the source ends, then tell the sink (half-close).

        The end of a stream, and its breaking, are packets as well: they come after the bytes, and not at all
        through a blackhole.

        Returns:
            False when the sink broke: what comes the other way may still be worth delivering.

        Raises:
            OSError: the source broke. Raised only when the news could have travelled over the link.
        """
        try:
            await self._carry()
            await self._delay(b"")
            await self._settled()
            self._shut()
        except SinkBroken:
            return False
        except OSError:
            await self._settled()
            raise
        finally:
            if self._sender:
                self._sender.cancel()
        return True

    async def _carry(self) -> None:
        await self._forward(memoryview(self._first))
        loop = asyncio.get_running_loop()
        buffer = bytearray(CHUNK_BYTES)
        view = memoryview(buffer)
        while count := await loop.sock_recv_into(self._source, buffer):
            await self._forward(view[:count])

    def _shut(self) -> None:
        try:
            self._sink.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise SinkBroken from error

    async def _settled(self) -> None:
        """Return when all delayed bytes are delivered and nothing is held back."""
        await self._link.passable()
        while self._delayed:
            await self._movement()
        await self._link.passable()

    async def _movement(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    async def _forward(self, data: memoryview) -> None:
        kind = self._link.kind
        if kind == "blackhole":
            self._link.affected[kind] += 1
            await self._settled()
            await self._forward(data)
        elif kind == "latency" or self._delayed:
            await self._delay(data)
        elif kind == "bandwidth":
            await self._trickle(data)
        else:
            await self._send(data)

    async def _send(self, data: memoryview | bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._sink, data)
        except OSError as error:
            raise SinkBroken from error
        self._link.passed[self._direction] += len(data)

    async def _trickle(self, data: memoryview) -> None:
        """Send at the link's rate, in pieces short enough for connections to share it."""
        loop = asyncio.get_running_loop()
        while data and (now := self._link.disturbance) and now.kind == "bandwidth":
            piece = data[: max(1, int(now.value * BURST_SECONDS))]
            self._link.affected[now.kind] += 1
            wait = self._link.buckets[self._direction].reserve(len(piece), now.value, loop.time())
            if wait <= 0 or not await self._link.changes_within(wait):
                await self._send(piece)
                data = data[len(piece) :]
        if data:
            await self._forward(data)

    async def _delay(self, data: memoryview | bytes) -> None:
        """Queue a copy for the sender; waits while ``DELAYED_BYTES`` are in flight."""
        now = self._link.disturbance
        delay = now.value if now and now.kind == "latency" else 0.0
        self._link.affected["latency"] += 1 if delay and data else 0
        while self._delayed_bytes >= DELAYED_BYTES:
            await self._movement()
        if self._broken:
            raise self._broken
        self._delayed.append((asyncio.get_running_loop().time() + delay, bytes(data)))
        self._delayed_bytes += len(data)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_delayed())

    async def _send_delayed(self) -> None:
        """Deliver what is queued, each at its time; ends when the queue is empty."""
        try:
            while self._delayed:
                due, data = self._delayed[0]
                await self._hold_until(due)
                await self._send(data)
                self._delayed.popleft()
                self._delayed_bytes -= len(data)
                self._moved.set()
        except SinkBroken as error:
            self._broken = error
            self._delayed.clear()
            self._delayed_bytes = 0
            self._moved.set()

    async def _hold_until(self, due: float) -> None:
        """Wait for the time, or for the end of the latency: what is in flight then arrives at once."""
        loop = asyncio.get_running_loop()
        while self._link.kind == "latency" and (wait := due - loop.time()) > 0:
            await self._link.changes_within(wait)
        await self._link.passable()
