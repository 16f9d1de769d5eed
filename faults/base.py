"""What a fault is: a mechanism, its proof, its revert, and the proof of that."""

from __future__ import annotations

import importlib
import pkgutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from targets.base import MeansError, Target


class Kind(StrEnum):
    """Layer that a fault strikes, the test types of ``recovery_test.py``."""

    SERVICE = "service"
    POD = "pod"
    NODE = "node"
    NETWORK = "network"
    STORAGE = "storage"


class NotPossible(Exception):
    """The fault cannot be injected here; the message is the reason shown with SKIPPED."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How hard and how long.

    Attributes:
        hold: seconds an injection lasts before it is reverted (faults that are over at once ignore it).
        ttl: seconds after which an injection ends by itself, whatever becomes of the runner; longer than ``hold``.
        latency: seconds added in each direction by the latency fault. A statement costs Trino some seven
            round trips, which must fit the probe's deadline for the fault to slow clients and not to cut them off.
        bandwidth: bytes per second and direction that the bandwidth fault leaves to all connections together.
    """

    hold: float = 3.0
    ttl: float = 30.0
    latency: float = 0.05
    bandwidth: float = 10_000.0


class Fault(ABC):
    """One fault bound to one component of one engine of one target. Subclasses with a ``name`` register themselves.

    Everything a revert needs is in (target, engine, component) and in what ``remember`` returned: ``recover`` builds a
    new instance from a ledger entry, in another process, gives it ``key`` and ``recall``, and calls ``revert``.

    Attributes:
        means: the protocol without which it cannot strike; ``None``: ``components`` finds out by itself.
        along: the engine's other components that it strikes as a whole, for they are nowhere else; known once it is
            ready. What clients see of it is then no measure of ``component`` alone.
        key: unique; what exists for this injection only carries it.
        proof_seconds: how long the injection and its revert may take to show, where the plan gives less.
        recovery_seconds: how long the recovery may take beyond the hold, where the plan gives less.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    summary: ClassVar[str]
    momentary: ClassVar[bool] = False  # over as soon as it is injected, so there is nothing to hold
    means: ClassVar[type | None] = None
    on_request: ClassVar[bool] = False  # not among those that a kind or comprehensive means
    proof_seconds: ClassVar[float] = 0.0
    recovery_seconds: ClassVar[float] = 0.0
    registry: ClassVar[dict[str, type[Fault]]] = {}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if name := cls.__dict__.get("name"):
            Fault.registry[name] = cls

    def __init__(self, target: Target, engine: str, component: str, tuning: Tuning) -> None:
        self.target = target
        self.engine = engine
        self.component = component
        self.tuning = tuning
        self.along: tuple[str, ...] = ()
        self.key = uuid.uuid4().hex[:12]

    @classmethod
    @abstractmethod
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        """What of that engine this fault can strike.

        Raises:
            NotPossible: nothing here; the reason is for people.
        """

    @abstractmethod
    def preflight(self) -> None:
        """Make sure that it can be injected now, changing nothing.

        Raises:
            NotPossible: it cannot.
        """

    @abstractmethod
    def inject(self) -> None:
        """Make the change.

        Raises:
            MeansError: it could not be made.
        """

    @abstractmethod
    def proof(self) -> str:
        """What shows that the injection took effect; empty while nothing does. Polled."""

    @abstractmethod
    def revert(self) -> None:
        """Undo it; harmless when it was never made or is undone already.

        Raises:
            MeansError: it could not be undone.
        """

    @abstractmethod
    def revert_proof(self) -> str:
        """What shows that nothing of it is left; empty while something is. Polled."""

    def plan(self) -> str:
        """What it would do to which object, for people, one line for each object; changes nothing.

        Raises:
            NotPossible, MeansError: it cannot be told.
        """
        return f"{self.subject or f'{self.engine}/{self.component}'}: {self.summary}"

    @property
    def subject(self) -> str:
        """The object that the revert is recorded on, where records are kept on objects; empty: the store decides."""
        return ""

    def remember(self) -> str:
        """What the revert needs to know of the state before, as JSON; called before the injection is recorded.

        Raises:
            MeansError: it cannot be read, so nothing may be injected.
        """
        return ""

    def recall(self, original: str) -> None:
        """Take over what ``remember`` returned, in another process.

        Raises:
            MeansError: it is not that.
        """
        if original:
            raise MeansError(f"{self.name} remembers nothing, yet the record has {original[:80]!r}")

    @property
    def label(self) -> str:
        """Unique within a run: ``trino/worker/kill``."""
        return f"{self.engine}/{self.component}/{self.name}"


def fault_classes() -> dict[str, type[Fault]]:
    """Every fault by name. Importing the package's modules registers them: a new fault is one new file."""
    import faults  # noqa: PLC0415 - the package imports this module first

    for module in pkgutil.iter_modules(faults.__path__):
        if not module.name.endswith("_test"):  # scripts
            importlib.import_module(f"faults.{module.name}")
    return dict(sorted(Fault.registry.items()))
