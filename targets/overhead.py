"""What the way to an engine costs, so that a reader can tell it from what the engine itself takes.

Each round asks the engine's health endpoint, which runs no statement, twice: over a connection of its own (TCP, TLS
where the engine has it, request, first bytes of the answer) and once more over the same connection. The engine's own
share of these answers is in the figures: they bound what the transport adds, from above.
"""

from __future__ import annotations

import http.client
import ssl
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engines import Endpoint, Engine

ROUNDS = 20
FEWEST_ROUNDS = 5
ROUND_SECONDS = 3.0
ALL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its quartiles and the largest value, in seconds."""

    median: float
    low: float
    high: float
    largest: float


@dataclass(frozen=True, slots=True)
class Overhead:
    """The way to one engine: ``connect`` with a new connection, ``round_trip`` on one that is open."""

    engine: str
    rounds: int
    connect: Spread
    round_trip: Spread


def measure_overhead(engine: Engine, rounds: int = ROUNDS) -> Overhead | None:
    """Measure the way to an engine; ``None`` where it does not answer often enough within ``ALL_SECONDS``."""
    context = _trust(engine.endpoint)
    connects: list[float] = []
    trips: list[float] = []
    ends = time.monotonic() + ALL_SECONDS
    for _ in range(rounds):
        if time.monotonic() >= ends:
            break
        try:
            connect, trip = _round(engine.endpoint, engine.health_path, context)
        except (OSError, http.client.HTTPException):
            continue  # an engine that is starting, or a fault that somebody else has injected: not our business here
        connects.append(connect)
        trips.append(trip)
    if len(connects) < FEWEST_ROUNDS:
        return None
    return Overhead(engine.endpoint.kind, len(connects), _spread(connects), _spread(trips))


def _round(endpoint: Endpoint, path: str, context: ssl.SSLContext | None) -> tuple[float, float]:
    """Seconds of a request with its connection, and of another one after it."""
    connection: http.client.HTTPConnection
    if context is None:
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=ROUND_SECONDS)
    else:
        connection = http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=ROUND_SECONDS, context=context)
    try:
        began = time.monotonic()
        connection.connect()
        _ask(connection, path)
        connected = time.monotonic()
        _ask(connection, path)
        return connected - began, time.monotonic() - connected
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    connection.getresponse().read()


def _trust(endpoint: Endpoint) -> ssl.SSLContext | None:
    if endpoint.scheme == "http":
        return None
    return ssl.create_default_context(cafile=str(endpoint.ca_file) if endpoint.ca_file else None)


def _spread(seconds: Sequence[float]) -> Spread:
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Spread(median, low, high, max(seconds))
