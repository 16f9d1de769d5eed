"""ClickHouse: is the server there, does it take inserts, does merging keep up, is there room?

Names of metrics: those of the server's own endpoint, ``ClickHouseMetrics_`` (gauges), ``ClickHouseProfileEvents_``
(counters) and ``ClickHouseAsyncMetrics_`` (gauges, computed now and then).
"""

from __future__ import annotations

from components.rules.model import Alert, Group, Recording, Rule
from components.rules.scope import Scope, selector

METRICS, EVENTS, ASYNC = "ClickHouseMetrics", "ClickHouseProfileEvents", "ClickHouseAsyncMetrics"
# Half of what makes the server slow inserts down (parts_to_delay_insert, 1000 by default).
PARTS = 500
FREE = 0.1


def group(scope: Scope) -> Group:
    """All rules on ClickHouse."""
    return Group("clickhouse", (*_recordings(scope), *_alerts(scope)))


def server(scope: Scope) -> str:
    """Selects the series that the server shows."""
    return selector({"namespace": scope.clickhouse, "job": "clickhouse"})


def recorded(scope: Scope, name: str) -> str:
    """Selects one of the series recorded for ClickHouse."""
    return name + selector(scope.labels("clickhouse"))


def _recordings(scope: Scope) -> tuple[Rule, ...]:
    one = server(scope)
    finished, failed = (recorded(scope, f"engine:queries_{end}:rate5m") for end in ("finished", "failed"))
    # All queries, the failed ones too.
    queries = f"sum(rate({EVENTS}_Query{one}[5m]))"

    def record(name: str, expression: str, unit: str, meaning: str) -> Recording:
        return Recording(name, expression, unit, meaning, scope.labels("clickhouse"))

    return (
        record("engine:up:bool", f"max(up{one}) or vector(0)", "1 or 0", "Whether the engine answers its scrapes."),
        record(
            "engine:available:bool",
            recorded(scope, "engine:up:bool"),
            "1 or 0",
            "Whether the engine can serve: Trino needs its coordinator and a worker, ClickHouse its server.",
        ),
        record(
            "engine:queries_finished:rate5m",
            f"{queries} or vector(0)",
            "queries per second",
            "Queries that ended, well or not.",
        ),
        record(
            "engine:queries_failed:rate5m",
            f"sum(rate({EVENTS}_FailedQuery{one}[5m])) or vector(0)",
            "queries per second",
            "Queries that failed: Trino without its users' mistakes, ClickHouse with them.",
        ),
        record(
            "engine:queries_failed:rate1m",
            f"sum(rate({EVENTS}_FailedQuery{one}[1m])) or vector(0)",
            "queries per second",
            "The same over the last minute: what belongs to one short outage.",
        ),
        record(
            "engine:query_errors:ratio_rate5m",
            f"{failed} / clamp_min({finished}, 0.001)",
            "share, 0 to 1",
            "Failed queries of all that ended.",
        ),
        record(
            "engine:query_duration_seconds:mean5m",
            f"sum(rate({EVENTS}_QueryTimeMicroseconds{one}[5m])) / ({queries} > 0) / 1000000",
            "seconds",
            "Mean time that queries took; nothing while none ends.",
        ),
        record(
            "engine:queries_running:count",
            f"max({METRICS}_Query{one}) or vector(0)",
            "queries",
            "Queries that run.",
        ),
        record(
            "engine:parts_per_partition:max",
            f"max({ASYNC}_MaxPartCountForPartition{one})",
            "parts",
            "Parts in the partition that has most (ClickHouse only).",
        ),
        record(
            "engine:served:ratio",
            # Which errors are its users' own, ClickHouse's metrics do not tell: only its absence counts.
            recorded(scope, "engine:available:bool"),
            "share, 0 to 1",
            "How much of its service the engine gives right now; what the error budget is counted in.",
        ),
    )


def _alerts(scope: Scope) -> tuple[Rule, ...]:
    one, labels = server(scope), scope.labels("clickhouse")
    readonly = f"max({METRICS}_ReadonlyReplica{one}) > 0 or max({METRICS}_ReadonlyDisks{one}) > 0"
    parts = recorded(scope, "engine:parts_per_partition:max")
    paths = f"{ASYNC}_FilesystemMainPath"
    return (
        Alert(
            "ClickHouseDown",
            f"{recorded(scope, 'engine:up:bool')} == 0",
            "30s",
            "critical",
            "ClickHouse does not answer its scrapes.",
            "The server's pod is gone, starting, hung or cut off.",
            labels,
        ),
        Alert(
            "ClickHouseReadOnly",
            readonly,
            "30s",
            "critical",
            "ClickHouse has tables or disks that it does not write to.",
            "A replicated table has lost its Keeper session, or a disk has turned read-only.",
            labels,
        ),
        Alert(
            "ClickHouseTooManyParts",
            # One sample of both: two would become the same alert.
            f"max({parts} > {PARTS} or sum(increase({EVENTS}_RejectedInserts{one}[5m])) > 0)",
            "1m",
            "warning",
            f"A partition has more than {PARTS} parts, or inserts are refused for that.",
            "Inserts are too small or too many, or merges do not keep up; at 1000 parts inserts are slowed down, at "
            "3000 refused.",
            labels,
        ),
        Alert(
            "ClickHouseVolumeFillingUp",
            f"min({paths}AvailableBytes{one} / {paths}TotalBytes{one}) < {FREE}",
            "5m",
            "critical",
            "Less than a tenth of ClickHouse's volume is free.",
            "When it is full, inserts and merges fail.",
            labels,
        ),
    )
