"""A port of this machine's loopback interface, each of whose connections gets a tunnel of its own."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import httpx_ws

from targets.kubernetes.cluster import FAILURES, Cluster

CHUNK = 256 * 1024


class NoEndpoint(Exception):
    """There is nothing on the other side that could take the connection."""


class Client:
    """The near end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._early = b""

    async def receive(self) -> bytes:
        """What it sends next; empty when it sends no more."""
        if self._early:
            early, self._early = self._early, b""
            return early
        return await self._reader.read(CHUNK)

    @asynccontextmanager
    async def patience(self, seconds: float) -> AsyncIterator[None]:
        """Ends the block with ``TimeoutError`` after some time, and as soon as the client has left.

        A client that gave up must not leave its work behind: many of them would hold up those who come later.
        """
        async with asyncio.timeout(seconds) as limit:
            watch = asyncio.create_task(self._gone())
            watch.add_done_callback(lambda task: None if task.cancelled() else limit.reschedule(0))
            try:
                yield
            finally:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)

    async def _gone(self) -> None:
        """Keep what the client sends, and return when it has closed its side."""
        while len(self._early) < CHUNK:
            data = await self._reader.read(CHUNK)
            if not data:
                return
            self._early += data
        await asyncio.Event().wait()  # it sends without waiting for us: whether it leaves shows later


class LocalPort(ABC):
    """Listens in the cluster's event loop; what a connection leads to, subclasses say. A context manager.

    Args:
        cluster: connected.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._server: asyncio.Server | None = None
        self._tunnels: set[asyncio.Task[None]] = set()
        self.local_port = 0

    @abstractmethod
    async def _tunnel(self, client: Client) -> None:
        """Carry one connection to its end.

        Raises:
            NoEndpoint: there is nowhere to carry it to.
        """

    def start(self) -> int:
        """Listen; returns the local port."""
        self.local_port = self._cluster.run(self._listen())
        return self.local_port

    def stop(self) -> None:
        """Close the listener and every tunnel."""
        if self._server is not None:
            self._cluster.run(self._shut())
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _shut(self) -> None:
        assert self._server is not None  # noqa: S101 - for the type checker
        self._server.close()
        for tunnel in self._tunnels:
            tunnel.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the server runs this in a task
        self._tunnels.add(task)
        try:
            await self._tunnel(Client(reader, writer))
        except (*FAILURES, NoEndpoint, TimeoutError, httpx_ws.HTTPXWSException, BaseExceptionGroup):
            # The client sees its connection reset, which is what happened to it.
            writer.transport.abort()
        except asyncio.CancelledError:  # by stop(), which waits for this task and needs no more of it
            writer.transport.abort()
        finally:
            self._tunnels.discard(task)
            writer.close()


async def until_first(*copies: asyncio.Task[None]) -> None:
    """Wait until one direction ends, by itself or by an error (raised), then end the other."""
    try:
        done, _ = await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for copy in done:
            copy.result()
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
