"""One connection of the fault proxy, from its acceptance to its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine

from targets.embedded.link import CHUNK_BYTES, DOWN, UP, Lane, Link

CONNECT_SECONDS = 10.0
HELD_BYTES = 1024 * 1024
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


async def serve(client: socket.socket, upstream: tuple[str, int], link: Link) -> None:
    """Carry one connection. Whatever breaks it reaches the client as RST, as it would from the engine.

    Args:
        client: the accepted connection; closed at the end.
        upstream: address of the engine. When nothing listens there, the client is reset: a Service without
            endpoints would refuse it, but here the kernel has accepted already.
        link: what the connection passes.
    """
    engine = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    orderly = False
    try:
        with contextlib.suppress(OSError):  # how a connection broke is told to its ends, by RST
            orderly = await _carry(client, engine, upstream, link)
    finally:
        close(client, orderly=orderly)
        close(engine, orderly=orderly)


async def _carry(client: socket.socket, engine: socket.socket, upstream: tuple[str, int], link: Link) -> bool:
    """Forward until both directions have ended; false when that was not in order."""
    if link.kind == "reset":
        link.affected["reset"] += 1
        return False
    for end in (client, engine):
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    held = await _held_back(client, link)
    if held is None:
        return True
    async with asyncio.timeout(CONNECT_SECONDS):
        await asyncio.get_running_loop().sock_connect(engine, upstream)
    up, down = Lane(link, UP, client, engine, held), Lane(link, DOWN, engine, client)
    return all(await _all_or_first_error(up.run(), down.run()))


async def _held_back(client: socket.socket, link: Link) -> bytes | None:
    """Bytes that the client sent while a blackhole kept them; ``None`` when it gave up meanwhile."""
    if link.kind != "blackhole":
        return b""
    link.affected["blackhole"] += 1
    waiting = _Waiting(client)
    passable = asyncio.create_task(link.passable())
    gone = asyncio.create_task(waiting.gone.wait())
    try:
        await asyncio.wait({passable, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.stop()
        passable.cancel()
        gone.cancel()
    return None if waiting.gone.is_set() else bytes(waiting.held)


class _Waiting:
    """Takes what a waiting client sends, up to ``HELD_BYTES``, and sees when it gives up."""

    def __init__(self, client: socket.socket) -> None:
        self.held = bytearray()
        self.gone = asyncio.Event()
        self._client = client
        asyncio.get_running_loop().add_reader(client, self._read)

    def stop(self) -> None:
        """Read no more."""
        asyncio.get_running_loop().remove_reader(self._client)

    def _read(self) -> None:
        try:
            data = self._client.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.held += data
        if not data:
            self.gone.set()
        if not data or len(self.held) >= HELD_BYTES:
            self.stop()


async def _all_or_first_error(*coroutines: Coroutine[None, None, bool]) -> list[bool]:
    """Run all; the first error ends the others and is raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        return [task.result() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def close(end: socket.socket, *, orderly: bool) -> None:
    """Close by FIN, or by RST when not orderly; harmless when it is closed already."""
    if end.fileno() < 0:
        return
    if not orderly:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
    end.close()
