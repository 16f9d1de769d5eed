"""Objectives on alerts: expected ones fire and resolve in time, no others fire."""

from __future__ import annotations

from typing import Protocol

from runner.results import AlertsView, ExpectedAlert, SloResult, Verdict


class AlertLimits(Protocol):
    """Seconds and a number; ``None`` switches a limit off."""

    @property
    def fired_seconds(self) -> float | None:
        """From the confirmed injection until an expected alert fires."""
        ...

    @property
    def resolved_seconds(self) -> float | None:
        """From the recovery until it is resolved."""
        ...

    @property
    def unexpected(self) -> int | None:
        """How many alerts may fire that the fault does not explain."""
        ...


def evaluate_alerts(limits: AlertLimits, subject: str, view: AlertsView | None) -> list[SloResult]:
    """Objectives on one experiment's alerts; none where there is nobody to ask, and nobody asked for alerts."""
    if view is None:
        return []
    if view.not_measured:
        return [_open("alerts", subject, "measured", f"not measured ({view.not_measured})")] if view.asked else []
    results: list[SloResult] = []
    for alert in view.expected:
        if limits.fired_seconds is not None:
            results += _fired(limits.fired_seconds, subject, alert, asked=view.asked)
        if limits.resolved_seconds is not None and alert.outcome == "fired":
            results += _resolved(limits.resolved_seconds, subject, alert)
    if limits.unexpected is not None:
        names = ", ".join(sorted({one.name for one in view.unexpected}))
        number = len(view.unexpected)
        verdict = Verdict.PASS if number <= limits.unexpected else Verdict.FAIL
        measured = f"{number} ({names})" if names else "0"
        results.append(_result("unexpected alerts", subject, f"≤ {limits.unexpected}", measured, verdict))
    return results


def _fired(limit: float, subject: str, alert: ExpectedAlert, *, asked: bool) -> list[SloResult]:
    """What shows nothing leaves the verdict open only where alerts were asked for."""
    objective, allowed = f"alert {alert.name} fired", f"≤ {limit:g} s"
    if alert.outcome == "fired" and alert.fired_seconds is not None:
        verdict = Verdict.PASS if alert.fired_seconds <= limit else Verdict.FAIL
        return [_result(objective, subject, allowed, f"{alert.fired_seconds:.1f} s", verdict)]
    if alert.outcome == "missing":
        measured = f"did not fire, although it takes {alert.needs_seconds or 0:.0f} s at the most"
        return [_result(objective, subject, allowed, measured, Verdict.FAIL)]
    if asked and alert.outcome == "no rule":
        return [_open(objective, subject, allowed, "no such rule is loaded")]
    if asked and alert.outcome in {"unknown", "active before"}:
        reason = "it was on before" if alert.outcome == "active before" else "Prometheus did not answer in between"
        return [_open(objective, subject, allowed, f"not measured ({reason})")]
    return []  # too short an outage for this alert shows nothing


def _resolved(limit: float, subject: str, alert: ExpectedAlert) -> list[SloResult]:
    objective, allowed = f"alert {alert.name} resolved", f"≤ {limit:g} s"
    if alert.resolved_seconds is not None:
        verdict = Verdict.PASS if alert.resolved_seconds <= limit else Verdict.FAIL
        return [_result(objective, subject, allowed, f"{alert.resolved_seconds:.1f} s", verdict)]
    if alert.waited_seconds is not None and alert.waited_seconds >= limit:
        measured = f"still on {alert.waited_seconds:.0f} s after the recovery"
        return [_result(objective, subject, allowed, measured, Verdict.FAIL)]
    return []  # nobody waited for it


def _open(objective: str, subject: str, limit: str, measured: str) -> SloResult:
    return _result(objective, subject, limit, measured, Verdict.INCONCLUSIVE)


def _result(objective: str, subject: str, limit: str, measured: str, verdict: Verdict) -> SloResult:
    return SloResult(objective=objective, subject=subject, limit=limit, measured=measured, verdict=verdict)
