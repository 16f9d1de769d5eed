"""Trino: is a coordinator there, with its workers, and does it answer queries in time and without errors?

Names of metrics: Trino 476's ``/metrics`` shows attributes of its MBeans as ``DOMAIN_name_BEAN_ATTRIBUTE``; counters
have no ``_total``, times are summaries in milliseconds.
"""

from __future__ import annotations

from components.rules.model import Alert, Group, Rule
from components.rules.scope import Scope, selector
from components.rules.series import recordings

QUERIES = "trino_execution_name_QueryManager"
NODES = "trino_metadata_name_DiscoveryNodeManager"
MEMORY = "trino_memory_name_ClusterMemoryManager"
# What is Trino's own fault or its surroundings', not that of whoever wrote the query.
SYSTEM_FAILURES = ("InternalFailures", "ExternalFailures", "InsufficientResourcesFailures")
ERROR_RATIO = 0.05
FEWEST_FAILURES = 3


def group(scope: Scope) -> Group:
    """All rules on Trino."""
    recorded_ones = recordings(scope.labels("trino"), {**_presence(scope), **_queries(scope)})
    return Group("trino", (*recorded_ones, *_cluster_alerts(scope), *_query_alerts(scope)))


def coordinator(scope: Scope) -> str:
    """Selects the series that the coordinator shows."""
    return selector({"namespace": scope.trino, "job": "trino"})


def recorded(scope: Scope, name: str) -> str:
    """Selects one of the series recorded for Trino."""
    return name + selector(scope.labels("trino"))


def _presence(scope: Scope) -> dict[str, str]:
    one, workers = coordinator(scope), selector({"namespace": scope.trino, "job": "trino-workers"})
    active, up = recorded(scope, "engine:workers_active:count"), recorded(scope, "engine:up:bool")
    return {
        "engine:up:bool": f"max(up{one}) or vector(0)",
        # The coordinator counts itself. While it does not answer, the workers that do are counted.
        "engine:workers_active:count": (
            f"clamp_min(max({NODES}_ActiveNodeCount{one}) - 1, 0) or count(up{workers} == 1) or vector(0)"
        ),
        "engine:workers_expected:count": f"vector({scope.workers})",
        "engine:available:bool": f"{up} * ({active} >= bool 1)",
    }


def _queries(scope: Scope) -> dict[str, str]:
    one = coordinator(scope)
    failures, lately = (
        " + ".join(f"sum(rate({QUERIES}_{kind}{one}[{window}]))" for kind in SYSTEM_FAILURES) for window in ("5m", "1m")
    )
    finished, failed = (recorded(scope, f"engine:queries_{end}:rate5m") for end in ("finished", "failed"))
    return {
        "engine:queries_finished:rate5m": f"sum(rate({QUERIES}_CompletedQueries{one}[5m])) or vector(0)",
        "engine:queries_failed:rate5m": f"({failures}) or vector(0)",
        "engine:queries_failed:rate1m": f"({lately}) or vector(0)",
        "engine:query_errors:ratio_rate5m": f"{failed} / clamp_min({finished}, 0.001)",
        **_times(scope),
        "engine:queries_running:count": f"max({QUERIES}_RunningQueries{one}) or vector(0)",
        "engine:queries_queued:count": f"max({QUERIES}_QueuedQueries{one}) or vector(0)",
        "engine:served:ratio": (
            f"{recorded(scope, 'engine:available:bool')} "
            f"* (1 - clamp_max({recorded(scope, 'engine:query_errors:ratio_rate5m')}, 1))"
        ),
    }


def _times(scope: Scope) -> dict[str, str]:
    one, times = coordinator(scope), f"{QUERIES}_ExecutionTime"
    slowest = f'{{job="trino",namespace="{scope.trino}",quantile="0.95"}}'
    return {
        "engine:query_duration_seconds:mean5m": (
            f"sum(rate({times}_AllTime_sum{one}[5m])) / (sum(rate({times}_AllTime_count{one}[5m])) > 0) / 1000"
        ),
        "engine:query_duration_seconds:p95_5m": f"max({times}_FiveMinutes{slowest}) / 1000",
    }


def _cluster_alerts(scope: Scope) -> tuple[Rule, ...]:
    labels = scope.labels("trino")
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
    )


def _query_alerts(scope: Scope) -> tuple[Rule, ...]:
    labels = scope.labels("trino")
    errors, failed = (
        recorded(scope, name) for name in ("engine:query_errors:ratio_rate5m", "engine:queries_failed:rate5m")
    )
    return (
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
