"""Everything that watches one engine while a fault is on: probes, a background workload, capacity, availability."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from benchmarks.openloop import Attempt, OpenLoop, constant, poisson
from benchmarks.statements import Statement, StatementClient, probe_statement
from engines import Engine, ProbeQuery
from faults.timeline import CONSECUTIVE, consecutive_ok
from targets.base import AvailabilityTimeline, AvailabilityView, AvailabilityWatch, Capacity, MeansError, Target

LONGEST_OBSERVATION = 900.0  # seconds; every schedule is bounded


@dataclass(frozen=True, slots=True)
class Background:
    """The workload that runs on during an experiment.

    It is there for the answers, not to load the engine: few clients, so that what an outage held up does not come back
    as an overload that keeps the engine down (a *metastable failure*, Bronson et al., HotOS 2021).

    Attributes:
        statements: drawn in turn, each with a known answer.
        rate: arrivals per second (Poisson).
        deadline: seconds from the intended start.
        max_in_flight: clients at most; arrivals beyond are dropped.
    """

    statements: Sequence[Statement]
    rate: float
    deadline: float = 10.0
    max_in_flight: int = 2


class Observer:
    """Watches from entering to leaving the context; attempts stay available afterwards.

    Args:
        target: where the engine lives; asked for its capacity where it knows it.
        engine: the engine under observation.
        background: statements to keep it busy with; none without it.
        seed: of the background arrivals.
        probe: to send; ``None``: the engine's own.
    """

    def __init__(
        self,
        target: Target,
        engine: Engine,
        background: Background | None,
        *,
        seed: int,
        probe: ProbeQuery | None = None,
    ) -> None:
        self.engine = engine
        probe = probe or engine.probe
        statement = [probe_statement(probe)]
        self._probes = OpenLoop(
            constant(probe.period, LONGEST_OBSERVATION),
            # A Service that leads nowhere cuts nobody off who is connected already: that the workload shows.
            lambda: StatementClient(engine, statement, reconnect=True),
            deadline=probe.deadline,
            # Probes overlap: a stalled engine must not slow their schedule down.
            max_in_flight=math.ceil(probe.deadline / probe.period) + 4,
            name=f"probe-{engine.kind}",
        )
        self._workload = _workload(engine, background, seed) if background and background.statements else None
        self._capacity = _CapacityWatch(target, engine.kind)
        self._view = target.means(AvailabilityView)
        self._view_watch: AvailabilityWatch | None = None
        self._view_ending = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if self._view:
            self._view_watch = self._view_ending.enter_context(self._view.watch_availability(self.engine.kind))
        self._capacity.start()
        self._probes.start()
        if self._workload:
            self._workload.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._probes.stop()
        finally:
            if self._workload:
                self._workload.stop()
            self._capacity.stop()
            self._view_ending.close()

    def probes(self) -> list[Attempt]:
        """Probe attempts so far, in the order of intended starts."""
        return self._probes.attempts()

    def workload(self) -> list[Attempt]:
        """Background attempts so far, in the order of intended starts."""
        return self._workload.attempts() if self._workload else []

    def steady(self, *, since: float, count: int = CONSECUTIVE) -> bool:
        """Whether the last ``count`` probes with an intended start from ``since`` on were all answered right."""
        return consecutive_ok(self.probes(), count, since=since)

    @property
    def knows_capacity(self) -> bool:
        """Whether the target can tell how much of the engine is in use."""
        return self._capacity.known

    def full_capacity_at(self) -> float | None:
        """Moment from which all processes, workers and replicas have been in use until now; ``None`` if they are not.

        Also ``None`` where the target cannot tell.
        """
        return self._capacity.full_since()

    def availability(self) -> AvailabilityTimeline | None:
        """What whoever runs the engine said about it; ``None`` where the target has nobody to ask."""
        return self._view_watch.timeline() if self._view_watch else None


def wait_until(condition: Callable[[], bool], timeout: float, interval: float = 0.02) -> bool:
    """Poll until true or the timeout (seconds) is over; returns the last value."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(interval)
    return True


def _workload(engine: Engine, background: Background, seed: int) -> OpenLoop:
    count = len(background.statements)
    return OpenLoop(
        poisson(background.rate, LONGEST_OBSERVATION, seed),
        lambda: StatementClient(engine, background.statements, lambda index: index % count),
        deadline=background.deadline,
        max_in_flight=background.max_in_flight,
        name=f"workload-{engine.kind}",
    )


class _CapacityWatch:
    """Asks the target over and over whether the engine runs at full capacity; asking costs the engine a query."""

    INTERVAL = 0.5
    PROMPT = 1.0  # seconds; an answer that took longer may have waited for what was frozen, so it counts from its end

    def __init__(self, target: Target, engine: str) -> None:
        self._capacity = target.means(Capacity)
        self._engine = engine
        self._full_since: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capacity-{engine}", daemon=True)

    @property
    def known(self) -> bool:
        return self._capacity is not None

    def start(self) -> None:
        if self._capacity is not None:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def full_since(self) -> float | None:
        return self._full_since

    def _run(self) -> None:
        while not self._stopping.wait(self.INTERVAL):
            asked = time.monotonic()
            if not self._is_full():
                self._full_since = None
            elif (answered := time.monotonic()) - asked > self.PROMPT:
                self._full_since = answered
            elif self._full_since is None:
                self._full_since = asked

    def _is_full(self) -> bool:
        assert self._capacity is not None  # noqa: S101 - the thread runs only with it
        try:
            return self._capacity.full_capacity(self._engine)
        except MeansError:
            return False  # cannot be shown to be full
