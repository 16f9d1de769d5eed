"""Alerts on the engines: what is wrong, not what is merely unusual."""

from __future__ import annotations

from components.site import Site

Rule = dict[str, object]


def engine_rules(site: Site) -> list[Rule]:
    """Alerting rules of one stack, for a PrometheusRule."""
    trino, clickhouse = site.namespace("trino"), site.namespace("clickhouse")
    fewest = site.settings.fewest_workers
    return [
        _alert(
            "TrinoCoordinatorDown",
            f'absent(up{{namespace="{trino}",job="trino"}} == 1)',
            "30s",
            "critical",
            "No coordinator answers its scrapes: no query can run.",
        ),
        _alert(
            "TrinoWorkersMissing",
            f'(count(up{{namespace="{trino}",job="trino-workers"}} == 1) or vector(0)) < {fewest}',
            "1m",
            "warning",
            f"Fewer than {fewest} workers answer their scrapes.",
        ),
        _alert(
            "ClickHouseDown",
            f'absent(up{{namespace="{clickhouse}",job="clickhouse"}} == 1)',
            "30s",
            "critical",
            "ClickHouse does not answer its scrapes.",
        ),
        _alert(
            "QueryEngineRestarting",
            f'increase(kube_pod_container_status_restarts_total{{namespace=~"{trino}|{clickhouse}"}}[15m]) > 2',
            "0m",
            "warning",
            "A container of a query engine was restarted more than twice in 15 minutes.",
        ),
        _alert(
            "ClickHouseVolumeFillingUp",
            f'ClickHouseAsyncMetrics_FilesystemMainPathAvailableBytes{{namespace="{clickhouse}"}}'
            f' / ClickHouseAsyncMetrics_FilesystemMainPathTotalBytes{{namespace="{clickhouse}"}} < 0.1',
            "5m",
            "critical",
            "Less than a tenth of ClickHouse's volume is free.",
        ),
    ]


def _alert(name: str, expression: str, after: str, severity: str, summary: str) -> Rule:
    return {
        "alert": name,
        "expr": expression,
        "for": after,
        "labels": {"severity": severity, "part_of": "query-engine-reliability"},
        "annotations": {"summary": summary},
    }
