"""What may be known of an experiment besides its probes: inserts, and what monitoring saw."""

from __future__ import annotations

from runner.results import AlertSeen, AlertsView, ExpectedAlert
from tests.unit.report.inserts import written


def besides(engine: str, fault: str, confirmed: float, until: float, *, censored: bool) -> dict[str, object]:
    """Fields of an experiment: inserts into ClickHouse, alerts on Trino's killed processes."""
    return {
        "durability": written(censored) if engine == "clickhouse" else None,
        "alerts": alerted(confirmed, until) if (engine, fault) == ("trino", "kill") else None,
    }


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
