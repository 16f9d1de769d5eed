"""Trino in detail."""

from __future__ import annotations

from components.dashboards.common import resources, restarts
from components.dashboards.model import Board, Panel, Query, Row
from components.rules import Scope
from components.rules.trino import MEMORY, NODES, QUERIES, coordinator, recorded

TASKS, PAUSES = "trino_execution_name_SqlTaskManager", "io_airlift_stats_name_PauseMeter"


def board(scope: Scope) -> Board:
    """The dashboard on Trino."""
    namespace = f'namespace="{scope.trino}"'
    rows = (
        _cluster(scope, restarts(namespace)),
        _queries(scope),
        _work(scope),
        resources(namespace),
    )
    return Board("trino", "Trino", "Nodes, queries, tasks and memory of one Trino cluster.", rows)


def _cluster(scope: Scope, life: Panel) -> Row:
    one = coordinator(scope)
    states = ("Active", "Inactive", "ShuttingDown")
    workers = {"active": "engine:workers_active:count", "expected": "engine:workers_expected:count"}
    return Row(
        "Cluster",
        (
            Panel("Workers", "short", tuple(Query(recorded(scope, name), legend) for legend, name in workers.items())),
            Panel(
                "Nodes that the coordinator knows, itself among them",
                "short",
                tuple(Query(f"max({NODES}_{state}NodeCount{one})", state.lower()) for state in states),
            ),
            life,
        ),
    )


def _queries(scope: Scope) -> Row:
    one = coordinator(scope)
    rates = ("StartedQueries", "CompletedQueries", "FailedQueries")
    failures = ("UserErrorFailures", "InternalFailures", "ExternalFailures", "InsufficientResourcesFailures")
    states = ("RunningQueries", "QueuedQueries", "FullyBlockedQueries")
    return Row(
        "Queries",
        (
            Panel("Queries per second", "reqps", tuple(_rate(one, name) for name in rates)),
            Panel("Failures per second, by reason", "reqps", tuple(_rate(one, name) for name in failures)),
            Panel("Queries now", "short", tuple(Query(f"max({QUERIES}_{name}{one})", name) for name in states)),
            _times(scope, "Execution time, last five minutes", "ExecutionTime"),
            _times(scope, "Time in the queue, last five minutes", "QueuedTime"),
            Panel("Failed queries of all", "percentunit", (Query(recorded(scope, ERRORS), "share"),)),
        ),
    )


ERRORS = "engine:query_errors:ratio_rate5m"


def _rate(one: str, name: str) -> Query:
    return Query(f"sum(rate({QUERIES}_{name}{one}[5m]))", name)


def _times(scope: Scope, title: str, name: str) -> Panel:
    def quantile(of: str) -> Query:
        matchers = f'{{job="trino",namespace="{scope.trino}",quantile="{of}"}}'
        return Query(f"max({QUERIES}_{name}_FiveMinutes{matchers}) / 1000", f"p{float(of) * 100:g}")

    return Panel(title, "s", tuple(quantile(of) for of in ("0.5", "0.95", "0.99")))


def _work(scope: Scope) -> Row:
    one, any_node = coordinator(scope), f'{{namespace="{scope.trino}"}}'
    memory = ("ClusterMemoryBytes", "ClusterUserMemoryReservation", "ClusterTotalMemoryReservation")
    killed = f"max({MEMORY}_QueriesKilledDueToOutOfMemory{one})"
    return Row(
        "Work",
        (
            Panel("Input read", "Bps", (Query(f"sum(rate({QUERIES}_ConsumedInputBytes{one}[5m]))", "bytes"),)),
            Panel(
                "Tasks per second and node",
                "reqps",
                (
                    Query(f"sum by (pod) (rate({TASKS}_CreatedTasks{any_node}[5m]))", "{{pod}} created"),
                    Query(f"sum by (pod) (rate({TASKS}_FailedTasks{any_node}[5m]))", "{{pod}} failed"),
                ),
            ),
            Panel("Memory of all nodes", "bytes", tuple(Query(f"max({MEMORY}_{name}{one})", name) for name in memory)),
            Panel("Queries killed for want of memory", "short", (Query(killed, "since the start"),)),
            Panel(
                "Time that the JVM stood still",
                "percentunit",
                (Query(f"sum by (pod) (rate({PAUSES}_TotalPauseSeconds{any_node}[5m]))", "{{pod}}"),),
                help="Collections of garbage, and a machine that gave the process no time.",
            ),
        ),
    )
