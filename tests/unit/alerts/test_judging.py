"""Which alerts were expected, which came, which should not have: from Prometheus' own record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.base import Fault, Kind
from faults.experiment import Record
from faults.observer import wait_until
from runner.alerts.session import Alerts
from runner.results import AlertsView
from runner.slo import AlertObjectives
from tests.unit.alerts.server import CLICKHOUSE, Monitoring, WatchedTarget, rule
from tests.unit.alerts.struck import measures, record, struck

SCRAPE = {"labels": {"namespace": "qer-one-trino"}, "scrapeInterval": "5s", "scrapeTimeout": "2s"}
# 5 + 2 until the next scrape, 15 until it is evaluated, 30 of `for`.
NEEDS = 52.0


@pytest.fixture
def target(tmp_path: Path, monitoring: Monitoring) -> WatchedTarget:
    monitoring.groups = [rule("TrinoDown", 30, interval=15), rule("EngineOutOfMemory", 0, interval=15)]
    monitoring.scrapes = [SCRAPE]
    return WatchedTarget(tmp_path, monitoring)


@pytest.fixture
def seen(target: WatchedTarget) -> Callable[[Record], AlertsView]:
    def look(found: Record) -> AlertsView:
        alerts = Alerts(target, asked=False, limits=AlertObjectives(), say=lambda _: None)
        with alerts.watching(found.fault) as observation:
            assert observation is not None
            view = observation.conclude(found)
        assert view is not None
        return view

    return look


Look = Callable[[Record], AlertsView]


@pytest.mark.parametrize("ahead", [0.0, 300.0, -300.0])
def test_an_expected_alert_that_fired_and_was_resolved(
    monitoring: Monitoring, target: WatchedTarget, seen: Look, ahead: float
) -> None:
    monitoring.ahead = ahead
    monitoring.on("TrinoDown", "pending", -90, -60)
    monitoring.on("TrinoDown", "firing", -60, -4)
    view = seen(record(struck(target, "scale-to-zero")))
    (expected,) = view.expected
    assert (expected.name, expected.outcome, expected.needs_seconds) == ("TrinoDown", "fired", NEEDS)
    assert expected.lasted_seconds == pytest.approx(90)
    assert expected.fired_seconds == pytest.approx(40, abs=1.2)
    assert expected.resolved_seconds == pytest.approx(-4 - -9, abs=1.2), "clients were served again a second later"
    (one,) = view.seen
    assert one.role == "expected"
    assert one.pending[0] == pytest.approx((20, 50), abs=1.2)
    assert one.firing[0] == pytest.approx((50, 106), abs=1.2)
    assert view.clock_ahead_seconds == pytest.approx(ahead, abs=0.5)


def test_one_that_is_still_on_is_not_resolved(monitoring: Monitoring, target: WatchedTarget, seen: Look) -> None:
    monitoring.on("TrinoDown", "firing", -60, 30)
    (expected,) = seen(record(struck(target, "scale-to-zero"))).expected
    assert expected.outcome == "fired"
    assert expected.resolved_seconds is None
    assert expected.waited_seconds == pytest.approx(9, abs=1)


def test_one_that_had_to_fire_and_did_not_is_missing(target: WatchedTarget, seen: Look) -> None:
    (expected,) = seen(record(struck(target, "scale-to-zero"))).expected
    assert (expected.outcome, expected.fired_seconds) == ("missing", None)


def test_an_outage_shorter_than_the_rule_needs_shows_nothing(target: WatchedTarget, seen: Look) -> None:
    (expected,) = seen(record(struck(target, "scale-to-zero"), confirmed=-60, reverted=-15)).expected
    assert expected.outcome == "not due"
    assert expected.lasted_seconds == pytest.approx(45)


def test_of_what_is_replaced_the_outage_counts_not_the_hold(target: WatchedTarget, seen: Look) -> None:
    short = record(struck(target, "delete"), measures=measures(1, 30))
    assert seen(short).expected[0].outcome == "not due"
    assert seen(short).expected[0].lasted_seconds == pytest.approx(29)
    long = record(struck(target, "delete"), measures=measures(1, 80))
    assert seen(long).expected[0].outcome == "missing"
    unseen = record(struck(target, "delete"), measures=measures(None, 0))
    assert seen(unseen).expected[0].outcome == "not due"
    assert seen(unseen).expected[0].lasted_seconds is None


def test_of_workers_the_time_until_all_are_there_counts(target: WatchedTarget, seen: Look) -> None:
    fault = struck(target, "delete", component="worker")
    found = record(fault, measures=measures(None, 0))
    assert found.confirmed is not None
    found.full_capacity = found.confirmed + 70
    assert seen(found).expected[0].lasted_seconds == pytest.approx(70)


def test_a_rule_that_is_not_loaded_or_broken_is_said(monitoring: Monitoring, target: WatchedTarget, seen: Look) -> None:
    monitoring.groups = []
    assert seen(record(struck(target, "scale-to-zero"))).expected[0].outcome == "no rule"
    monitoring.groups = [rule("TrinoDown", 30, health="err")]
    assert seen(record(struck(target, "scale-to-zero"))).expected[0].outcome == "no rule"


def test_what_was_on_before_shows_nothing_and_is_not_held_against_the_fault(
    monitoring: Monitoring, target: WatchedTarget, seen: Look
) -> None:
    monitoring.on("TrinoDown", "pending", -105, -95)
    monitoring.on("TrinoDown", "firing", -95, -50)
    monitoring.on("ClickHouseDown", "firing", -110, -20, namespace=CLICKHOUSE)
    view = seen(record(struck(target, "scale-to-zero")))
    assert view.expected[0].outcome == "active before"
    assert {one.role for one in view.seen} == {"before"}
    assert view.unexpected == ()


def test_another_pods_alert_that_lingers_does_not_hide_the_one_that_comes(
    monitoring: Monitoring, target: WatchedTarget, seen: Look
) -> None:
    monitoring.on("EngineOutOfMemory", "firing", -300, 100, pod="trino-worker-1")
    monitoring.on("EngineOutOfMemory", "firing", -80, 100, pod="trino-coordinator-1")
    (expected,) = seen(record(struck(target, "out-of-memory"))).expected
    assert expected.outcome == "fired"
    assert expected.fired_seconds == pytest.approx(20, abs=1.2)


def test_a_latched_alert_is_due_however_short_the_outage(
    monitoring: Monitoring, target: WatchedTarget, seen: Look
) -> None:
    fault = struck(target, "out-of-memory")
    (expected,) = seen(record(fault, reverted=-95, measures=measures(0.5, 5))).expected
    assert (expected.name, expected.outcome, expected.lasted_seconds) == ("EngineOutOfMemory", "missing", None)
    early = record(fault, confirmed=-10, reverted=-5, measures=measures(0.5, 5))
    assert seen(early).expected[0].outcome == "not due", "it was not watched for long enough"
    monitoring.on("EngineOutOfMemory", "firing", -80, 100, pod="trino-coordinator-1")
    assert seen(record(fault, reverted=-95)).expected[0].outcome == "fired"


NODE = Kind.NODE


@pytest.mark.parametrize(
    ("name", "kind", "alert", "namespace", "role"),
    [
        ("scale-to-zero", Kind.SERVICE, "TrinoWorkersMissing", "qer-one-trino", "allowed"),
        ("scale-to-zero", Kind.SERVICE, "ErrorBudgetBurnFast", "qer-one-trino", "allowed"),
        ("scale-to-zero", Kind.SERVICE, "ClickHouseDown", CLICKHOUSE, "unexpected"),
        ("scale-to-zero", Kind.SERVICE, "ErrorBudgetBurnFast", CLICKHOUSE, "allowed"),
        ("scale-to-zero", Kind.SERVICE, "EngineOutOfMemory", "qer-one-trino", "unexpected"),
        ("node-loss", NODE, "ClickHouseDown", CLICKHOUSE, "allowed"),
        ("node-loss", NODE, "EngineOutOfMemory", "qer-one-trino", "allowed"),
        ("cpu", Kind.POD, "TrinoDown", "qer-one-trino", "allowed"),
        ("not-ready", Kind.SERVICE, "TrinoDown", "qer-one-trino", "unexpected"),
    ],
)
def test_who_may_fire(
    monitoring: Monitoring,
    *,
    target: WatchedTarget,
    seen: Look,
    name: str,
    kind: Kind,
    alert: str,
    namespace: str,
    role: str,
) -> None:
    monitoring.on(alert, "firing", -50, -20, namespace=namespace)
    view = seen(record(struck(target, name, kind=kind)))
    assert [one.role for one in view.seen] == [role]
    assert bool(view.unexpected) == (role == "unexpected")


def test_pending_alone_is_not_unexpected_and_other_peoples_rules_are_not_judged(
    monitoring: Monitoring, target: WatchedTarget, seen: Look
) -> None:
    monitoring.on("ClickHouseDown", "pending", -50, -20, namespace=CLICKHOUSE)
    monitoring.on("KubePodNotReady", "firing", -50, -20, part_of="")
    view = seen(record(struck(target, "scale-to-zero")))
    assert [one.role for one in view.seen] == ["unexpected", "other"]
    assert view.unexpected == ()


def test_a_worker_alone_takes_no_coordinator_away(monitoring: Monitoring, target: WatchedTarget, seen: Look) -> None:
    monitoring.on("TrinoDown", "firing", -50, -20)
    assert len(seen(record(struck(target, "scale-to-zero", component="workers"))).unexpected) == 1


def test_nothing_is_asked_where_nothing_was_injected(monitoring: Monitoring, target: WatchedTarget) -> None:
    alerts = Alerts(target, asked=True, limits=AlertObjectives(), say=lambda _: None)
    fault: Fault = struck(target, "delete")
    with alerts.watching(fault) as observation:
        assert observation is not None
        assert observation.conclude(record(fault, injected=None)) is None
    assert ("GET", "/api/v1/query_range") not in monitoring.requests


def test_what_alertmanager_has_is_known(monitoring: Monitoring, target: WatchedTarget) -> None:
    monitoring.on("TrinoDown", "firing", -50, 600)
    alerts = Alerts(target, asked=False, limits=AlertObjectives(), say=lambda _: None)
    found = record(struck(target, "scale-to-zero"))
    with alerts.silenced(wanted=True), alerts.watching(found.fault) as observation:
        assert observation is not None
        assert wait_until(lambda: ("GET", "/api/v2/alerts") in monitoring.requests, 30)
    view = observation.conclude(found)
    assert view is not None
    (one,) = view.seen
    assert one.silenced
    assert one.notified_seconds is not None and one.notified_seconds >= 100
