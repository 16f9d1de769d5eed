"""Both ends of a proxied connection, by hand: a server that echoes, and a client of plain sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from targets.base import Disturbance
from targets.embedded.proxy import FaultProxy

PATIENCE = 10.0
SILENCE = 0.25


@dataclass
class EchoServer:
    """Echoes every connection until its end, then closes. ``reads`` off: accepts and reads nothing."""

    reads: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: int = 0
    received: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    address: tuple[str, int] = ("127.0.0.1", 0)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[EchoServer]:
        self.reads.set()
        server = await asyncio.start_server(self._echo, *self.address)
        self.address = server.sockets[0].getsockname()
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.transport.abort()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError):  # tests break connections on purpose
            await self.reads.wait()
            while data := await reader.read(65536):
                self.received += len(data)
                writer.write(data)
                await writer.drain()
            writer.close()


class Client:
    """One client connection. Every step is bounded by ``PATIENCE``."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.socket = socket.socket()
        self.socket.setblocking(False)

    async def __aenter__(self) -> Client:
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self._port))
        except OSError:
            self.socket.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.close()

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def receive(self, count: int, patience: float = PATIENCE) -> bytes:
        """Exactly ``count`` bytes, fewer only at the end of the stream; ``TimeoutError`` when they do not come."""
        data = b""
        async with asyncio.timeout(patience):
            while len(data) < count:
                piece = await asyncio.get_running_loop().sock_recv(self.socket, count - len(data))
                if not piece:
                    break
                data += piece
        return data

    async def ask(self, data: bytes) -> bytes:
        await self.send(data)
        return await self.receive(len(data))

    async def hears_nothing(self) -> bool:
        try:
            await self.receive(1, SILENCE)
        except TimeoutError:
            return True
        return False


@contextlib.asynccontextmanager
async def proxied() -> AsyncIterator[tuple[FaultProxy, EchoServer]]:
    async with EchoServer().running() as server:
        proxy = FaultProxy("clickhouse", server.address)
        await proxy.start()
        try:
            yield proxy, server
        finally:
            await proxy.stop()


def disturbance(kind: str, value: float = 0.0, ttl: float = 60.0) -> Disturbance:
    return Disturbance(kind=kind, value=value, ttl=ttl)


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for a condition, bounded."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
