"""Marks of injections where people look: a window in Grafana, begun with the injection and ended with it.

A mark ends by itself when the injection would, whatever becomes of the runner; ``recover`` ends it earlier, by the name
that the ledger keeps of it.
"""

from __future__ import annotations

import time
from typing import Protocol

from faults.base import Fault
from faults.ledger import Entry
from targets.base import Target
from targets.monitoring import MonitoringError, part_of
from targets.monitoring.grafana import Grafana

_PREFIX = "grafana:"


class Marks(Protocol):
    """Where injections are marked. Nothing is raised: a mark that cannot be made is none."""

    def begin(self, fault: Fault) -> str:
        """Mark that an injection begins; returns the mark's name, or nothing."""
        ...

    def end(self, mark: str, at: float) -> None:
        """The injection was over at that moment of ``time.monotonic()``."""
        ...

    def drop(self, mark: str) -> None:
        """Nothing was injected after all."""
        ...


class NoMarks:
    """Implements ``Marks`` where there is nobody to tell."""

    def begin(self, fault: Fault) -> str:  # noqa: ARG002 - nobody is told
        """See ``Marks.begin``."""
        return ""

    def end(self, mark: str, at: float) -> None:
        """See ``Marks.end``."""

    def drop(self, mark: str) -> None:
        """See ``Marks.drop``."""


def grafana_mark(identity: int) -> str:
    """The name of an annotation."""
    return f"{_PREFIX}{identity}"


def annotation(mark: str) -> int | None:
    """The annotation behind a name; ``None`` when it names none."""
    number = mark.removeprefix(_PREFIX)
    return int(number) if mark.startswith(_PREFIX) and number.isdecimal() else None


def end_mark(target: Target, entry: Entry) -> str:
    """End the mark of an injection whose runner is gone; returns what went wrong, or nothing.

    An injection never outlasts its TTL, and its mark ends then by itself: it is only ever moved to an earlier moment.
    """
    identity, now = annotation(entry.mark), time.time()
    part = part_of(target, "grafana") if identity is not None and now < entry.created_at + entry.ttl else None
    if part is None or identity is None:
        return ""
    try:
        Grafana(part).move_end(identity, now)
    except MonitoringError as error:
        return str(error)
    return ""
