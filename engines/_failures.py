"""From a driver's exception to the class of what went wrong beneath it."""

from __future__ import annotations

import base64
import errno
import http.client
import socket
import ssl
from collections.abc import Iterator

from engines.base import Endpoint, EngineError, ErrorClass

MESSAGE_LIMIT = 400
"""Characters kept of an engine's message."""

MALFORMED = (ValueError, LookupError, TypeError, AttributeError)
"""What a driver raises on an answer it cannot read."""

BY_STATUS = {
    401: ErrorClass.UNAUTHORIZED,
    403: ErrorClass.UNAUTHORIZED,
    429: ErrorClass.QUEUE_FULL,
    502: ErrorClass.UNAVAILABLE,
    503: ErrorClass.UNAVAILABLE,
    504: ErrorClass.UNAVAILABLE,
}
"""HTTP statuses that an engine, or a gateway before it, gives no error of its own with."""

_CHAIN_LIMIT = 50
_SHORTEST_SECRET = 4  # a shorter one is part of any text, and no secret
_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
_BROKEN = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, http.client.IncompleteRead, ssl.SSLEOFError)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all it came from: causes, contexts, and exceptions wrapped as arguments or reasons."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending and len(seen) < _CHAIN_LIMIT:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]


def transport_failure(error: BaseException) -> tuple[ErrorClass, BaseException] | None:
    """What the connection did, and the exception that shows it; ``None`` when the connection is not to blame."""
    for cause in causes(error):
        if found := _classify(cause):
            return found, cause
    return None


def _classify(error: BaseException) -> ErrorClass | None:
    if isinstance(error, TimeoutError):
        return ErrorClass.TIMEOUT
    if isinstance(error, (ConnectionRefusedError, socket.gaierror)):
        return ErrorClass.REFUSED
    if isinstance(error, _BROKEN):
        return ErrorClass.RESET
    if isinstance(error, (ssl.SSLError, http.client.HTTPException)):
        return ErrorClass.PROTOCOL
    if type(error) is OSError:  # its subclasses are files, processes and libraries' own exceptions
        return ErrorClass.REFUSED if error.errno in _NO_ROUTE else None
    return None


def transport_error(error: BaseException, endpoint: Endpoint, deadline: float) -> EngineError | None:
    """``transport_failure`` of a statement that was given ``deadline`` seconds, ready to be raised."""
    found = transport_failure(error)
    if found is None:
        return None
    error_class, cause = found
    timeout = error_class is ErrorClass.TIMEOUT
    message = f"no answer within {deadline:g} s" if timeout else str(cause) or type(cause).__name__
    return engine_error(message, endpoint, error_class, type(cause).__name__)


def engine_error(
    message: str, endpoint: Endpoint, error_class: ErrorClass, name: str, code: int | None = None
) -> EngineError:
    """An ``EngineError`` whose message is short and without credentials."""
    return EngineError(shorten(message, endpoint), error_class=error_class, name=name, code=code)


def shorten(message: str, endpoint: Endpoint) -> str:
    """The message on one line of bounded length, without credentials that a server may have echoed."""
    line = " ".join(message.split())
    for secret in _secrets(endpoint):
        line = line.replace(secret, "***")
    return line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 3] + "..."


def _secrets(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.password is not None:
        yield base64.b64encode(f"{endpoint.user}:{endpoint.password}".encode()).decode()
        if len(endpoint.password) >= _SHORTEST_SECRET:
            yield endpoint.password
