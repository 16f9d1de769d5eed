"""Engine metrics around each fault: what Prometheus has recorded of memory, queries, workers and parts.

They are asked for once the last experiment is over, because a value is there only after it was scraped and computed:
asked at an experiment's end, the recovery would be missing. That Prometheus keeps what it has is its purpose.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from faults.experiment import Record
from runner.results import EngineMetrics, Experiment, MetricSeries
from runner.results.engine_metrics import MOST_POINTS, Unit
from targets.base import Target
from targets.monitoring import MonitoringError, part_of
from targets.monitoring.clock import Clock
from targets.monitoring.prometheus import Line, Prometheus

BEFORE = 60.0
"""Seconds before the injection that belong to an experiment."""
AFTER = 30.0
"""Seconds after its end that do, unless the next injection comes before."""
STEP = 5.0  # seconds; scrapes are 15 apart, so a value is at most this much late
MOST_PODS = 8


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing to ask for.

    Attributes:
        words: what it is called in reports.
        unit: of its values.
        query: PromQL; ``NAMESPACE`` stands for the engine's.
        by: label whose values have a series each.
        engine: kind of the only engine that has it; empty: all have it.
    """

    words: str
    unit: Unit
    query: str
    by: str = ""
    engine: str = ""


def _recorded(name: str) -> str:
    return f'{name}{{namespace="NAMESPACE"}}'


MEASURES = (
    Measure(
        "memory",
        "bytes",
        'sum by (pod) (container_memory_working_set_bytes{namespace="NAMESPACE",container!=""})',
        by="pod",
    ),
    Measure("queries running", "queries", _recorded("engine:queries_running:count")),
    Measure("queries failed", "queries per second", _recorded("engine:queries_failed:rate1m")),
    Measure("workers active", "workers", _recorded("engine:workers_active:count"), engine="trino"),
    Measure("parts", "parts", _recorded("engine:parts_per_partition:max"), engine="clickhouse"),
)
"""In the order of the report. Recorded series are described in ``docs/monitoring.md``."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Of one experiment; moments of ``time.monotonic()``."""

    engine: str
    started: float
    injected: float
    concluded: float


class MetricsAround:
    """Collects the experiments of a run and adds their metrics; does nothing where there is no Prometheus.

    Args:
        target: an open target.
        say: tells people.
    """

    def __init__(self, target: Target, say: Callable[[str], None]) -> None:
        part = part_of(target, "prometheus")
        self._prometheus = Prometheus(part) if part else None
        self._namespaces = {engine.kind: engine.namespace for engine in target.outputs.engines}
        self._say = say
        self._stretches: dict[float, _Stretch] = {}

    def note(self, record: Record) -> None:
        """One experiment is over now."""
        if record.injected is not None:
            stretch = _Stretch(record.fault.engine, record.started, record.injected, time.monotonic())
            self._stretches[record.wall_started] = stretch

    def added(self, experiments: Sequence[Experiment]) -> list[Experiment]:
        """The experiments, those that were noted with their metrics."""
        if self._prometheus is None or not self._stretches:
            return list(experiments)
        try:
            clock = self._prometheus.clock()
        except MonitoringError as error:
            self._complain(error)
            missing = EngineMetrics(not_measured=str(error))
            found = dict.fromkeys(self._stretches, missing)
        else:
            found = self._all(self._prometheus, clock)
        return [
            one.model_copy(update={"metrics": found[one.started_at]}) if one.started_at in found else one
            for one in experiments
        ]

    def _all(self, prometheus: Prometheus, clock: Clock) -> dict[float, EngineMetrics]:
        found: dict[float, EngineMetrics] = {}
        nexts = [*(one.injected for one in self._stretches.values()), math.inf][1:]
        for (key, one), following in zip(self._stretches.items(), nexts, strict=True):
            until = min(time.monotonic(), one.concluded + AFTER, following)
            try:
                found[key] = self._one(prometheus, clock, one, until)
            except MonitoringError as error:
                if not any(other.not_measured for other in found.values()):
                    self._complain(error)
                found[key] = EngineMetrics(not_measured=str(error))
        return found

    def _one(self, prometheus: Prometheus, clock: Clock, stretch: _Stretch, until: float) -> EngineMetrics:
        begin = min(stretch.started, stretch.injected - BEFORE)
        step = max(STEP, math.ceil((until - begin) / (MOST_POINTS - 1)))
        start, end = clock.theirs(begin), clock.theirs(until)
        series: list[MetricSeries] = []
        missing: list[str] = []
        for measure in MEASURES:
            if measure.engine in {"", stretch.engine}:
                query = measure.query.replace("NAMESPACE", self._namespaces[stretch.engine])
                lines = _largest(prometheus.lines(query, start, end, step))
                series += [_series(measure, line, start, step) for line in lines]
                missing += [] if lines else [measure.words]
        return EngineMetrics(
            start_seconds=round(begin - stretch.started, 3),
            step_seconds=step,
            series=tuple(series),
            missing=tuple(missing),
        )

    def _complain(self, error: MonitoringError) -> None:
        self._say(f"engine metrics: not measured: {error}; the run goes on without")


def _largest(lines: Sequence[Line]) -> list[Line]:
    """Those with the largest values where there are too many, in the order of their names."""
    kept = sorted(lines, key=lambda line: -max(value for _, value in line.values))[:MOST_PODS]
    return sorted(kept, key=lambda line: sorted(line.labels.items()))


def _series(measure: Measure, line: Line, start: float, step: float) -> MetricSeries:
    at: Mapping[int, float] = {round((moment - start) / step): value for moment, value in line.values}
    values = [_short(at.get(index), measure.unit) for index in range(max(at) + 1)]
    return MetricSeries(
        measure=measure.words, of=line.labels.get(measure.by, ""), unit=measure.unit, values=tuple(values)
    )


def _short(value: float | None, unit: Unit) -> float | None:
    """As many digits as say something."""
    if value is None:
        return None
    return float(round(value)) if unit == "bytes" else float(f"{value:.4g}")
