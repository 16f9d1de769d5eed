"""One deadline for a whole statement, whatever its server does.

HTTP libraries bound each socket operation, so a server that sends a byte now and then (Trino's long polling, a slow
link) is waited for without end. Here every socket operation is given only what is left until the deadline of the
statement under way, however many requests, responses and redials it takes.

Known limit: resolving a host name is the operating system's own blocking call and is not bounded; addresses given as
numbers are not affected.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import Buffer
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

IDLE_LIMIT = 30.0
"""Seconds one socket operation may take outside of any deadline."""

_ends: ContextVar[float | None] = ContextVar("ends", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound all socket operations of this thread in the block; an outer deadline that ends earlier still holds."""
    ends, outer = time.monotonic() + seconds, _ends.get()
    token = _ends.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _ends.reset(token)


def remaining() -> float:
    """Seconds left until the deadline of this thread.

    Raises:
        TimeoutError: none are left.
    """
    ends = _ends.get()
    if ends is None:
        return IDLE_LIMIT
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline passed")
    return left


class _Socket(socket.socket):
    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(remaining())
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        self.settimeout(remaining())
        super().sendall(data, flags)


class _TLSSocket(ssl.SSLSocket):
    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(remaining())
        return super().recv_into(buffer, nbytes, flags)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except OSError as error:
            # Wrapping a connection that was reset meanwhile reads from it first; CPython 3.11 raises from there without
            # closing what it has just made of the plain socket.
            if getattr(self, "_sslobj", None) is None and error.errno == errno.ECONNRESET:
                self.close()
            raise

    def send(self, data: Buffer, flags: int = 0) -> int:
        self.settimeout(remaining())
        return super().send(data, flags)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        self.timeout = remaining()
        plain = super()._new_conn()
        sock = _Socket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        try:
            sock.settimeout(remaining())  # bounds the TLS handshake, which comes next
        except TimeoutError:
            sock.close()
            raise
        return sock


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class Pools(PoolManager):
    """urllib3's connection pools over sockets that keep to the deadline. Never retries by itself."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(retries=0, ssl_context=context)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *_: object, **__: object) -> None:
        self.poolmanager = Pools(self._context)

    def cert_verify(self, *_: object, **__: object) -> None:
        """The TLS context alone decides whom to trust; the library would add its own bundle of authorities."""

    def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
        kwargs["proxies"] = None  # whatever the environment says: figures are those of this very connection
        return super().send(request, *args, **kwargs)  # type: ignore[arg-type]


def http_session(context: ssl.SSLContext | None) -> requests.Session:
    """A ``requests`` session over such pools: no proxies, no environment, no retries, no redirects."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    for prefix in ("http://", "https://"):
        session.mount(prefix, _Adapter(context))
    return session


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A TLS client context that trusts ``ca_file``, or the system's authorities when there is none.

    Raises:
        OSError: the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.sslsocket_class = _TLSSocket
    return context
