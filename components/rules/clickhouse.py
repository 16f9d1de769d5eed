"""ClickHouse: is the server there, does it take inserts, does merging keep up, is there room?

Names of metrics: those of the server's own endpoint, ``ClickHouseMetrics_`` (gauges), ``ClickHouseProfileEvents_``
(counters) and ``ClickHouseAsyncMetrics_`` (gauges, computed now and then).
"""

from __future__ import annotations

from components.rules.model import Alert, Group, Rule
from components.rules.scope import Scope, selector
from components.rules.series import recordings

METRICS, EVENTS, ASYNC = "ClickHouseMetrics", "ClickHouseProfileEvents", "ClickHouseAsyncMetrics"
# Half of what makes the server slow inserts down (parts_to_delay_insert, 1000 by default).
PARTS = 500
FREE = 0.1


def group(scope: Scope) -> Group:
    """All rules on ClickHouse."""
    recorded_ones = recordings(scope.labels("clickhouse"), _series(scope))
    return Group("clickhouse", (*recorded_ones, *_state_alerts(scope), *_storage_alerts(scope)))


def server(scope: Scope) -> str:
    """Selects the series that the server shows."""
    return selector({"namespace": scope.clickhouse, "job": "clickhouse"})


def recorded(scope: Scope, name: str) -> str:
    """Selects one of the series recorded for ClickHouse."""
    return name + selector(scope.labels("clickhouse"))


def _series(scope: Scope) -> dict[str, str]:
    one = server(scope)
    finished, failed = (recorded(scope, f"engine:queries_{end}:rate5m") for end in ("finished", "failed"))
    # All queries, the failed ones too.
    queries = f"sum(rate({EVENTS}_Query{one}[5m]))"
    return {
        "engine:up:bool": f"max(up{one}) or vector(0)",
        "engine:available:bool": recorded(scope, "engine:up:bool"),
        "engine:queries_finished:rate5m": f"{queries} or vector(0)",
        "engine:queries_failed:rate5m": f"sum(rate({EVENTS}_FailedQuery{one}[5m])) or vector(0)",
        "engine:queries_failed:rate1m": f"sum(rate({EVENTS}_FailedQuery{one}[1m])) or vector(0)",
        "engine:query_errors:ratio_rate5m": f"{failed} / clamp_min({finished}, 0.001)",
        "engine:query_duration_seconds:mean5m": (
            f"sum(rate({EVENTS}_QueryTimeMicroseconds{one}[5m])) / ({queries} > 0) / 1000000"
        ),
        "engine:queries_running:count": f"max({METRICS}_Query{one}) or vector(0)",
        "engine:parts_per_partition:max": f"max({ASYNC}_MaxPartCountForPartition{one})",
        # Which errors are its users' own, ClickHouse's metrics do not tell: only its absence counts.
        "engine:served:ratio": recorded(scope, "engine:available:bool"),
    }


def _state_alerts(scope: Scope) -> tuple[Rule, ...]:
    one, labels = server(scope), scope.labels("clickhouse")
    readonly = f"max({METRICS}_ReadonlyReplica{one}) > 0 or max({METRICS}_ReadonlyDisks{one}) > 0"
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
    )


def _storage_alerts(scope: Scope) -> tuple[Rule, ...]:
    one, labels = server(scope), scope.labels("clickhouse")
    parts = recorded(scope, "engine:parts_per_partition:max")
    paths = f"{ASYNC}_FilesystemMainPath"
    return (
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
