"""Prometheus' HTTP API, as far as alerts need it (prometheus.io/docs/prometheus/latest/querying/api)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from targets.base import Stretch
from targets.monitoring.clock import Clock, measure_clock
from targets.monitoring.http import Part

STEP = 1.0
"""Seconds between two looks into the past: the resolution of every moment in a history."""
_MOST_POINTS = 10_000  # Prometheus refuses more than 11,000 for one series
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NO_LABEL = frozenset({"__name__", "alertstate"})

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule that is loaded. ``hold``: its ``for``; ``interval``: of its group's evaluation; in seconds."""

    name: str
    hold: float
    interval: float
    health: str


@dataclass(frozen=True, slots=True)
class AlertNow:
    """An alert as it is now; ``state`` is ``pending`` or ``firing``."""

    name: str
    labels: Labels
    state: str


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """An alert as it was: when it was pending and when it fired, by Prometheus' clock, each to within ``STEP``."""

    name: str
    labels: Labels
    pending: tuple[Stretch, ...]
    firing: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """How often and how patiently a target is scraped, in seconds."""

    namespace: str
    interval: float
    timeout: float


class Prometheus:
    """Asks one Prometheus; every method raises ``MonitoringError``.

    Args:
        part: where it answers.
    """

    def __init__(self, part: Part) -> None:
        self._part = part

    def clock(self) -> Clock:
        """Its clock against ours."""
        return measure_clock(self._time)

    def alerts(self) -> list[AlertNow]:
        """All alerts that are pending or firing."""
        path = "/api/v1/alerts"
        answer = self._part.ask("GET", path)
        with self._part.reading(path):
            return [AlertNow(*_named(one["labels"]), str(one["state"])) for one in answer["data"]["alerts"]]

    def rules(self) -> list[Rule]:
        """All alerting rules."""
        path = "/api/v1/rules"
        answer = self._part.ask("GET", path, query={"type": "alert"})
        with self._part.reading(path):
            return [
                Rule(str(rule["name"]), float(rule["duration"]), float(group["interval"]), str(rule["health"]))
                for group in answer["data"]["groups"]
                for rule in group["rules"]
            ]

    def scrapes(self) -> list[Scrape]:
        """How all active targets are scraped."""
        path = "/api/v1/targets"
        answer = self._part.ask("GET", path, query={"state": "active"})
        with self._part.reading(path):
            return [
                Scrape(
                    str(one["labels"].get("namespace", "")),
                    seconds(one["scrapeInterval"]),
                    seconds(one["scrapeTimeout"]),
                )
                for one in answer["data"]["activeTargets"]
            ]

    def history(self, selectors: Sequence[str], start: float, end: float) -> list[AlertHistory]:
        """What its own record ``ALERTS`` says.

        Args:
            selectors: label matchers without braces; alerts that one of them selects.
            start: first moment, by Prometheus' clock, seconds since the epoch.
            end: last moment.
        """
        path = "/api/v1/query_range"
        step = max(STEP, math.ceil((end - start) / _MOST_POINTS))
        # The last moment asked for is the end itself: what has only just begun to fire is in it.
        first = end - math.ceil(max(0.0, end - start) / step) * step
        query = {
            "query": " or ".join(f"ALERTS{{{one}}}" for one in selectors),
            "start": f"{first:.3f}",
            "end": f"{end:.3f}",
            "step": f"{step:g}",
        }
        answer = self._part.ask("GET", path, query=query)
        with self._part.reading(path):
            return _histories(answer["data"]["result"], step, end)

    def _time(self) -> float:
        path = "/api/v1/query"
        answer = self._part.ask("GET", path, query={"query": "time()"})
        with self._part.reading(path):
            return float(answer["data"]["result"][1])


def seconds(duration: str) -> float:
    """A duration as Prometheus writes it (``1m30s``), in seconds.

    Raises:
        ValueError: it is none.
    """
    pieces = re.findall(r"(\d+)(ms|[smhd])", duration)
    if not pieces or "".join(number + unit for number, unit in pieces) != duration:
        raise ValueError(f"{duration!r} is not a duration like 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in pieces)


def _named(labels: Mapping[str, Any]) -> tuple[str, Labels]:
    kept = {str(name): str(value) for name, value in labels.items() if name not in _NO_LABEL}
    return kept.pop("alertname"), kept


def _histories(series: Iterable[Mapping[str, Any]], step: float, end: float) -> list[AlertHistory]:
    """Series of the two states of one alert, brought together."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, tuple[Stretch, ...]]] = {}
    for one in series:
        name, labels = _named(one["metric"])
        states = found.setdefault((name, tuple(sorted(labels.items()))), {})
        states[str(one["metric"]["alertstate"])] = _stretches([float(at) for at, _ in one["values"]], step, end)
    return [
        AlertHistory(name, dict(labels), states.get("pending", ()), states.get("firing", ()))
        for (name, labels), states in found.items()
    ]


def _stretches(moments: Sequence[float], step: float, end: float) -> tuple[Stretch, ...]:
    """Points in time as stretches: those of one are ``step`` apart, and it began up to a step before the first."""
    stretches: list[Stretch] = []
    for at in moments:
        until = min(at + step, end)
        if stretches and at <= stretches[-1][1] + step / 2:
            stretches[-1] = stretches[-1][0], until
        else:
            stretches.append((at, until))
    return tuple(stretches)
