"""From a record to an experiment with a verdict."""

from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.openloop import Attempt
from engines import Outcome
from faults.base import Tuning
from faults.durability import Durability
from faults.experiment import Record, Status
from faults.grayfailure import compare
from faults.timeline import measure
from runner import measured, results
from runner.results import Verdict
from runner.slo import Slo
from targets.base import AvailabilityTimeline
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine
from tests.unit.faults.test_experiment import ScriptedFault

START = 1000.0


def probes(outcomes: str) -> list[Attempt]:
    kinds = {".": Outcome.OK, "x": Outcome.FAILED, "w": Outcome.WRONG}
    return [
        Attempt(
            i, "probe", START + i / 10, START + i / 10, START + i / 10 + 0.01, kinds[c], "" if c == "." else "reset"
        )
        for i, c in enumerate(outcomes)
    ]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    target = FakeTarget(tmp_path, [ScriptedEngine(Script())])
    attempts = probes("." * 10 + "x" * 5 + "." * 15)
    confirmed = START + 0.98
    return Record(
        fault=ScriptedFault(target, "scripted", "all", Tuning()),
        probe_period=0.1,
        probe_deadline=0.5,
        wall_started=1_700_000_000.0,
        started=START,
        finished=START + 3,
        status=Status.COMPLETED,
        steady_before=True,
        steady_after=True,
        injected=START + 0.95,
        confirmed=confirmed,
        reverted=START + 1.45,
        proof="off",
        revert_proof="on",
        full_capacity=START + 2.0,
        measures=measure(attempts, confirmed=confirmed, until=START + 3, period=0.1),
        probes=attempts,
        workload=[Attempt(0, "Q6", START + 1, START + 1, START + 1.2, Outcome.OK)],
    )


def test_a_completed_record(record: Record) -> None:
    result = measured.experiment(record, Slo())
    assert result.verdict is Verdict.PASS
    assert result.window == pytest.approx((0.95, 1.45))
    assert result.injection.confirmed_at == pytest.approx(1_700_000_000.98)
    assert result.rto_seconds == pytest.approx(1.51 - 0.98)
    assert result.full_capacity_seconds == pytest.approx(2.0 - 0.98)
    assert (result.answers.ok, result.answers.failed) == (26, 5)
    assert (result.probe_answers.ok, result.probe_answers.failed) == (25, 5)
    assert result.errors == {"reset": 5}
    assert [result.latency_before.count, result.latency_during.count, result.latency_after.count] == [10, 1, 14]
    assert len(result.samples) == 30
    assert result.samples[10].outcome == "failed"
    assert result.samples[10].at == pytest.approx(1.0)


def test_a_wrong_answer_fails_whatever_the_objectives_else(record: Record) -> None:
    record.workload.append(Attempt(1, "Q6", START, START, START + 1, Outcome.WRONG, "wrong"))
    result = measured.experiment(record, Slo())
    assert result.verdict is Verdict.FAIL
    assert result.reason == "1 wrong answers"


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.INCONCLUSIVE, Status.LEFTOVER])
@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Durability(5, 1, 2, 2, 0, 1, 0, 0), "inserts: 2 lost"),
        (Durability(5, 1, 2, 0, 1, 1, 0, 1), "inserts: 1 duplicated, 1 there that nobody sent"),
    ],
)
def test_a_lost_or_duplicated_insert_fails_whatever_else(
    record: Record, status: Status, found: Durability, reason: str
) -> None:
    record.durability, record.status, record.reason = found, status, "because"
    result = measured.experiment(record, Slo(wrong_answers=99))
    assert (result.verdict, result.reason) == (Verdict.FAIL, reason)
    assert result.durability == results.Durability.model_validate(asdict(found))


def test_inserts_that_are_all_there_change_nothing(record: Record) -> None:
    record.durability = Durability(5, 1, 2, 0, 0, 1, 1, 0)
    assert measured.experiment(record, Slo()).verdict is Verdict.PASS


def test_inserts_that_could_not_be_read_back_leave_it_open(record: Record) -> None:
    record.durability = Durability(5, 1, 2, reason="no answer")
    result = measured.experiment(record, Slo())
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason == "acknowledged inserts lost or duplicated not measured (no answer), limit ≤ 0"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (Status.SKIPPED, Verdict.SKIPPED),
        (Status.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        (Status.LEFTOVER, Verdict.FAIL),
    ],
)
def test_what_did_not_complete_never_passes(record: Record, status: Status, verdict: Verdict) -> None:
    record.status, record.reason = status, "because"
    result = measured.experiment(record, Slo())
    assert (result.verdict, result.reason) == (verdict, "because")


def test_no_steady_state_afterwards_fails(record: Record) -> None:
    record.steady_after = False
    result = measured.experiment(record, Slo())
    assert result.verdict is Verdict.FAIL
    assert "no steady state again" in result.reason


def test_a_missed_objective_is_the_reason(record: Record) -> None:
    slo = Slo.model_validate({"rto_seconds": {"service": 0.1}})
    result = measured.experiment(record, slo)
    assert result.verdict is Verdict.FAIL
    assert "RTO" in result.reason
    assert "0.1 s" in result.reason


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([], Verdict.SKIPPED),
        ([Verdict.PASS, Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.PASS], Verdict.FAIL),
        ([Verdict.SKIPPED], Verdict.SKIPPED),
    ],
)
def test_overall(verdicts: list[Verdict], whole: Verdict) -> None:
    assert measured.overall(verdicts) is whole


def test_what_kubernetes_said_is_told_from_the_start_of_the_experiment(record: Record) -> None:
    assert measured.experiment(record, Slo()).kubernetes is None, "nothing is shown where nobody was asked"
    ready = ((START + 0.1, START + 1.2), (START + 1.9, START + 3))
    record.availability = AvailabilityTimeline(START, START + 3, ready, ready[:1], ((START, START + 0.1),))
    assert record.measures is not None and record.confirmed is not None
    record.gray = compare(
        record.probes,
        record.measures,
        record.availability,
        injected=START + 0.95,
        confirmed=record.confirmed,
        until=record.finished,
        period=0.1,
    )
    view = measured.experiment(record, Slo()).kubernetes
    assert view is not None and view.compared is not None
    assert view.ready == ((0.1, 1.2), (1.9, 3.0))
    assert (view.all_pods_ready, view.not_observed) == (((0.1, 1.2),), ((0.0, 0.1),))
    assert view.compared.failing_seconds == pytest.approx(0.2)
    assert view.compared.ready_gap_seconds == pytest.approx(1.9 - 1.51)
    assert view.compared.all_ready_seconds is None


def test_what_could_not_be_watched_says_why(record: Record) -> None:
    record.availability = AvailabilityTimeline(START, START + 3, unmeasured="no right")
    view = measured.experiment(record, Slo()).kubernetes
    assert view is not None
    assert (view.not_measured, view.compared) == ("no right", None)
