"""The engine's metrics around an experiment, in words and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runner.report.kubernetes import NOT_MEASURED
from runner.report.units import NONE, number, rate, size
from runner.results import EngineMetrics, MetricSeries

EXPLANATION = (
    "Engine metrics are what Prometheus had last scraped or computed, so they follow with a delay of up to two scrape "
    "intervals; each lane reaches from 0 to its largest value."
)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One series: its lowest and highest value in each phase of the experiment."""

    measure: str
    of: str
    before: str
    during: str
    after: str


def moments(view: EngineMetrics, series: MetricSeries) -> Iterator[tuple[float, float | None]]:
    """(seconds since the experiment's start, value) of a series."""
    for index, value in enumerate(series.values):
        yield view.start_seconds + index * view.step_seconds, value


def metric_rows(view: EngineMetrics | None, during: tuple[float, float] | None) -> tuple[MetricRow, ...]:
    """A row for each series; ``during``: from the injection to revert and recovery, since the experiment's start."""
    if view is None or during is None:
        return ()
    return tuple(
        MetricRow(
            one.measure,
            one.of,
            *(_span(view, one, low, high) for low, high in ((-1e9, during[0]), during, (during[1], 1e9))),
        )
        for one in view.series
    )


def details(view: EngineMetrics) -> str:
    """One line about what there is and what is missing."""
    if view.not_measured:
        return f"{NOT_MEASURED}: {view.not_measured}"
    missing = f"Prometheus has no value of: {', '.join(view.missing)}"
    if not view.series:
        return f"{NOT_MEASURED}: {missing}"
    count = len({one.measure for one in view.series})
    return f"{count} of {count + len(view.missing)} measured" + (f"; {missing}" if view.missing else "")


def shown(value: float, unit: str) -> str:
    """A value with its unit, as short as it gets."""
    if unit == "bytes":
        return size(round(value))
    return rate(value) if unit == "queries per second" else number(value)


def _span(view: EngineMetrics, series: MetricSeries, low: float, high: float) -> str:
    values = [value for at, value in moments(view, series) if value is not None and low <= at < high]
    if not values:
        return NONE
    ends = [shown(value, series.unit) for value in (min(values), max(values))]
    return " – ".join(dict.fromkeys(ends))
