"""Alerts as objectives, and through them as verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from runner.alerts.objectives import evaluate_alerts
from runner.results import AlertSeen, AlertsView, ExpectedAlert, Verdict
from runner.slo import AlertObjectives, Slo

LIMITS = AlertObjectives(fired_seconds=60, resolved_seconds=30)


def verdicts(view: AlertsView | None, limits: AlertObjectives = LIMITS) -> dict[str, Verdict]:
    return {one.objective: one.verdict for one in evaluate_alerts(limits, "one", view)}


def expected(outcome: str, *, asked: bool = False, **fields: Any) -> AlertsView:
    alert = ExpectedAlert.model_validate({"name": "TrinoDown", "outcome": outcome, "needs_seconds": 52, **fields})
    return AlertsView(expected=(alert,), asked=asked)


def test_in_time() -> None:
    found = verdicts(expected("fired", fired_seconds=59, resolved_seconds=30))
    assert found == {
        "alert TrinoDown fired": Verdict.PASS,
        "alert TrinoDown resolved": Verdict.PASS,
        "unexpected alerts": Verdict.PASS,
    }


def test_too_late() -> None:
    found = verdicts(expected("fired", fired_seconds=61, resolved_seconds=31))
    assert found["alert TrinoDown fired"] is found["alert TrinoDown resolved"] is Verdict.FAIL


def test_still_on_fails_once_it_was_waited_for() -> None:
    assert verdicts(expected("fired", fired_seconds=1, waited_seconds=31))["alert TrinoDown resolved"] is Verdict.FAIL
    assert "alert TrinoDown resolved" not in verdicts(expected("fired", fired_seconds=1, waited_seconds=29))
    assert "alert TrinoDown resolved" not in verdicts(expected("fired", fired_seconds=1))


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [("missing", Verdict.FAIL), ("not due", None), ("no rule", None), ("unknown", None), ("active before", None)],
)
def test_what_did_not_fire(outcome: str, verdict: Verdict | None, *, asked: bool) -> None:
    found = verdicts(expected(outcome, asked=asked)).get("alert TrinoDown fired")
    if asked and outcome in {"no rule", "unknown", "active before"}:
        assert found is Verdict.INCONCLUSIVE
    else:
        assert found is verdict


def test_unexpected_ones() -> None:
    fired = AlertSeen(name="ClickHouseDown", role="unexpected", firing=((1, 2),))
    pending = AlertSeen(name="Other", role="unexpected", pending=((1, 2),))
    view = AlertsView(seen=(fired, pending))
    (result,) = evaluate_alerts(LIMITS, "one", view)
    assert (result.verdict, result.measured, result.limit) == (Verdict.FAIL, "1 (ClickHouseDown)", "≤ 0")
    assert verdicts(view, AlertObjectives(unexpected=1)) == {"unexpected alerts": Verdict.PASS}
    assert verdicts(view, AlertObjectives(unexpected=None)) == {}


def test_not_measured_leaves_it_open_only_where_it_was_asked_for() -> None:
    assert verdicts(None) == {}
    assert verdicts(AlertsView(not_measured="gone")) == {}
    (result,) = evaluate_alerts(LIMITS, "one", AlertsView(not_measured="gone", asked=True))
    assert (result.verdict, result.measured) == (Verdict.INCONCLUSIVE, "not measured (gone)")


def test_limits_can_be_switched_off() -> None:
    off = AlertObjectives(fired_seconds=None, resolved_seconds=None, unexpected=None)
    assert verdicts(expected("missing"), off) == {}


def test_the_file() -> None:
    slo = Slo.model_validate({"alerts": {"fired_seconds": 90, "unexpected": None}})
    assert (slo.alerts.fired_seconds, slo.alerts.resolved_seconds, slo.alerts.unexpected) == (90, 180, None)
