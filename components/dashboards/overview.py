"""Both engines at a glance."""

from __future__ import annotations

from components.dashboards.common import ENGINE, firing, number, of_both, resources, restarts
from components.dashboards.model import Board, Panel, Query, Row, Unit
from components.rules import Scope


def board(scope: Scope) -> Board:
    """The dashboard to begin with."""
    description = "Do the engines serve, how fast, with how many errors, and what do they use?"
    rows = (_now(scope), _traffic(scope), resources(scope.both), Row("Life", (restarts(scope.both), _workers(scope))))
    return Board("overview", "Query engines", description, rows)


def _now(scope: Scope) -> Row:
    served = of_both(scope, "engine:served:ratio")
    return Row(
        "Now",
        (
            number("Serving now", "percentunit", served, "1 when the engine can serve and no query fails."),
            number("Served, last hour", "percentunit", f"avg_over_time({served}[1h])"),
            number("Queries per second", "reqps", of_both(scope, "engine:queries_finished:rate5m")),
            number("Failed queries", "percentunit", of_both(scope, "engine:query_errors:ratio_rate5m")),
            number("Queries running", "short", of_both(scope, "engine:queries_running:count")),
            Panel("Alerts firing", "short", (Query(f"sum({firing(scope)})", "alerts"),), kind="number"),
        ),
    )


def _traffic(scope: Scope) -> Row:
    def lines(title: str, name: str, unit: Unit) -> Panel:
        return Panel(title, unit, (Query(of_both(scope, name), ENGINE),))

    return Row(
        "Queries",
        (
            lines("Queries that ended, per second", "engine:queries_finished:rate5m", "reqps"),
            lines("Failed queries of all", "engine:query_errors:ratio_rate5m", "percentunit"),
            lines("Mean duration of queries", "engine:query_duration_seconds:mean5m", "s"),
        ),
    )


def _workers(scope: Scope) -> Panel:
    names = {"active": "engine:workers_active:count", "expected": "engine:workers_expected:count"}
    return Panel("Trino workers", "short", tuple(Query(of_both(scope, name), legend) for legend, name in names.items()))
