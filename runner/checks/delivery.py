"""Does an alert arrive? One is sent to Alertmanager, and we listen where it sends test alerts, and them alone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

from faults.observer import wait_until
from runner.checks.monitoring import ENGINE
from runner.checks.registry import CheckFailed, CheckSkipped
from runner.results import CheckResult, Evidence, Verdict
from targets.base import AlertReceiver, MeansError, Target
from targets.contract import RECEIVER, TEST_ALERT
from targets.monitoring import MonitoringError, part_of
from targets.monitoring.alertmanager import Alertmanager

NAME = "alert_delivered"
DELIVERY_SECONDS = 60.0
_POLL_SECONDS = 0.5
_ANNOTATIONS = {"summary": "A test: nothing is wrong."}


def results(target: Target, *, patience: float = DELIVERY_SECONDS) -> Iterator[CheckResult]:
    """The check's result; none on a target without Alertmanager.

    Args:
        target: an opened target.
        patience: seconds that the alert may take.
    """
    part = part_of(target, "alertmanager")
    if part is None:
        return
    began, evidence = time.monotonic(), list[Evidence]()
    status, reason = Verdict.PASS, ""
    try:
        _deliver(target, Alertmanager(part), patience, evidence)
    except CheckSkipped as skipped:
        status, reason = Verdict.SKIPPED, str(skipped)
    except (CheckFailed, MonitoringError) as failed:
        status, reason = Verdict.FAIL, str(failed)
    yield CheckResult(
        name=f"{ENGINE}/{NAME}",
        engine=ENGINE,
        description="A test alert sent to Alertmanager reaches a receiver",
        status=status,
        seconds=time.monotonic() - began,
        evidence=tuple(evidence),
        reason=reason,
    )


def _deliver(target: Target, alertmanager: Alertmanager, patience: float, evidence: list[Evidence]) -> None:
    known = alertmanager.receivers()
    if RECEIVER not in known:  # then it would go to people
        raise CheckSkipped(
            f"Alertmanager has no receiver {RECEIVER}, only {', '.join(known) or 'none'}: "
            f"route alertname={TEST_ALERT} to one of that name, as docs/alerts.md shows"
        )
    means = target.means(AlertReceiver)
    if means is None:
        raise CheckSkipped("nobody can listen where Alertmanager sends: the target is no stack on Kubernetes")
    marker = uuid.uuid4().hex[:12]
    try:
        with means.receiving(marker) as receiving:
            labels = {"alertname": TEST_ALERT, "stack": target.outputs.stack, "test": marker}
            alertmanager.post(labels, _ANNOTATIONS)
            sent = f"alert {TEST_ALERT} with test={marker}"
            came = _arrival(receiving.message, patience)
    except MonitoringError:
        raise
    except MeansError as error:
        raise CheckSkipped(f"nobody can listen where Alertmanager sends: {error}") from None
    evidence.append(Evidence(sent=sent, received=came or f"nothing in {patience:g} s"))
    if marker not in came:
        raise CheckFailed(f"the test alert did not reach the receiver within {patience:g} s")


def _arrival(message: Callable[[], str], patience: float) -> str:
    """What came within that time; nothing when nothing did."""
    wait_until(lambda: bool(message()), patience, _POLL_SECONDS)
    return message()
