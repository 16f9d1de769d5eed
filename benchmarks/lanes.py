"""Lanes of a load generator: what carries one statement at a time to an engine and brings its answer back.

A lane is used from the generator's event loop alone and tells there when it is done.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.mixture import Mixture
from benchmarks.openloop import Client, Reply
from benchmarks.statements import StatementClient
from engines import Engine

ABANDONED = "abandoned"
"""Error of a statement that was under way when the generator was told to stop."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One arrival that is to be sent now; moments in seconds of ``time.monotonic()``."""

    index: int
    intended: float
    started: float
    due: float


class Lane(Protocol):
    """One client of the engine."""

    def send(self, arrival: Arrival) -> None:
        """Send its statement; never blocks, never raises. ``Finished`` follows, exactly once, in the event loop."""
        ...

    def expire(self) -> None:
        """The deadline of what is under way has passed: give it up, where that can be done from here."""
        ...

    def close(self) -> None:
        """Release everything; what is under way is never heard of again."""
        ...


Finished = Callable[[Lane, Arrival, Reply, float], None]
"""Called with the lane, the arrival, the reply and the moment the answer was there."""


class Lanes(Protocol):
    """Makes lanes to one engine."""

    def make(self, finished: Finished) -> Lane:
        """One more lane, not yet connected."""
        ...


@dataclass(frozen=True, slots=True)
class DriverLanes:
    """Lanes that use the engine's official driver, each in a thread of its own."""

    engine: Engine
    mixture: Mixture

    def make(self, finished: Finished) -> DriverLane:
        """See ``Lanes.make``."""
        client = StatementClient(self.engine, self.mixture.statements, self.mixture.choose)
        return DriverLane(client, finished)


class DriverLane:
    """One client in a thread.

    The driver itself keeps to the deadline. The thread is a daemon: one that hangs in a driver does not keep the
    process.

    Args:
        client: sends statements, and closes in its thread.
        finished: called in the event loop that is running now.
    """

    def __init__(self, client: Client, finished: Finished) -> None:
        self._client, self._finished = client, finished
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[Arrival | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="load-lane", daemon=True)
        self._thread.start()

    def send(self, arrival: Arrival) -> None:
        """See ``Lane.send``."""
        self._inbox.put(arrival)

    def expire(self) -> None:
        """See ``Lane.expire``: nothing can be done from here."""

    def close(self) -> None:
        """See ``Lane.close``."""
        self._closed = True
        self._inbox.put(None)

    def _work(self) -> None:
        while (arrival := self._inbox.get()) is not None:
            try:
                reply = self._client.attempt(arrival.index, max(0.001, arrival.due - time.monotonic()))
            except Exception as error:  # noqa: BLE001 - a defect, told where it can end the run
                self._tell(self._defect, error)
                break
            self._tell(self._hand_back, arrival, reply, time.monotonic())
        self._client.close()

    def _tell(self, call: Callable[..., None], *values: object) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(call, *values)

    def _hand_back(self, arrival: Arrival, reply: Reply, moment: float) -> None:
        if not self._closed:
            self._finished(self, arrival, reply, moment)

    @staticmethod
    def _defect(error: Exception) -> None:
        raise error
