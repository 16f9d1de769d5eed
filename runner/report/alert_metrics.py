"""Alerts of experiments as samples for ``metrics.prom``: name, labels, value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner.results import Experiment

ALERT_FAMILIES = (
    ("qer_experiment_alert_fired_seconds", "seconds", "From the proven fault to the firing of an expected alert"),
    ("qer_experiment_alert_resolved_seconds", "seconds", "From the recovery to the end of an expected alert"),
    ("qer_experiment_alert_needs_seconds", "seconds", "What an expected alert takes at the worst"),
    ("qer_experiment_alert_missing", "1 or 0", "1: an expected alert did not fire although it had to"),
    ("qer_experiment_alerts_unexpected", "alerts", "Alerts that fired although the fault explains them not"),
    ("qer_experiment_clock_ahead_seconds", "seconds", "Prometheus' clock minus the runner's"),
)
"""Name, unit and meaning of each."""


def alert_samples(
    experiment: Experiment, labels: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, str], float | None]]:
    """One experiment's samples; none where monitoring was not asked.

    Args:
        experiment: as the results document has it.
        labels: that all samples of the experiment carry.
    """
    view = experiment.alerts
    if view is None or view.not_measured:
        return
    for alert in view.expected:
        named = {**labels, "alert": alert.name}
        yield "qer_experiment_alert_fired_seconds", named, alert.fired_seconds
        yield "qer_experiment_alert_resolved_seconds", named, alert.resolved_seconds
        yield "qer_experiment_alert_needs_seconds", named, alert.needs_seconds
        yield "qer_experiment_alert_missing", named, float(alert.outcome == "missing")
    yield "qer_experiment_alerts_unexpected", labels, len(view.unexpected)
    yield "qer_experiment_clock_ahead_seconds", labels, view.clock_ahead_seconds
