"""Trino: is a coordinator there, with its workers, and does it answer queries in time and without errors?

Names of metrics: Trino 476's ``/metrics`` shows attributes of its MBeans as ``DOMAIN_name_BEAN_ATTRIBUTE``; counters
have no ``_total``, times are summaries in milliseconds.
"""

from __future__ import annotations

from components.rules.model import Alert, Group, Recording, Rule
from components.rules.scope import Scope, selector

QUERIES = "trino_execution_name_QueryManager"
NODES = "trino_metadata_name_DiscoveryNodeManager"
MEMORY = "trino_memory_name_ClusterMemoryManager"
# What is Trino's own fault or its surroundings', not that of whoever wrote the query.
SYSTEM_FAILURES = ("InternalFailures", "ExternalFailures", "InsufficientResourcesFailures")
ERROR_RATIO = 0.05
FEWEST_FAILURES = 3


def group(scope: Scope) -> Group:
    """All rules on Trino."""
    return Group("trino", (*_recordings(scope), *_alerts(scope)))


def coordinator(scope: Scope) -> str:
    """Selects the series that the coordinator shows."""
    return selector({"namespace": scope.trino, "job": "trino"})


def recorded(scope: Scope, name: str) -> str:
    """Selects one of the series recorded for Trino."""
    return name + selector(scope.labels("trino"))


def _recordings(scope: Scope) -> tuple[Rule, ...]:
    one, workers = coordinator(scope), selector({"namespace": scope.trino, "job": "trino-workers"})
    failures, lately = (
        " + ".join(f"sum(rate({QUERIES}_{kind}{one}[{window}]))" for kind in SYSTEM_FAILURES) for window in ("5m", "1m")
    )
    active, up = recorded(scope, "engine:workers_active:count"), recorded(scope, "engine:up:bool")
    finished, failed = (recorded(scope, f"engine:queries_{end}:rate5m") for end in ("finished", "failed"))
    times = f"{QUERIES}_ExecutionTime"
    mean = f"sum(rate({times}_AllTime_sum{one}[5m])) / (sum(rate({times}_AllTime_count{one}[5m])) > 0) / 1000"

    def record(name: str, expression: str, unit: str, meaning: str) -> Recording:
        return Recording(name, expression, unit, meaning, scope.labels("trino"))

    return (
        record("engine:up:bool", f"max(up{one}) or vector(0)", "1 or 0", "Whether the engine answers its scrapes."),
        record(
            "engine:workers_active:count",
            # The coordinator counts itself. While it does not answer, the workers that do are counted.
            f"clamp_min(max({NODES}_ActiveNodeCount{one}) - 1, 0) or count(up{workers} == 1) or vector(0)",
            "workers",
            "Workers that the coordinator can use.",
        ),
        record("engine:workers_expected:count", f"vector({scope.workers})", "workers", "Workers that there should be."),
        record(
            "engine:available:bool",
            f"{up} * ({active} >= bool 1)",
            "1 or 0",
            "Whether the engine can serve: Trino needs its coordinator and a worker, ClickHouse its server.",
        ),
        record(
            "engine:queries_finished:rate5m",
            f"sum(rate({QUERIES}_CompletedQueries{one}[5m])) or vector(0)",
            "queries per second",
            "Queries that ended, well or not.",
        ),
        record(
            "engine:queries_failed:rate5m",
            f"({failures}) or vector(0)",
            "queries per second",
            "Queries that failed: Trino without its users' mistakes, ClickHouse with them.",
        ),
        record(
            "engine:queries_failed:rate1m",
            f"({lately}) or vector(0)",
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
            mean,
            "seconds",
            "Mean time that queries took; nothing while none ends.",
        ),
        record(
            "engine:query_duration_seconds:p95_5m",
            f'max({times}_FiveMinutes{{job="trino",namespace="{scope.trino}",quantile="0.95"}}) / 1000',
            "seconds",
            "95th percentile of the time that queries took (Trino only).",
        ),
        record(
            "engine:queries_running:count",
            f"max({QUERIES}_RunningQueries{one}) or vector(0)",
            "queries",
            "Queries that run.",
        ),
        record(
            "engine:queries_queued:count",
            f"max({QUERIES}_QueuedQueries{one}) or vector(0)",
            "queries",
            "Queries that wait for others to end (Trino only).",
        ),
        record(
            "engine:served:ratio",
            f"{recorded(scope, 'engine:available:bool')} "
            f"* (1 - clamp_max({recorded(scope, 'engine:query_errors:ratio_rate5m')}, 1))",
            "share, 0 to 1",
            "How much of its service the engine gives right now; what the error budget is counted in.",
        ),
    )


def _alerts(scope: Scope) -> tuple[Rule, ...]:
    labels = scope.labels("trino")
    errors, failed = (
        recorded(scope, name) for name in ("engine:query_errors:ratio_rate5m", "engine:queries_failed:rate5m")
    )
    return (
        Alert(
            "TrinoDown",
            f"{recorded(scope, 'engine:up:bool')} == 0",
            "30s",
            "critical",
            "No coordinator answers its scrapes: no query can run.",
            "The coordinator's pod is gone, starting, hung or cut off.",
            labels,
        ),
        Alert(
            "TrinoWorkersMissing",
            f"{recorded(scope, 'engine:workers_active:count')} < {scope.workers}",
            "1m",
            "warning",
            f"The coordinator can use fewer than {scope.workers} workers.",
            "Worker pods are gone, starting, hung or cut off from the coordinator.",
            labels,
        ),
        Alert(
            "TrinoQueueing",
            f"{recorded(scope, 'engine:queries_queued:count')} > {scope.queue}",
            "2m",
            "warning",
            f"More than {scope.queue} queries wait.",
            "More is asked of Trino than it gets done: more load than usual, slow queries, or workers missing.",
            labels,
        ),
        Alert(
            "TrinoQueryErrors",
            f"{errors} > {ERROR_RATIO} and {failed} * 300 >= {FEWEST_FAILURES}",
            "1m",
            "warning",
            f"More than {ERROR_RATIO:.0%} of the queries fail, and not by their users' mistakes.",
            "Queries fail for internal or external reasons or for lack of resources: lost workers, memory, full queue.",
            labels,
        ),
    )
