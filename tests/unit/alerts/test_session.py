"""Monitoring during a run: waiting, holding, marking, silencing, and what happens when nobody answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from typing_extensions import override

from faults.base import Fault, Kind, Tuning
from faults.experiment import Plan, Record, Status, run_experiment
from faults.ledger import Entry, Ledger
from faults.marks import annotation, end_mark, grafana_mark
from faults.observer import wait_until
from faults.recovery import recover
from runner.alerts import session, watch
from runner.alerts.session import Alerts
from runner.slo import AlertObjectives
from targets.base import MeansError, StoreError, Target
from targets.monitoring import MonitoringError
from targets.store import FileStore
from tests.unit.alerts.server import CLICKHOUSE, NAMESPACE, Monitoring, WatchedTarget, rule
from tests.unit.alerts.struck import Struck, record, struck
from tests.unit.fakes import Script, ScriptedEngine

LIMITS = AlertObjectives()
SCRAPE = {"labels": {"namespace": NAMESPACE}, "scrapeInterval": "5s", "scrapeTimeout": "2s"}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def target(tmp_path: Path, monitoring: Monitoring, monkeypatch: pytest.MonkeyPatch) -> WatchedTarget:
    monkeypatch.setattr(session, "PERIOD", 0.05)
    monitoring.groups = [rule("TrinoDown", 30, interval=15)]
    monitoring.scrapes = [SCRAPE]
    return WatchedTarget(tmp_path, monitoring)


def alerts(target: Target, said: list[str], *, asked: bool = False, limits: AlertObjectives = LIMITS) -> Alerts:
    return Alerts(target, asked=asked, limits=limits, say=said.append)


def test_without_monitoring_nothing_is_done(tmp_path: Path, monitoring: Monitoring, said: list[str]) -> None:
    target = WatchedTarget(tmp_path, monitoring, parts=())
    found, fault = alerts(target, said), struck(target, "delete")
    with found.watching(fault) as observation, found.silenced(wanted=False):
        assert observation is None
    mark = found.marks.begin(fault)
    found.marks.end(mark, time.monotonic())
    assert (mark, found.marks.told(mark), found.measured, found.clock()) == ("", "", False, None)
    assert (monitoring.requests, said) == ([], [])


class TestWaiting:
    def conclude(self, found: Alerts, made: Record) -> float:
        began = time.monotonic()
        with found.watching(made.fault) as observation:
            assert observation is not None
            assert wait_until(lambda: bool(observation._watch.gaps(0) == ()) and self.looked(observation._watch), 30)
            view = observation.conclude(made)
        assert view is not None
        self.view = view
        return time.monotonic() - began

    @staticmethod
    def looked(looking: watch.AlertWatch) -> bool:
        return bool(looking._answered)

    def test_only_where_it_was_asked_for(self, monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
        monitoring.on("TrinoDown", "firing", -50, 600)
        made = record(struck(target, "scale-to-zero"))
        assert self.conclude(alerts(target, said), made) < 100
        assert self.view.expected[0].waited_seconds == pytest.approx(9, abs=5)

    def test_until_it_is_resolved(self, monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
        monitoring.on("TrinoDown", "firing", -50, 1.5)
        monitoring.on("ErrorBudgetBurnFast", "firing", -50, 600)
        self.conclude(alerts(target, said, asked=True), record(struck(target, "scale-to-zero")))
        (expected,) = self.view.expected
        assert expected.outcome == "fired"
        assert expected.waited_seconds is not None and expected.waited_seconds > 10
        assert monitoring.now() >= monitoring.spans[0][3], "it went on before the alert was resolved"

    def test_not_for_what_was_on_before_the_injection(
        self, monitoring: Monitoring, target: WatchedTarget, said: list[str]
    ) -> None:
        monitoring.on("EngineOutOfMemory", "firing", -50, 600)
        found, fault = alerts(target, said, asked=True), struck(target, "scale-to-zero")
        with found.watching(fault) as observation:
            assert observation is not None
            assert wait_until(lambda: self.looked(observation._watch), 30)
            view = observation.conclude(record(fault, confirmed=0, reverted=0, injected=time.monotonic()))
        assert view is not None
        (expected,) = view.expected
        assert expected.waited_seconds is not None and LIMITS.resolved_seconds is not None
        assert expected.waited_seconds < LIMITS.resolved_seconds / 2
        assert {one.name: one.role for one in view.seen}["EngineOutOfMemory"] == "before"

    def test_for_prometheus_to_be_there_again(
        self, monitoring: Monitoring, target: WatchedTarget, said: list[str]
    ) -> None:
        monitoring.on("TrinoDown", "firing", -50, 600)
        found, fault = (
            alerts(target, said, asked=True, limits=AlertObjectives(resolved_seconds=20)),
            struck(target, "drain"),
        )
        with found.watching(fault) as observation:
            assert observation is not None
            assert wait_until(lambda: self.looked(observation._watch), 30)
            monitoring.gone = True
            assert wait_until(observation._watch.lost, 30)
            threading.Timer(0.5, lambda: setattr(monitoring, "gone", False)).start()
            view = observation.conclude(record(fault))
        assert view is not None
        assert (view.not_measured, view.expected[0].outcome) == ("", "fired")

    def test_no_longer_than_the_objective_says(
        self, monitoring: Monitoring, target: WatchedTarget, said: list[str]
    ) -> None:
        monitoring.on("TrinoDown", "firing", -50, 600)
        found = alerts(target, said, asked=True, limits=AlertObjectives(resolved_seconds=9.5))
        self.conclude(found, record(struck(target, "scale-to-zero")))
        (expected,) = self.view.expected
        assert expected.resolved_seconds is None
        assert expected.waited_seconds is not None and expected.waited_seconds >= 9.5

    def test_for_a_latched_alert_to_fire(self, monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
        monitoring.groups = [rule("EngineOutOfMemory", 0, interval=15)]
        monitoring.on("EngineOutOfMemory", "firing", 1, 600)
        self.conclude(alerts(target, said, asked=True), record(struck(target, "out-of-memory"), confirmed=-12))
        assert self.view.expected[0].outcome == "fired"

    def test_not_after_a_revert_that_was_not_proven(
        self, monitoring: Monitoring, target: WatchedTarget, said: list[str]
    ) -> None:
        monitoring.on("TrinoDown", "firing", -50, 600)
        made = record(struck(target, "scale-to-zero"), status=Status.LEFTOVER)
        assert self.conclude(alerts(target, said, asked=True), made) < 100


@pytest.mark.parametrize(
    ("asked", "name", "component", "hold"),
    [
        (True, "scale-to-zero", "coordinator", 57),  # 5 + 2 + 15 + 30 and a margin
        (True, "delete", "coordinator", 3),  # its end is not ours to choose
        (True, "scale-to-zero", "workers", 3),  # no such rule
        (False, "scale-to-zero", "coordinator", 3),
    ],
)
def test_a_fault_is_held_as_long_as_its_alert_needs(
    target: WatchedTarget, said: list[str], *, asked: bool, name: str, component: str, hold: float
) -> None:
    tuning = alerts(target, said, asked=asked).tuning(struck(target, name, component=component))
    assert tuning.hold == hold
    assert tuning.ttl - tuning.hold == Tuning().ttl - Tuning().hold


def test_nothing_is_held_for_minutes_on_end(monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
    monitoring.groups = [rule("TrinoDown", 600)]
    assert alerts(target, said, asked=True).tuning(struck(target, "scale-to-zero")) == Tuning()


def test_nobody_answers(monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
    monitoring.gone = True
    found = alerts(target, said, asked=True)
    fault = struck(target, "scale-to-zero")
    assert found.tuning(fault) == fault.tuning
    for _ in range(2):
        with found.watching(fault) as observation:
            assert observation is not None
            view = observation.conclude(record(fault, reverted=-200.0))
        assert view is not None
        assert view.not_measured == "prometheus does not answer (ConnectionError)"
        assert view.asked
    told = [line for line in said if "alerts:" in line]
    assert told == ["alerts: not measured: prometheus does not answer (ConnectionError); the run goes on without"]


def test_an_alert_may_have_fired_while_nobody_answered(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    found, made = alerts(target, said), record(struck(target, "scale-to-zero"))
    with found.watching(made.fault) as observation:
        assert observation is not None
        looking = observation._watch
        assert wait_until(lambda: bool(looking._answered), 30)
    looking._began = made.started
    view = observation.conclude(made)
    assert view is not None
    assert view.expected[0].outcome == "unknown"
    assert view.not_observed[0] == pytest.approx((0.0, 110), abs=10)


@pytest.mark.parametrize(("ahead", "words"), [(0.2, ""), (42.0, "ahead of"), (-42.0, "behind")])
def test_a_skewed_clock_is_said_once(
    monitoring: Monitoring, target: WatchedTarget, said: list[str], ahead: float, words: str
) -> None:
    monitoring.ahead = ahead
    found, fault = alerts(target, said), struck(target, "scale-to-zero")
    for _ in range(2):
        with found.watching(fault) as observation:
            assert observation is not None
            observation.conclude(record(fault))
    told = [line for line in said if line.startswith("clocks:")]
    assert len(told) == bool(words)
    assert all(words in line and "corrected" in line for line in told)


class Marked(Struck):
    """Does nothing, well or badly."""

    kind: ClassVar[Kind] = Kind.SERVICE
    fails = False

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return ["all"]

    @override
    def inject(self) -> None:
        if self.fails:
            raise MeansError("it cannot be")


Marked.name = "marked"  # afterwards, so that it is not registered

PLAN = Plan(before=0.2, after=0.2, steady_limit=5, proof_limit=0.5, recovery_limit=5)


def run(target: WatchedTarget, found: Alerts, fault: Fault, ledger: Ledger) -> Record:
    return run_experiment(fault, ScriptedEngine(Script()), ledger, plan=PLAN, marks=found.marks)


def marked(target: WatchedTarget) -> Marked:
    return Marked(target, "trino", "coordinator", Tuning(hold=0.3, ttl=30))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("ahead", [0.0, 500.0])
def test_an_injection_is_a_window_in_grafana_by_the_clusters_clock(
    monitoring: Monitoring, target: WatchedTarget, said: list[str], tmp_path: Path, *, ahead: float, fails: bool
) -> None:
    monitoring.ahead = ahead
    found, fault = alerts(target, said), marked(target)
    fault.fails = fails
    began = monitoring.now()
    made = run(target, found, fault, Ledger(tmp_path))
    (window,) = monitoring.annotations.values()
    assert began <= window["time"] / 1000 <= window["timeEnd"] / 1000 <= monitoring.now() + 0.5
    assert window["timeEnd"] < window["time"] + 25_000, "it still has the end of the injection's TTL"
    assert window["tags"] == ["query-engine-reliability", "injection", "fake", "trino", "marked"]
    assert window["text"] == "trino/coordinator/marked: nothing happens"
    assert found.marks.told(made.mark) == "Grafana annotation 1"
    assert not [line for line in said if "annotations" in line]


def test_grafana_without_permission_is_said_once_and_the_run_goes_on(
    monitoring: Monitoring, target: WatchedTarget, said: list[str], tmp_path: Path
) -> None:
    monitoring.refused.add("/api/annotations")
    found = alerts(target, said)
    made = [run(target, found, marked(target), Ledger(tmp_path)) for _ in range(2)]
    assert [one.status for one in made] == [Status.COMPLETED] * 2
    (line,) = said
    assert line.startswith("annotations: grafana refuses POST /api/annotations: 403")
    assert line.endswith("the run goes on without")
    assert "403" in found.marks.told(made[0].mark)


class FullStore(FileStore):
    @override
    def put(self, key: str, subject: str, text: str) -> None:
        raise StoreError("no space left")


def test_what_was_never_injected_leaves_no_window(
    monitoring: Monitoring, target: WatchedTarget, said: list[str], tmp_path: Path
) -> None:
    made = run(target, alerts(target, said), marked(target), Ledger(FullStore(tmp_path)))
    assert made.injected is None
    assert monitoring.annotations == {}


def entry(created: float, ttl: float, mark: str) -> Entry:
    return Entry("k", "delete", "trino", "coordinator", created, ttl, 1, mark=mark)


def test_recover_ends_the_window_of_a_runner_that_died_but_never_later_than_the_injection_ended(
    monitoring: Monitoring, target: WatchedTarget, said: list[str]
) -> None:
    mark = alerts(target, said).marks.begin(struck(target, "delete"))
    ends = monitoring.annotations[1]["timeEnd"]
    assert end_mark(target, entry(time.time() - 100, 30, mark)) == ""
    assert monitoring.annotations[1]["timeEnd"] == ends
    assert end_mark(target, entry(time.time(), 30, mark)) == ""
    assert monitoring.annotations[1]["timeEnd"] < ends
    monitoring.gone = True
    assert "grafana does not answer" in end_mark(target, entry(time.time(), 30, mark))


@pytest.mark.parametrize("mark", ["", "grafana:", "grafana:x", "elsewhere:7"])
def test_a_mark_that_names_nothing_is_left_alone(monitoring: Monitoring, target: WatchedTarget, mark: str) -> None:
    assert annotation(mark) is None
    assert end_mark(target, entry(time.time(), 30, mark)) == ""
    assert monitoring.requests == []
    assert annotation(grafana_mark(7)) == 7


def test_the_ledger_keeps_the_mark(target: WatchedTarget, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record("delete", "trino", "coordinator", created_at=1, ttl=2, mark="grafana:5")
    (found,) = ledger.pending()
    assert found.mark == "grafana:5"


class TestSilences:
    def test_one_for_the_run_and_gone_with_it(
        self, monitoring: Monitoring, target: WatchedTarget, said: list[str]
    ) -> None:
        found = alerts(target, said)
        with found.silenced(wanted=True):
            (one,) = monitoring.silences.values()
            assert one["status"]["state"] == "active"
            assert one["matchers"][0]["value"] == f"{CLICKHOUSE}|{NAMESPACE}"
            before = one["endsAt"]
            with found.watching(struck(target, "delete")):
                (renewed,) = monitoring.silences.values()
                assert renewed["endsAt"] >= before
        (one,) = monitoring.silences.values()
        assert one["status"]["state"] == "expired"
        assert said == []

    def test_ended_on_every_way_out(self, monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
        with pytest.raises(KeyboardInterrupt), alerts(target, said).silenced(wanted=True):
            raise KeyboardInterrupt
        (one,) = monitoring.silences.values()
        assert one["status"]["state"] == "expired"

    def test_that_cannot_be_had_stops_the_run(
        self, monitoring: Monitoring, target: WatchedTarget, said: list[str]
    ) -> None:
        monitoring.refused.add("/api/v2/silences")
        with pytest.raises(MonitoringError, match="403"), alerts(target, said).silenced(wanted=True):
            pytest.fail("somebody would be called")

    def test_that_cannot_be_ended_is_said(self, monitoring: Monitoring, target: WatchedTarget, said: list[str]) -> None:
        with alerts(target, said).silenced(wanted=True):
            monitoring.refused.add("/api/v2/silence/silence-1")
        assert "ends by itself within 30 minutes" in said[-1]

    def test_recover_ends_what_a_killed_runner_left(
        self, monitoring: Monitoring, target: WatchedTarget, said: list[str], tmp_path: Path
    ) -> None:
        held = alerts(target, said).silenced(wanted=True)
        held.__enter__()
        assert recover(target, Ledger(tmp_path)) == []
        (one,) = monitoring.silences.values()
        assert one["status"]["state"] == "expired"
