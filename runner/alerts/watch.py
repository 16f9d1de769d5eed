"""Looks at the alerts over and over while an experiment runs: what is on, what Alertmanager has, when nobody answered.

When alerts changed is read afterwards from Prometheus' own record, which no cut connection can make holes in; these
looks tell how long to wait, what reached Alertmanager, and whether Prometheus was there at all.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from targets.base import Stretch
from targets.monitoring import MonitoringError
from targets.monitoring.alertmanager import Alertmanager, Received
from targets.monitoring.prometheus import AlertNow, Prometheus

PERIOD = 2.0
_Key = tuple[str, frozenset[tuple[str, str]]]
_LOOKS_MISSED = 3  # in a row, before it counts as not observed


class AlertWatch:
    """Looks from entering to leaving the context; what it saw stays. Moments are of ``time.monotonic()``.

    Args:
        prometheus: to look at.
        alertmanager: to look at as well, where there is one.
        period: seconds between two looks.
    """

    def __init__(self, prometheus: Prometheus, alertmanager: Alertmanager | None, *, period: float = PERIOD) -> None:
        self._prometheus, self._alertmanager, self._period = prometheus, alertmanager, period
        self._longest = _LOOKS_MISSED * period
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._began = time.monotonic()
        self._answered: list[float] = []
        self._now: dict[_Key, tuple[AlertNow, float]] = {}
        self._fired: set[tuple[str, str]] = set()
        self._received: list[tuple[float, Received]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def active(self, *, since: float) -> list[AlertNow]:
        """Alerts that were pending or firing at the last look that succeeded, and first seen so after a moment."""
        with self._lock:
            return [alert for alert, first in self._now.values() if first > since]

    def lost(self) -> bool:
        """Whether Prometheus answered once, and has not lately."""
        with self._lock:
            last = self._answered[-1] if self._answered else math.inf
        return time.monotonic() - last > self._longest

    def fired(self, name: str, namespace: str) -> bool:
        """Whether that alert on that namespace was seen firing at any look."""
        with self._lock:
            return (name, namespace) in self._fired

    def notified(self, name: str, labels: Mapping[str, str], since: float) -> tuple[float | None, bool]:
        """When Alertmanager was first seen to have an alert since a moment, and whether it told nobody of it."""
        with self._lock:
            found = [(at, one) for at, one in self._received if at >= since and _same(one, name, labels)]
        if not found:
            return None, False
        return found[0][0], all(one.suppressed for _, one in found)

    def gaps(self, until: float) -> tuple[Stretch, ...]:
        """When Prometheus did not answer, up to a moment."""
        with self._lock:
            moments = [self._began, *self._answered, max(until, self._began)]
        return tuple(pair for pair in itertools.pairwise(moments) if pair[1] - pair[0] > self._longest)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(self._period)

    def _look(self) -> None:
        asked = time.monotonic()
        alerts, received = self._alerts(), self._held()
        with self._lock:
            if alerts is not None:
                self._answered.append(asked)
                known = self._now
                self._now = {key: (one, known[key][1] if key in known else asked) for key, one in _keyed(alerts)}
                self._fired |= {(one.name, one.labels.get("namespace", "")) for one in alerts if one.state == "firing"}
            self._received += [(asked, one) for one in received]

    def _alerts(self) -> list[AlertNow] | None:
        try:
            return self._prometheus.alerts()
        except MonitoringError:
            return None  # a gap says so

    def _held(self) -> list[Received]:
        try:
            return self._alertmanager.alerts() if self._alertmanager else []
        except MonitoringError:
            return []  # seen later, or never: then nothing is said of when it was notified


def _keyed(alerts: Iterable[AlertNow]) -> Iterator[tuple[_Key, AlertNow]]:
    return (((one.name, frozenset(one.labels.items())), one) for one in alerts)


def _same(received: Received, name: str, labels: Mapping[str, str]) -> bool:
    """Alertmanager's labels are Prometheus' own and those that Prometheus adds to everything it sends."""
    return received.name == name and labels.items() <= received.labels.items()
