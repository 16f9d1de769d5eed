"""What a scaling is asked and comes to, and the record of the change it makes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from benchmarks.openloop import Attempt
from faults.base import NotPossible
from faults.ledger import Entry, Ledger
from faults.observer import wait_until
from faults.scaling import Resize, ScaleOut
from targets.base import MeansError


class Way(StrEnum):
    """Direction of a step."""

    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``seconds`` from what started the way, ``None`` when it did not come within its limit."""

    way: Way
    name: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ScalePlan:
    """Loads (arrivals per second) and limits (seconds).

    How much a rate means depends on the size of the pods, so both follow from how long a statement takes alone.

    Attributes:
        rate: of the load that makes the autoscaler act; without it as many as one client could send one after another.
        calm_rate: at most, of the load before, after, and while scaled by hand.
        calm: how long latency is measured before anything is scaled.
        limit: for each way.
        latency_limit: for latency to recover once the worker is active.
        deadline: of a statement, from its intended start.
        clients: at most.
    """

    rate: float | None
    calm_rate: float
    calm: float = 15.0
    limit: float = 600.0
    latency_limit: float = 120.0
    deadline: float = 60.0
    clients: int = 16


@dataclass(slots=True)
class ScaleRecord:
    """What one scaling came to; ``began`` in seconds since the epoch, attempts in the order of intended starts."""

    name: str
    engine: str
    component: str
    description: str
    began: float
    seconds: float = 0.0
    reason: str = ""
    skipped: bool = False
    complete: bool = False
    before: str = ""
    after: str = ""
    rate: float | None = None
    evidence: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    calm: list[Attempt] = field(default_factory=list)
    out: list[Attempt] = field(default_factory=list)
    back: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Size:
    """Workers at one moment, as the autoscaler, the workload, its pods and the engine itself count them.

    ``active`` is ``None`` while the engine does not answer.
    """

    wanted: int
    replicas: int
    ready: int
    pods: int
    active: int | None


class Change:
    """A change that is on record while it is made, and put back and proven on every way out."""

    def __init__(self, ledger: Ledger, fault: ScaleOut | Resize) -> None:
        self._ledger, self._fault = ledger, fault
        self._entry: Entry | None = None
        self._proof = ""

    def __enter__(self) -> Self:
        fault = self._fault
        original = fault.remember()
        self._entry = self._ledger.record(
            fault.name,
            fault.engine,
            fault.component,
            created_at=time.time(),
            ttl=fault.tuning.ttl,
            key=fault.key,
            subject=fault.subject,
            original=original,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.proven(self._fault.proof_seconds)
        if not self._proof:
            raise MeansError(f"{self._fault.label}: not proven that everything is as before; use recover")

    def proven(self, limit: float) -> str:
        """What shows that all is as before; empty when nothing does within the limit (seconds)."""

        def shows() -> bool:
            try:
                self._fault.revert()
                self._proof = self._fault.revert_proof()
            except (MeansError, NotPossible):
                return False  # tried again until the limit; recover does the rest
            return bool(self._proof)

        if not self._proof and wait_until(shows, limit, interval=0.5) and self._entry is not None:
            self._ledger.clear(self._entry)
        return self._proof
