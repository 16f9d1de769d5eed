"""What Prometheus had recorded of an engine around one experiment, in the results document."""

from __future__ import annotations

from typing import Literal

from runner.results.base import Model

MOST_POINTS = 200
"""Values of one series at most; a long experiment has larger steps between them."""

Unit = Literal["bytes", "queries", "queries per second", "workers", "parts"]


class MetricSeries(Model):
    """One measure at even distances of time; ``None``: Prometheus had no value then.

    ``measure``: in words. ``of``: the pod, where each has its own. ``unit``: of the values.
    """

    measure: str
    of: str = ""
    unit: Unit
    values: tuple[float | None, ...]


class EngineMetrics(Model):
    """The struck engine's metrics, from before the injection until after the recovery.

    ``not_measured`` says why there are none, or is empty. The first value of every series is of ``start_seconds`` from
    the experiment's start (negative before it), corrected by how far Prometheus' clock is from the runner's; the others
    follow at distances of ``step_seconds``. A value is the last that was scraped or computed by then. ``missing``:
    measures of which Prometheus had no value at all.
    """

    not_measured: str = ""
    start_seconds: float = 0.0
    step_seconds: float = 1.0
    series: tuple[MetricSeries, ...] = ()
    missing: tuple[str, ...] = ()
