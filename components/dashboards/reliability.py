"""What reliability runs do to the engines: fault windows over what clients and the cluster see."""

from __future__ import annotations

from components.dashboards.common import ENGINE, firing, of_both, restarts
from components.dashboards.model import Board, Panel, Query, Row, Unit
from components.rules import Scope


def board(scope: Scope) -> Board:
    """The dashboard for experiments; the windows are annotations with the tags of injections."""
    description = "Red windows are faults that a runner has injected; below them what it did to the engines."
    return Board("reliability", "Reliability runs", description, (_engines(scope), _alerts(scope), _cluster(scope)))


def _lines(scope: Scope, title: str, name: str, unit: Unit) -> Panel:
    return Panel(title, unit, (Query(of_both(scope, name), ENGINE),))


def _engines(scope: Scope) -> Row:
    return Row(
        "Engines",
        (
            _lines(scope, "Service given", "engine:served:ratio", "percentunit"),
            _lines(scope, "Failed queries of all", "engine:query_errors:ratio_rate5m", "percentunit"),
            _lines(scope, "Mean duration of queries", "engine:query_duration_seconds:mean5m", "s"),
            _lines(scope, "Queries that ended, per second", "engine:queries_finished:rate5m", "reqps"),
            _lines(scope, "Trino workers", "engine:workers_active:count", "short"),
            _lines(scope, "Answers scrapes", "engine:up:bool", "bool_yes_no"),
        ),
    )


def _alerts(scope: Scope) -> Row:
    lanes = Panel("Alerts", "short", (Query(firing(scope), "{{alertname}}"),), kind="lanes")
    return Row("Alerts", (lanes,))


def _cluster(scope: Scope) -> Row:
    ready = f'sum by (namespace) (kube_pod_status_ready{{{scope.both},condition="true"}})'
    nodes = 'sum(kube_node_status_condition{condition="Ready",status="true"})'
    return Row(
        "Cluster",
        (
            Panel("Pods that are Ready", "short", (Query(ready, "{{namespace}}"),)),
            Panel("Nodes that are Ready", "short", (Query(nodes, "nodes"),)),
            restarts(scope.both),
        ),
    )
