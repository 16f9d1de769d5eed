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
import functools
import logging
import math
import socket

from targets.base import Disturbance, MeansError, ProxyStatus
from targets.embedded.link import DOWN, UP, Link
from targets.embedded.relay import close, serve

log = logging.getLogger(__name__)

KINDS = ("latency", "bandwidth", "blackhole", "reset", "refused")
BACKLOG = 512
BIND_ATTEMPTS = 20
RETRY_SECONDS = 0.05


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
        self._listening = False
        self._open: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """Port for clients; 0 before ``start``."""
        return self._listen[1]

    @property
    def open_connections(self) -> int:
        """Connections open now."""
        return len(self._open)

    async def start(self) -> None:
        """Bind and listen.

        Raises:
            MeansError: the address cannot be had.
        """
        self._accept(self._bind())

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
            listening=self._listening,
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
                self._link.affected["refused"] += await self._is_refused()
            self._link.affected[disturbance.kind] += await self._reset_open()
        return self.status()

    async def restore(self) -> ProxyStatus:
        """End any disturbance; harmless when there is none.

        Raises:
            MeansError: the port cannot be listened on again.
        """
        self._end()
        if self._socket is not None and not self._listening:
            raise MeansError(f"proxy of {self.engine}: cannot listen on port {self.port} again")
        return self.status()

    def _end(self) -> None:
        self._forget_disturbance()
        if self._socket is not None and not self._listening:
            self._accept(self._socket)

    def _forget_disturbance(self) -> None:
        if self._expiry:
            self._expiry.cancel()
            self._expiry = None
        if self._link.disturbance:
            self._link.switch(None)

    def _bind(self) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        try:
            bound.bind(self._listen)
        except OSError as error:
            bound.close()
            host, port = self._listen
            raise MeansError(f"proxy of {self.engine}: cannot listen on {host}:{port}: {error.strerror}") from error
        self._listen = bound.getsockname()
        self._socket = bound
        return bound

    def _accept(self, listener: socket.socket) -> None:
        listener.listen(BACKLOG)
        self._listening = True
        asyncio.get_running_loop().add_reader(listener, self._accept_waiting, listener)

    async def _refuse(self) -> None:
        """Close the listening socket and reserve its port by a bound one: connecting to that is refused."""
        self._close_listener()
        for _ in range(BIND_ATTEMPTS - 1):
            with contextlib.suppress(MeansError):  # the last attempt tells
                self._bind()
                return
            await asyncio.sleep(RETRY_SECONDS)
        self._bind()

    async def _is_refused(self) -> bool:
        """Whether a client is refused now, tried; it is what proves this disturbance."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(client, self._listen)
            except ConnectionRefusedError:
                return True
        return False

    def _close_listener(self) -> None:
        self._listening = False
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _accept_waiting(self, listener: socket.socket) -> None:
        for _ in range(BACKLOG):
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of file descriptors: the clients wait until some are free again
                log.warning("proxy of %s: cannot accept: %s", self.engine, error)
                loop = asyncio.get_running_loop()
                loop.remove_reader(listener)
                loop.call_later(RETRY_SECONDS, self._accept_again, listener)
                return
            self._accepted += 1
            task = asyncio.create_task(serve(client, self.upstream, self._link))
            self._open.add(task)
            task.add_done_callback(functools.partial(self._forget, client))

    def _accept_again(self, listener: socket.socket) -> None:
        if listener is self._socket and self._listening:
            self._accept(listener)

    def _forget(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        close(client, orderly=False)  # of a task that was cancelled before it began

    async def _reset_open(self) -> int:
        """Break what is open; returns how many connections that were."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        return len(tasks)


def _validate(disturbance: Disturbance) -> None:
    kind, value, ttl = disturbance.kind, disturbance.value, disturbance.ttl
    if kind not in KINDS:
        raise MeansError(f"unknown disturbance {kind!r}: use one of {', '.join(KINDS)}")
    if not 0 < ttl < math.inf:
        raise MeansError(f"{kind}: ttl must be more than 0 seconds, not {ttl}")
    if kind in {"latency", "bandwidth"} and not 0 < value < math.inf:
        raise MeansError(f"{kind}: value must be more than 0, not {value}")
