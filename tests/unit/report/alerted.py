"""What may be known of an experiment besides its probes: inserts, and what monitoring saw."""

from __future__ import annotations

import math

from runner.results import AlertSeen, AlertsView, EngineMetrics, ExpectedAlert, MetricSeries
from tests.unit.report.inserts import written


def besides(engine: str, fault: str, confirmed: float, until: float, *, censored: bool) -> dict[str, object]:
    """Fields of an experiment: inserts into ClickHouse, alerts on Trino's killed processes."""
    return {
        "durability": written(censored) if engine == "clickhouse" else None,
        "alerts": alerted(confirmed, until) if (engine, fault) == ("trino", "kill") else None,
        "metrics": recorded(confirmed, until) if (engine, fault) == ("trino", "kill") else None,
    }


def recorded(confirmed: float, until: float) -> EngineMetrics:
    """Two pods of which one was replaced, queries that failed for a while, a worker less, and parts that nobody saw."""
    start, step = -56.0, 5.0
    points = [start + step * n for n in range(int((until + 20 - start) / step) + 1)]
    back = confirmed + 20

    def series(measure: str, unit: str, before: float | None, during: float | None, of: str = "") -> MetricSeries:
        values = [during if confirmed + 5 <= at < back else before for at in points]
        return MetricSeries.model_validate({"measure": measure, "unit": unit, "of": of, "values": values})

    memory = tuple(1.1e9 + 4e7 * math.sin(at / 20) for at in points)
    return EngineMetrics(
        start_seconds=start,
        step_seconds=step,
        series=(
            MetricSeries(measure="memory", unit="bytes", of="trino-coordinator-7d9f-x2x4b", values=memory),
            series("memory", "bytes", 6.2e8, None, of="trino-worker-<b>0</b>"),
            series("queries running", "queries", 2, 0),
            series("queries failed", "queries per second", 0, 0.667),
            series("workers active", "workers", 2, 1),
        ),
        missing=("parts",),
    )


def alerted(confirmed: float, until: float) -> AlertsView:
    """One alert that fired and was resolved after the probes had ended, one that should not have, one of others."""
    fired, resolved = until - 4, until + 30
    down = {"namespace": "qer-trino", "severity": "critical"}
    return AlertsView(
        asked=True,
        expected=(
            ExpectedAlert(
                name="TrinoDown",
                outcome="fired",
                needs_seconds=95,
                lasted_seconds=21.2,
                fired_seconds=fired - confirmed,
                resolved_seconds=38.5,
                waited_seconds=60,
            ),
        ),
        seen=(
            AlertSeen(
                name="TrinoDown",
                labels=down,
                role="expected",
                pending=((fired - 2, fired),),
                firing=((fired, resolved),),
                notified_seconds=fired - confirmed + 1,
                silenced=True,
            ),
            AlertSeen(name="ClickHouseDown", labels={}, role="unexpected", firing=((fired + 1, fired + 2),)),
            AlertSeen(name="<b>Other</b>", labels={}, role="other", firing=((0, resolved),)),
        ),
        not_observed=((3.0, 9.0),),
        clock_ahead_seconds=-3.25,
        clock_uncertainty_seconds=0.004,
        annotation="Grafana annotation 7",
    )
