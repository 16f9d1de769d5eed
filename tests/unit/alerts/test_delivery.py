"""The check that an alert arrives: sent to Alertmanager, awaited where it sends test alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.checks import delivery
from runner.results import CheckResult, Verdict
from targets.base import AlertReceiver, MeansError, Receiving
from targets.contract import RECEIVER, TEST_ALERT
from tests.unit.alerts.server import Monitoring, WatchedTarget


class ListeningTarget(WatchedTarget, AlertReceiver):
    """Receives what Alertmanager was sent, or does not."""

    def __init__(self, directory: Path, monitoring: Monitoring) -> None:
        super().__init__(directory, monitoring)
        self.asked = monitoring
        self.deaf, self.refused, self.listening = False, "", 0

    @contextmanager
    def receiving(self, marker: str) -> Iterator[Receiving]:
        if self.refused:
            raise MeansError(self.refused)
        self.listening += 1
        yield self
        self.listening -= 1

    def message(self) -> str:
        return json.dumps(self.asked.posted) if self.asked.posted and not self.deaf else ""


@pytest.fixture
def target(tmp_path: Path, monitoring: Monitoring) -> ListeningTarget:
    monitoring.spoilt["/api/v2/receivers"] = [{"name": "null"}, {"name": RECEIVER}]
    return ListeningTarget(tmp_path, monitoring)


def check(target: WatchedTarget) -> CheckResult:
    (result,) = delivery.results(target, patience=0.1)
    return result


def test_an_alert_that_arrives_is_the_evidence(monitoring: Monitoring, target: ListeningTarget) -> None:
    result = check(target)
    assert (result.status, result.reason) == (Verdict.PASS, "")
    (posted,) = monitoring.posted
    assert posted["labels"]["alertname"] == TEST_ALERT
    assert "startsAt" not in posted, "whose clock would that be?"
    (evidence,) = result.evidence
    assert posted["labels"]["test"] in evidence.sent
    assert posted["labels"]["test"] in evidence.received
    assert target.listening == 0


def test_each_test_has_a_marker_of_its_own(monitoring: Monitoring, target: ListeningTarget) -> None:
    check(target)
    check(target)
    assert len({one["labels"]["test"] for one in monitoring.posted}) == 2


def test_one_that_does_not_arrive_fails(target: ListeningTarget) -> None:
    target.deaf = True
    result = check(target)
    assert result.status is Verdict.FAIL
    assert "did not reach the receiver within 0.1 s" in result.reason
    assert target.listening == 0


def test_without_a_receiver_for_it_nothing_is_sent_for_it_would_go_to_people(
    monitoring: Monitoring, target: ListeningTarget
) -> None:
    del monitoring.spoilt["/api/v2/receivers"]
    result = check(target)
    assert result.status is Verdict.SKIPPED
    assert "Alertmanager has no receiver alert-receiver, only null" in result.reason
    assert (monitoring.posted, target.listening) == ([], 0)


def test_where_nobody_can_listen_it_is_skipped_with_the_reason(
    tmp_path: Path, monitoring: Monitoring, target: ListeningTarget
) -> None:
    target.refused = "pods is forbidden"
    assert (check(target).status, monitoring.posted) == (Verdict.SKIPPED, [])
    assert "pods is forbidden" in check(target).reason
    result = check(WatchedTarget(tmp_path, monitoring))
    assert result.status is Verdict.SKIPPED
    assert "no stack on Kubernetes" in result.reason


@pytest.mark.parametrize("path", ["/api/v2/receivers", "/api/v2/alerts"])
def test_an_alertmanager_that_refuses_fails(monitoring: Monitoring, target: ListeningTarget, path: str) -> None:
    monitoring.refused.add(path)
    result = check(target)
    assert result.status is Verdict.FAIL
    assert "alertmanager refuses" in result.reason


def test_without_alertmanager_there_is_no_such_check(tmp_path: Path, monitoring: Monitoring) -> None:
    assert list(delivery.results(WatchedTarget(tmp_path, monitoring, parts=("prometheus",)))) == []
