"""What is recorded of each engine: names, units and meanings, the same for all engines."""

from __future__ import annotations

from collections.abc import Mapping

from components.rules.model import Recording

_SHARE = "share, 0 to 1"
# Name to unit and meaning.
SERIES: Mapping[str, tuple[str, str]] = {
    "engine:up:bool": ("1 or 0", "Whether the engine answers its scrapes."),
    "engine:workers_active:count": ("workers", "Workers that the coordinator can use."),
    "engine:workers_expected:count": ("workers", "Workers that there should be."),
    "engine:available:bool": (
        "1 or 0",
        "Whether the engine can serve: Trino needs its coordinator and a worker, ClickHouse its server.",
    ),
    "engine:queries_finished:rate5m": ("queries per second", "Queries that ended, well or not."),
    "engine:queries_failed:rate5m": (
        "queries per second",
        "Queries that failed: Trino without its users' mistakes, ClickHouse with them.",
    ),
    "engine:queries_failed:rate1m": (
        "queries per second",
        "The same over the last minute: what belongs to one short outage.",
    ),
    "engine:query_errors:ratio_rate5m": (_SHARE, "Failed queries of all that ended."),
    "engine:query_duration_seconds:mean5m": ("seconds", "Mean time that queries took; nothing while none ends."),
    "engine:query_duration_seconds:p95_5m": (
        "seconds",
        "95th percentile of the time that queries took (Trino only).",
    ),
    "engine:queries_running:count": ("queries", "Queries that run."),
    "engine:queries_queued:count": ("queries", "Queries that wait for others to end (Trino only)."),
    "engine:parts_per_partition:max": ("parts", "Parts in the partition that has most (ClickHouse only)."),
    "engine:served:ratio": (
        _SHARE,
        "How much of its service the engine gives right now; what the error budget is counted in.",
    ),
}


def recordings(labels: Mapping[str, str], expressions: Mapping[str, str]) -> tuple[Recording, ...]:
    """Rules that record series of :data:`SERIES`, with these labels, in this order."""
    return tuple(Recording(name, text, *SERIES[name], labels) for name, text in expressions.items())
