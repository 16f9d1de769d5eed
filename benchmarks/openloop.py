"""Open-loop generation of statements: arrivals follow their schedule, however slowly the engine answers.

A closed loop waits for an answer before it sends the next statement and so stops measuring exactly while the
engine stalls (*coordinated omission*, Gil Tene, "How NOT to Measure Latency"). Here every arrival has an
*intended start*; latency counts from there, and an arrival that found no free client in time is *dropped* and
counted, never forgotten.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from engines import Outcome

DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Reply:
    """What one client made of one arrival. ``error`` is a coarse class, ``detail`` a line for people."""

    operation: str
    outcome: Outcome
    error: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One arrival and what became of it; moments in seconds of ``time.monotonic()``."""

    index: int
    operation: str
    intended: float
    started: float
    finished: float
    outcome: Outcome
    error: str = ""
    detail: str = ""

    @property
    def latency(self) -> float:
        """Seconds from the intended start (corrected for coordinated omission)."""
        return self.finished - self.intended

    @property
    def service_time(self) -> float:
        """Seconds from the actual start (uncorrected)."""
        return self.finished - self.started

    @property
    def dropped(self) -> bool:
        """No client was free in time: nothing was sent."""
        return self.error == DROPPED


class Client(Protocol):
    """Sends statements from one thread."""

    def attempt(self, index: int, deadline: float) -> Reply:
        """Send one statement and judge its answer within ``deadline`` seconds; failures are replies, not raised."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


def constant(period: float, duration: float | None = None) -> Iterator[float]:
    """Intended starts, in seconds from the beginning, ``period`` apart; endless without a duration."""
    index = 0
    while duration is None or index * period < duration:
        yield index * period
        index += 1


def poisson(rate: float, duration: float, seed: int) -> Iterator[float]:
    """Intended starts of independent arrivals (a Poisson process) at ``rate`` per second for ``duration`` seconds."""
    generator = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    at = generator.expovariate(rate)
    while at < duration:
        yield at
        at += generator.expovariate(rate)


class OpenLoop:
    """Runs a schedule of arrivals on as many clients as it takes, up to ``max_in_flight``.

    Args:
        schedule: intended starts in seconds from the beginning, ascending.
        client: makes one client; called in the thread that will use it.
        deadline: seconds from its intended start in which an arrival must be answered.
        max_in_flight: clients (and threads) at most.
        listener: called with each attempt, from the thread that made it.
    """

    def __init__(
        self,
        schedule: Iterable[float],
        client: Callable[[], Client],
        *,
        deadline: float,
        max_in_flight: int,
        listener: Callable[[Attempt], None] | None = None,
        name: str = "openloop",
    ) -> None:
        self._schedule = iter(schedule)
        self._client = client
        self._deadline = deadline
        self._listener = listener
        self._local = threading.local()
        self._clients: list[Client] = []
        self._attempts: list[Attempt] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(max_in_flight, thread_name_prefix=name)
        self._clock = threading.Thread(target=self._run, name=f"{name}-clock", daemon=True)
        self._broken: BaseException | None = None
        self.began = 0.0
        self.offered = 0

    def start(self) -> None:
        """Begin the schedule now."""
        self.began = time.monotonic()
        self._clock.start()

    def stop(self) -> None:
        """Send nothing more, wait for what is under way (bounded by the deadline), close all clients.

        Raises:
            Exception: what a client raised although it must not: a defect, never a measurement.
        """
        self._stopping.set()
        self._finish()

    def join(self) -> None:
        """Wait until the schedule is exhausted and everything is answered.

        Raises:
            Exception: as for ``stop``.
        """
        self._clock.join()
        self._finish()

    def attempts(self) -> list[Attempt]:
        """What is known so far, in the order of intended starts."""
        with self._lock:
            return sorted(self._attempts, key=lambda attempt: attempt.index)

    def _finish(self) -> None:
        if self._clock.is_alive():
            self._clock.join()
        self._pool.shutdown(wait=True)
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self._broken is not None:
            raise self._broken

    def _run(self) -> None:
        for index, offset in enumerate(self._schedule):
            intended = self.began + offset
            if self._stopping.wait(max(0.0, intended - time.monotonic())):
                return
            self.offered += 1
            self._pool.submit(self._attempt, index, intended).add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        if (error := future.exception()) is not None:
            self._broken = error
            self._stopping.set()

    def _attempt(self, index: int, intended: float) -> None:
        started = time.monotonic()
        left = self._deadline - (started - intended)
        if left <= 0:
            reply = Reply("", Outcome.UNKNOWN, DROPPED, "no client was free in time")
        else:
            reply = self._own_client().attempt(index, left)
        attempt = Attempt(
            index,
            reply.operation,
            intended,
            started,
            time.monotonic(),
            reply.outcome,
            reply.error,
            reply.detail,
        )
        with self._lock:
            self._attempts.append(attempt)
        if self._listener:
            self._listener(attempt)

    def _own_client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._client()
            with self._lock:
                self._clients.append(client)
        return client
