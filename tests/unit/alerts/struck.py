"""Faults that do nothing but have a name, and records of experiments with them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from faults.base import Fault, Kind, Tuning
from faults.experiment import Record, Status
from faults.timeline import Measures
from targets.base import Target


class Struck(Fault):
    """Struck by nothing."""

    summary = "nothing happens"

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return ["all"]

    @override
    def preflight(self) -> None:
        """It can be."""

    @override
    def inject(self) -> None:
        """Nothing."""

    @override
    def proof(self) -> str:
        return "nothing was done"

    @override
    def revert(self) -> None:
        """Nothing."""

    @override
    def revert_proof(self) -> str:
        return "nothing was undone"


def struck(
    target: Target, name: str, engine: str = "trino", component: str = "coordinator", kind: Kind = Kind.POD
) -> Fault:
    """A fault that is called so; not registered."""
    fault = Struck(target, engine, component, Tuning())
    fault.name, fault.kind = name, kind  # type: ignore[misc]
    return fault


def measures(detection: float | None, rto: float, *, censored: bool = False) -> Measures:
    """As they would have been measured."""
    return Measures(
        detection=detection, unavailable=rto, availability=0.5, rto=rto, rto_uncertainty=0.1, censored=censored
    )


def record(fault: Fault, *, confirmed: float = -100.0, reverted: float = -10.0, **changes: Any) -> Record:
    """An experiment that is over now; moments in seconds from now."""
    now = time.monotonic()
    made = Record(fault, 0.1, 0.5, time.time() + confirmed - 10, now + confirmed - 10)
    made.finished, made.status = now, Status.COMPLETED
    made.injected, made.confirmed, made.reverted = now + confirmed - 0.5, now + confirmed, now + reverted
    made.measures = measures(0.5, reverted - confirmed + 1)
    for name, value in changes.items():
        setattr(made, name, value)
    return made
