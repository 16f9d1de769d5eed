"""ClickHouse in detail."""

from __future__ import annotations

from components.dashboards.common import resources, restarts
from components.dashboards.model import Board, Panel, Query, Row
from components.rules import Scope
from components.rules.clickhouse import ASYNC, EVENTS, METRICS, recorded, server


def board(scope: Scope) -> Board:
    """The dashboard on ClickHouse."""
    namespace = f'namespace="{scope.clickhouse}"'
    rows = (_queries(scope), _inserts(scope), _storage(scope, restarts(namespace)), resources(namespace))
    return Board("clickhouse", "ClickHouse", "Queries, inserts, parts and volume of one ClickHouse server.", rows)


def _rate(one: str, event: str, legend: str) -> Query:
    """Events per second. A server need not show an event that has not happened yet."""
    return Query(f"sum(rate({EVENTS}_{event}{one}[5m])) or vector(0)", legend)


def _queries(scope: Scope) -> Row:
    one = server(scope)
    kinds = {"Query": "all", "SelectQuery": "SELECT", "InsertQuery": "INSERT", "FailedQuery": "failed"}
    return Row(
        "Queries",
        (
            Panel("Queries per second", "reqps", tuple(_rate(one, *kind) for kind in kinds.items())),
            Panel(
                "Mean duration of queries",
                "s",
                (Query(recorded(scope, "engine:query_duration_seconds:mean5m"), "mean"),),
            ),
            Panel(
                "Queries and connections now",
                "short",
                (
                    Query(f"max({METRICS}_Query{one})", "queries"),
                    Query(f"max({METRICS}_HTTPConnection{one})", "HTTP connections"),
                ),
            ),
        ),
    )


def _inserts(scope: Scope) -> Row:
    one = server(scope)
    parts = recorded(scope, "engine:parts_per_partition:max")
    return Row(
        "Inserts and merges",
        (
            Panel(
                "Rows per second",
                "rowsps",
                (
                    _rate(one, "InsertedRows", "inserted"),
                    _rate(one, "SelectedRows", "read"),
                    _rate(one, "MergedRows", "merged"),
                ),
            ),
            Panel(
                "Parts",
                "short",
                (Query(parts, "in the fullest partition"), Query(f"max({METRICS}_PartsActive{one})", "active")),
            ),
            Panel(
                "Inserts slowed down or refused, per second",
                "reqps",
                (_rate(one, "DelayedInserts", "slowed down"), _rate(one, "RejectedInserts", "refused")),
            ),
        ),
    )


def _storage(scope: Scope, life: Panel) -> Row:
    one, path = server(scope), f"{ASYNC}_FilesystemMainPath"
    return Row(
        "Volume and life",
        (
            Panel("Volume used", "percentunit", (Query(f"max({path}UsedBytes{one} / {path}TotalBytes{one})", "used"),)),
            Panel("Time since the start", "s", (Query(f"max({ASYNC}_Uptime{one})", "uptime"),)),
            life,
        ),
    )
