"""Load at given rates: open-loop arrivals of checked statements, latency from intended and from actual start."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from benchmarks.arrivals import Arrivals
from benchmarks.latency import LatencySummary
from benchmarks.mixture import Mixture
from benchmarks.tails import surely_more
from benchmarks.tally import LATE_SECONDS, Tally
from engines import Engine, Outcome

LAG_LIMIT = LATE_SECONDS
LAG_SHARE = 0.1
MOST_PROCESSES = 64
MOST_JOBS = 64
MOST_IN_FLIGHT = 10_000


class ClientKind(StrEnum):
    """What sends the statements."""

    DRIVER = "driver"  # the engine's official driver, a thread for each client
    WIRE = "wire"  # its protocol on one event loop, where a statement is one request


IN_FLIGHT = {ClientKind.DRIVER: 64, ClientKind.WIRE: 256}
"""Clients at most where nobody says how many."""

WIRE_FROM = 100.0  # arrivals per second, from which on a driver's own work shows in the latency


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """One load run.

    Attributes:
        arrivals: when statements are sent.
        deadline: seconds from its intended start in which a statement must be answered.
        max_in_flight: clients at most, all processes together; what waits longer than the deadline for one is dropped.
        processes: generator processes, of each Job where there are Jobs; each takes every n-th arrival.
        jobs: Kubernetes Jobs that the processes run in; 0: they run on this machine.
        client: what sends the statements.
        limit: seconds; arrivals that are not answered right by then are counted (``LoadRun.over``).

    Raises:
        ValueError: a number out of bounds; one line that says which.
    """

    arrivals: Arrivals
    deadline: float = 30.0
    max_in_flight: int = 64
    processes: int = 1
    client: ClientKind = ClientKind.DRIVER
    limit: float | None = None
    jobs: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.deadline <= 3600:
            raise ValueError(f"deadline must be greater than 0 and at most 3600 seconds, not {self.deadline:g}")
        if not 1 <= self.processes <= MOST_PROCESSES:
            raise ValueError(f"processes must be from 1 to {MOST_PROCESSES}, not {self.processes}")
        if not 0 <= self.jobs <= MOST_JOBS:
            raise ValueError(f"jobs must be from 1 to {MOST_JOBS}, or 0 for none, not {self.jobs}")
        if not self.parts <= self.max_in_flight <= MOST_IN_FLIGHT:
            each = "one for each process of each Job" if self.jobs else "one for each process"
            least = f"{self.parts} ({each})" if self.parts > 1 else "1"
            raise ValueError(f"max_in_flight must be from {least} to {MOST_IN_FLIGHT}, not {self.max_in_flight}")
        if self.limit is not None and not self.limit > 0:
            raise ValueError(f"limit must be greater than 0 seconds, not {self.limit:g}")

    @property
    def parts(self) -> int:
        """Generator processes in all."""
        return max(1, self.jobs) * self.processes


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What one load run came to.

    Attributes:
        achieved: right answers per second of the whole run, stragglers included.
        late: arrivals the generator itself took up more than ``LATE_SECONDS`` late.
        waited: arrivals that found all clients busy.
        over: arrivals that missed ``spec.limit``.
        lag: the generator's own delay of each arrival.
        invalid: why the figures say more of the generator than of the engine; empty when they do not.
        cpu_seconds: of the generator's processes.
        elapsed: seconds from the first intended start to the last answer.
        spread: seconds within which all generators began, at most; 0 where they have one clock.
    """

    spec: LoadSpec
    offered: int
    sent: int
    dropped: int
    late: int
    waited: int
    over: int
    outcomes: dict[Outcome, int]
    errors: dict[str, int]
    operations: dict[str, int]
    achieved: float
    corrected: LatencySummary
    uncorrected: LatencySummary
    lag: LatencySummary
    by_operation: dict[str, LatencySummary]
    problems: tuple[str, ...]
    invalid: str
    cpu_seconds: float
    elapsed: float
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class Sofar:
    """How far a load run has come."""

    offered: int
    done: int
    over: int


Watch = Callable[[Sofar], bool]
"""Called some times per second while load runs; true ends the run early."""


class Conduct(Protocol):
    """Runs the generators of a load run and adds up what they counted."""

    def __call__(self, engine: Engine, mixture: Mixture, spec: LoadSpec, watch: Watch) -> tuple[Tally, float]:
        """The sum, and the moment of ``time.monotonic()`` the schedule counted from."""
        ...


def fitting_client(engine: Engine, rate: float) -> ClientKind:
    """The client for a rate: the driver, as applications use it, up to ``WIRE_FROM`` arrivals per second.

    Raises:
        EngineError: the CA file cannot be used.
    """
    return ClientKind.WIRE if rate > WIRE_FROM and engine.wire() is not None else ClientKind.DRIVER


def run_load(engine: Engine, mixture: Mixture, spec: LoadSpec, conduct: Conduct, watch: Watch | None = None) -> LoadRun:
    """Offer the load and wait for every answer or its deadline.

    Args:
        engine: where to send.
        mixture: what to send.
        spec: arrivals and limits.
        conduct: where the generators run: ``benchmarks.processes.in_processes``, or in Jobs of a stack.
        watch: told how far it has come.

    Raises:
        EngineError: the CA file cannot be used.
        GeneratorError: a generator process ended without a result.
    """
    tally, began = conduct(engine, mixture, spec, watch or (lambda _: False))
    return summarize(tally, spec, elapsed=(tally.last or time.monotonic()) - began)


def summarize(tally: Tally, spec: LoadSpec, *, elapsed: float) -> LoadRun:
    """Counts and latencies of a finished run; ``elapsed``: seconds from the first intended start to the last answer."""
    whole = max(elapsed, spec.arrivals.duration if tally.offered == spec.arrivals.expected else 0.0)
    return LoadRun(
        spec=spec,
        offered=tally.offered,
        sent=tally.sent,
        dropped=tally.dropped,
        late=tally.late,
        waited=tally.waited,
        over=tally.over,
        outcomes={outcome: tally.outcomes[outcome] for outcome in Outcome},
        errors=dict(tally.errors.most_common()),
        operations=dict(sorted(tally.operations.items())),
        achieved=tally.outcomes[Outcome.OK] / whole if whole > 0 else 0.0,
        corrected=tally.corrected.summary(),
        uncorrected=tally.uncorrected.summary(),
        lag=tally.lag.summary(),
        by_operation={name: latencies.summary() for name, latencies in sorted(tally.by_operation.items())},
        problems=tuple(tally.problems),
        invalid=bottleneck(tally),
        cpu_seconds=tally.cpu_seconds,
        elapsed=whole,
        spread=tally.spread,
    )


def bottleneck(tally: Tally) -> str:
    """Why the generator, not the engine, made the figures; empty when it did not.

    It did when the 99th percentile of its own lag is longer than 2 ms *and* longer than a tenth of the 99th percentile
    of the corrected latency, so that it shows in what is reported. A percentile of few arrivals is a matter of luck:
    more than 1 % of them must have been later than the limit with 99 % confidence. That clients were all busy is no
    reason: then the engine was slower than the arrivals, which is what load is there to show.
    """
    limit = max(LAG_LIMIT, LAG_SHARE * (tally.corrected.at(99.0) or 0.0))
    late = tally.lag.above(limit)
    if not surely_more(late, tally.offered, 0.01):
        return ""
    lag = tally.lag.at(99.0) or 0.0
    return (
        f"the generator was the bottleneck: it took {late} of {tally.offered} arrivals up more than "
        f"{limit * 1e3:.3g} ms late (99th percentile {lag * 1e3:.3g} ms); use more processes or cores, or a lower rate"
    )
