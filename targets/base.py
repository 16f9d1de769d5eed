"""What a target is: engines that answer, and the means a fault may use there.

A *means* is a small protocol (stop this process, disturb this connection). A fault asks for the means it needs;
a target that does not have it makes the fault SKIPPED, so no code above this package asks which target it runs on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self, TypeVar, runtime_checkable

from engines import Engine
from targets.contract import Outputs


class TargetError(Exception):
    """The target cannot be used: one line that says what, where and what to do instead (exit code 3)."""


class BadOutputs(TargetError):
    """The outputs document is not one, or not of our version (exit code 2)."""


class MeansError(Exception):
    """An action on the target failed or could not be proven."""


class Unreachable(MeansError):
    """Whatever acts on the target does not answer, so what was asked may have happened or not."""


class StoreError(Exception):
    """The record of a revert cannot be written, read or locked; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One record of an ``EntryStore``: its key, what was put, and where it is, for messages."""

    key: str
    text: str
    place: str


class EntryStore(Protocol):
    """Keeps the records of reverts outside the process, for whoever reverts when the runner is gone.

    Every method raises ``StoreError``.
    """

    def put(self, key: str, subject: str, text: str) -> None:
        """Keep a record; returns only when it would survive this process.

        Args:
            key: unique.
            subject: what it concerns, where records are kept on objects: an object, or an engine's kind.
            text: JSON.
        """
        ...

    def remove(self, key: str, subject: str) -> None:
        """Forget a record; harmless when it is gone."""
        ...

    def all(self) -> Sequence[Kept]:
        """Every record, whoever put it."""
        ...

    def exclusive(self, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold the store against other runners.

        Args:
            patience: seconds to wait for a holder that may be dead; one that shows itself alive is not waited for.
        """
        ...


class ProcessState(StrEnum):
    """State of one engine process."""

    STARTING = "starting"
    RUNNING = "running"
    FROZEN = "frozen"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One engine process as its keeper sees it. ``started`` is the kernel's start time: pid + started is unique."""

    name: str  # trino-coordinator, trino-worker-1, clickhouse-server
    engine: str  # trino, clickhouse
    role: str  # coordinator, worker, server
    pid: int | None
    started: float | None
    state: ProcessState
    restarts: int
    rss_bytes: int | None = None


@runtime_checkable
class ProcessControl(Protocol):
    """Means: end and freeze engine processes. The keeper starts ended ones again, as a kubelet would."""

    def processes(self, engine: str) -> Sequence[ProcessInfo]:
        """Processes of one engine kind, coordinator first."""
        ...

    def kill(self, name: str) -> ProcessInfo:
        """SIGKILL the named process; returns what it was. The keeper starts it again."""
        ...

    def freeze(self, name: str, *, ttl: float) -> ProcessInfo:
        """SIGSTOP; the keeper sends SIGCONT by itself after ``ttl`` seconds."""
        ...

    def thaw(self, name: str) -> ProcessInfo:
        """SIGCONT; harmless when not frozen."""
        ...


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What to do to connections that pass the proxy.

    Attributes:
        kind: ``latency`` (``value`` seconds added each way), ``bandwidth`` (``value`` bytes per second and direction),
            ``blackhole`` (bytes vanish, connections stay open), ``reset`` (RST on every connection, old and new),
            ``refused`` (nothing listens).
        value: see ``kind``; 0 for the others.
        ttl: seconds after which the proxy ends it by itself.
    """

    kind: str
    ttl: float
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """One engine's proxy: what it does now, and counters since it started (they prove that a fault took effect).

    ``affected`` counts, per disturbance kind, the connections or chunks it has acted on since the proxy started.
    """

    engine: str
    port: int
    listening: bool
    active: Disturbance | None
    connections: int
    bytes_up: int
    bytes_down: int
    affected: Mapping[str, int]


@runtime_checkable
class NetworkControl(Protocol):
    """Means: disturb the connections between clients and one engine."""

    def proxy(self, engine: str) -> ProxyStatus:
        """State and counters of that engine's proxy."""
        ...

    def disturb(self, engine: str, disturbance: Disturbance) -> ProxyStatus:
        """Start one disturbance (it replaces any other)."""
        ...

    def restore(self, engine: str) -> ProxyStatus:
        """End any disturbance; harmless when there is none."""
        ...


@runtime_checkable
class Capacity(Protocol):
    """Means: tell whether an engine runs with everything it should have."""

    def full_capacity(self, engine: str) -> bool:
        """Whether every process, worker and replica of that engine takes queries now.

        Raises:
            MeansError: it cannot be told at the moment.
        """
        ...


Stretch = tuple[float, float]
"""From a moment to a later one."""


@dataclass(frozen=True, slots=True)
class AvailabilityTimeline:
    """What whoever runs an engine said about it over time; moments in seconds of ``time.monotonic()``.

    Every change is stamped when this process hears of it, by the clock that stamps the clients' attempts as well: what
    the news took to get here, some milliseconds, is an error of each moment.

    Attributes:
        began: first moment.
        ended: last moment.
        available: stretches in which clients were sent to the engine, in the order of time.
        all_ready: stretches in which everything that should run was ready.
        unobserved: stretches in which nobody would have told us; part of neither of the above.
        unmeasured: why nothing could be seen at all, one line; empty when something was.
    """

    began: float
    ended: float
    available: tuple[Stretch, ...] = ()
    all_ready: tuple[Stretch, ...] = ()
    unobserved: tuple[Stretch, ...] = ()
    unmeasured: str = ""


class AvailabilityWatch(Protocol):
    """One watch under way, or over."""

    def timeline(self) -> AvailabilityTimeline:
        """What was said so far."""
        ...


@runtime_checkable
class AvailabilityView(Protocol):
    """Means: be told whenever whoever runs an engine changes its mind about whether it is available."""

    def watch_availability(self, engine: str) -> AbstractContextManager[AvailabilityWatch]:
        """Watch from entering to leaving the context; its timeline stays.

        Nothing is raised for what cannot be watched: the timeline says so.
        """
        ...


@dataclass(frozen=True, slots=True)
class MonitoringEndpoint:
    """Where one part of the monitoring answers, as seen by this process."""

    part: str
    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@runtime_checkable
class MonitoringAccess(Protocol):
    """Means: ask the monitoring of the stack."""

    def monitoring_parts(self) -> Sequence[MonitoringEndpoint]:
        """The parts that the outputs document names."""
        ...


class Receiving(Protocol):
    """A receiver of alerts that listens."""

    def message(self) -> str:
        """What came; empty while nothing has.

        Raises:
            MeansError: nothing will come any more.
        """
        ...


@runtime_checkable
class AlertReceiver(Protocol):
    """Means: be told of a test alert as people would be told of others."""

    def receiving(self, marker: str) -> AbstractContextManager[Receiving]:
        """Listen, within the context, where Alertmanager sends test alerts; for a message that has the marker in it.

        Args:
            marker: unique, of lower-case letters and digits.

        Raises:
            MeansError: nobody can listen there.
        """
        ...


M = TypeVar("M")


class Target(ABC):
    """Where engines live. A context manager: entering makes it usable, leaving releases what entering took."""

    outputs: Outputs

    @property
    @abstractmethod
    def name(self) -> str:
        """``embedded`` or what the outputs document calls itself."""

    @property
    @abstractmethod
    def transport(self) -> str:
        """How clients reach the engines, for the report: ``local TCP proxy``, ``direct``, ``port-forward`` ..."""

    @abstractmethod
    def engines(self) -> Sequence[Engine]:
        """Adapters for the engines in use, in the order of the outputs document."""

    @property
    @abstractmethod
    def state_directory(self) -> Path:
        """Where ledgers are kept, outside this process."""

    def store(self) -> EntryStore:
        """Where the records of reverts are kept: files in ``state_directory`` unless a target knows better."""
        from targets.store import FileStore  # noqa: PLC0415 - it imports this module

        return FileStore(self.state_directory)

    def means(self, protocol: type[M]) -> M | None:
        """This target's implementation of a means, or ``None``."""
        return self if isinstance(self, protocol) else None

    @abstractmethod
    def open(self) -> None:
        """Make the target usable.

        Raises:
            TargetError: it cannot be.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what ``open`` took; may be called twice."""

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
