"""A local TCP proxy that clients reach one engine through, and that can disturb what passes it. Needs no root.

How true it is to a real network:

* ``latency`` delays bytes and the end of a stream; it does not delay the TCP handshake, which the kernel does.
* ``bandwidth`` is one token bucket per direction, shared by all connections, as a link is.
* ``blackhole`` holds bytes instead of losing them: TCP would retransmit what was lost, so a stream that outlives a
  blackhole continues where it was. The difference is that TCP's next retransmission may come as late again as the
  blackhole was long, while here everything is delivered at once. A connection opened during the blackhole looks
  established to its client, because the kernel accepts it; nothing is sent for it, and when its client gives up
  before the end, the engine never hears of it.
* ``reset`` breaks every connection by RST, new ones right after they were accepted.
* ``refused`` resets what is open and stops listening; the port stays reserved, so nobody else can take it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import struct
from collections.abc import Coroutine

from targets.base import Disturbance, MeansError, ProxyStatus
from targets.embedded.link import CHUNK_BYTES, DOWN, UP, Lane, Link

log = logging.getLogger(__name__)

KINDS = ("latency", "bandwidth", "blackhole", "reset", "refused")
CONNECT_SECONDS = 10.0
BACKLOG = 512
HELD_BYTES = 1024 * 1024
BIND_ATTEMPTS = 20
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


class FaultProxy:
    """Forwards TCP connections to ``upstream``; to be used from one event loop.

    Args:
        engine: engine kind, for the status.
        upstream: address of the engine.
        listen: address for clients; port 0 takes a free one, kept until ``stop``.
    """

    def __init__(self, engine: str, upstream: tuple[str, int], listen: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.engine = engine
        self.upstream = upstream
        self._listen = listen
        self._link = Link()
        self._socket: socket.socket | None = None
        self._acceptor: asyncio.Task[None] | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """Port for clients; 0 before ``start``."""
        return self._listen[1]

    async def start(self) -> None:
        """Bind and listen.

        Raises:
            MeansError: the address cannot be had.
        """
        self._bind()
        self._accept()

    async def stop(self) -> None:
        """Stop listening and reset what is open; may be called twice."""
        self._forget_disturbance()
        self._close_listener()
        await self._reset_open()

    def status(self) -> ProxyStatus:
        """What it does now, and its counters since it was made."""
        return ProxyStatus(
            engine=self.engine,
            port=self.port,
            listening=self._acceptor is not None,
            active=self._link.disturbance,
            connections=self._accepted,
            bytes_up=self._link.passed[UP],
            bytes_down=self._link.passed[DOWN],
            affected=dict(self._link.affected),
        )

    async def disturb(self, disturbance: Disturbance) -> ProxyStatus:
        """Start a disturbance, in place of any other; it ends by itself after its ``ttl``.

        Raises:
            MeansError: the disturbance makes no sense, or the proxy does not run.
        """
        _validate(disturbance)
        if self._socket is None:
            raise MeansError(f"proxy of {self.engine}: not running")
        await self.restore()
        self._link.switch(disturbance)
        self._expiry = asyncio.get_running_loop().call_later(disturbance.ttl, self._end)
        if disturbance.kind in {"reset", "refused"}:
            if disturbance.kind == "refused":
                await self._refuse()
            self._link.affected[disturbance.kind] += await self._reset_open()
        return self.status()

    async def restore(self) -> ProxyStatus:
        """End any disturbance; harmless when there is none.

        Raises:
            MeansError: the port cannot be listened on again.
        """
        self._end()
        if self._socket is not None and self._acceptor is None:
            raise MeansError(f"proxy of {self.engine}: cannot listen on port {self.port} again")
        return self.status()

    def _end(self) -> None:
        self._forget_disturbance()
        if self._socket is not None and self._acceptor is None:
            self._accept()

    def _forget_disturbance(self) -> None:
        if self._expiry:
            self._expiry.cancel()
            self._expiry = None
        if self._link.disturbance:
            self._link.switch(None)

    def _bind(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setblocking(False)
        try:
            self._socket.bind(self._listen)
        except OSError as error:
            self._socket.close()
            self._socket = None
            host, port = self._listen
            raise MeansError(f"proxy of {self.engine}: cannot listen on {host}:{port}: {error.strerror}") from error
        self._listen = self._socket.getsockname()

    def _accept(self) -> None:
        assert self._socket is not None  # noqa: S101 - for the type checker
        self._socket.listen(BACKLOG)
        self._acceptor = asyncio.create_task(self._accept_all(self._socket))

    async def _refuse(self) -> None:
        """Close the listening socket and reserve its port by a bound one: connecting to that is refused."""
        self._close_listener()
        for _ in range(BIND_ATTEMPTS - 1):
            with contextlib.suppress(MeansError):  # the last attempt tells
                return self._bind()
            await asyncio.sleep(0.05)
        return self._bind()

    def _close_listener(self) -> None:
        if self._acceptor:
            self._acceptor.cancel()
            self._acceptor = None
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def _accept_all(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as error:  # out of file descriptors: some may be free again soon
                log.warning("proxy of %s: cannot accept: %s", self.engine, error)
                await asyncio.sleep(0.1)
                continue
            self._accepted += 1
            task = asyncio.create_task(self._serve(client))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _reset_open(self) -> int:
        """Break what is open; returns how many connections that were."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        return len(tasks)

    async def _serve(self, client: socket.socket) -> None:
        """One connection, from accept to its end. Whatever breaks it reaches the client as RST, as from the engine."""
        upstream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        orderly = False
        try:
            with contextlib.suppress(OSError):  # how a connection broke is the client's affair, and the engine's
                orderly = await self._carry(client, upstream)
        finally:
            for end in (client, upstream):
                if not orderly:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
                end.close()

    async def _carry(self, client: socket.socket, upstream: socket.socket) -> bool:
        """Forward until both directions have ended; false when there is nothing to be forwarded."""
        if self._link.kind == "reset":
            self._link.affected["reset"] += 1
            return False
        for end in (client, upstream):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        held = await self._hold_new(client)
        if held is None:
            return True
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(upstream, self.upstream)
        up, down = Lane(self._link, UP, client, upstream, held), Lane(self._link, DOWN, upstream, client)
        return all(await _all_or_first_error(up.run(), down.run()))

    async def _hold_new(self, client: socket.socket) -> bytes | None:
        """Bytes that the client sent while a blackhole kept them; ``None`` when it gave up meanwhile."""
        if self._link.kind != "blackhole":
            return b""
        self._link.affected["blackhole"] += 1
        waiting = Held(client)
        try:
            passable = asyncio.create_task(self._link.passable())
            gone = asyncio.create_task(waiting.gone.wait())
            await asyncio.wait({passable, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.stop()
            passable.cancel()
            gone.cancel()
        return None if waiting.gone.is_set() else bytes(waiting.held)


class Held:
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


def _validate(disturbance: Disturbance) -> None:
    kind, value, ttl = disturbance.kind, disturbance.value, disturbance.ttl
    if kind not in KINDS:
        raise MeansError(f"unknown disturbance {kind!r}: use one of {', '.join(KINDS)}")
    if not 0 < ttl < math.inf:
        raise MeansError(f"{kind}: ttl must be more than 0 seconds, not {ttl}")
    if kind in {"latency", "bandwidth"} and not 0 < value < math.inf:
        raise MeansError(f"{kind}: value must be more than 0, not {value}")
