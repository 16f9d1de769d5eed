"""Monitoring's view of an experiment, in words."""

from __future__ import annotations

from runner.report.kubernetes import NOT_MEASURED, signed
from runner.report.units import NONE, duration, plural
from runner.results import AlertsView, ExpectedAlert

EXPLANATION = (
    "An alert that must see a fault is judged where the outage lasted longer than scrapes, evaluation and the rule's "
    "“for” take together at the worst; its firing counts from the confirmed injection, its end from the recovery. "
    "Moments are Prometheus' own, corrected by how far its clock is from the runner's."
)
_OUTCOMES = {
    "missing": "did not fire",
    "not due": "not due",
    "active before": "on before",
    "no rule": "no such rule",
    "unknown": NOT_MEASURED,
}


def cell(view: AlertsView | None) -> str:
    """For a table: when the expected alerts fired, or why that is not known, and what should not have fired."""
    if view is None:
        return NONE
    if view.not_measured:
        return NOT_MEASURED
    parts = [f"{one.name} {_firing(one)}" for one in view.expected]
    parts += [f"unexpected: {name}" for name in sorted({one.name for one in view.unexpected})]
    return "; ".join(parts) or "none expected"


def bad(view: AlertsView | None) -> bool:
    """Whether monitoring missed something, or cried wolf."""
    return view is not None and bool(view.unexpected or any(one.outcome == "missing" for one in view.expected))


def details(view: AlertsView) -> str:
    """One line with everything else."""
    annotation = [view.annotation] if view.annotation else []
    if view.not_measured:
        return "; ".join([f"{NOT_MEASURED}: {view.not_measured}", *annotation])
    parts = [_whole(one) for one in view.expected]
    if not view.expected:
        parts.append(f"none can see it: {view.blind}" if view.blind else "no alert must fire")
    parts += [f"{one.name} {one.role}{' (silenced)' * one.silenced}" for one in view.seen if one.role != "expected"]
    if view.not_observed:
        total = sum(end - start for start, end in view.not_observed)
        parts.append(f"Prometheus did not answer for {duration(total)}")
    if view.clock_ahead_seconds is not None:
        parts.append(
            f"the cluster's clock is {signed(view.clock_ahead_seconds)} ± "
            f"{duration(view.clock_uncertainty_seconds)} from the runner's, corrected"
        )
    return "; ".join([*parts, *annotation])


def _firing(alert: ExpectedAlert) -> str:
    if alert.outcome == "fired" and alert.fired_seconds is not None:
        return signed(alert.fired_seconds)
    return _OUTCOMES.get(alert.outcome, alert.outcome)


def _whole(alert: ExpectedAlert) -> str:
    needs = f"it takes at most {duration(alert.needs_seconds)}" if alert.needs_seconds is not None else ""
    if alert.outcome == "fired":
        text = f"{alert.name} fired {_firing(alert)} from the confirmed injection"
        if alert.resolved_seconds is not None:
            return f"{text} and was resolved {signed(alert.resolved_seconds)} from the recovery"
        waited = f", {duration(alert.waited_seconds)} after the recovery" if alert.waited_seconds is not None else ""
        return f"{text} and was still on when it was last looked at{waited}"
    if alert.outcome == "not due":
        held = f"the outage is known to have lasted {duration(alert.lasted_seconds)}"
        reason = held if alert.lasted_seconds is not None else "how long the outage lasted for it is not known"
        return f"{alert.name} did not have to fire: {needs}, {reason}"
    although = f" although {needs}" if alert.outcome == "missing" else ""
    return f"{alert.name}: {_OUTCOMES.get(alert.outcome, alert.outcome)}{although}"


def summary(view: AlertsView | None) -> str:
    """For a line of text: nothing where nobody was asked."""
    if view is None or (view.not_measured and not view.asked):
        return ""
    more = len([one for one in view.seen if one.role == "other" and one.firing])
    return f"alerts: {cell(view)}" + (f", and {plural(more, 'alert')} of other rules" if more else "")
