"""The order of an experiment, with a scripted engine and faults that misbehave in every phase."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from typing_extensions import override

from benchmarks.statements import probe_statement
from engines import Outcome
from faults.base import Fault, Kind, NotPossible, Tuning
from faults.experiment import Plan, Record, Status, run_experiment
from faults.ledger import Ledger
from faults.observer import Background
from faults.recovery import recover
from targets.base import AvailabilityTimeline, AvailabilityWatch, MeansError, StoreError, Target, Unreachable
from targets.store import FileStore
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine

PLAN = Plan(before=0.2, after=0.2, steady_limit=5, proof_limit=0.5, recovery_limit=5)


class ScriptedFault(Fault):
    """Changes the script; what goes wrong is set on the instance."""

    kind: ClassVar[Kind] = Kind.SERVICE
    summary: ClassVar[str] = "scripted"
    mode = "refused"
    refuses_preflight = False
    fails_to_inject = False
    shows = True
    failing_reverts = 0

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return ["all"]

    @property
    def script(self) -> Script:
        engine = self.target.engines()[0]
        assert isinstance(engine, ScriptedEngine)
        return engine.script

    @override
    def preflight(self) -> None:
        if self.refuses_preflight:
            raise NotPossible("not here")

    @override
    def inject(self) -> None:
        assert Ledger(self.target.state_directory).pending(), "the revert is recorded before anything is changed"
        if self.fails_to_inject:
            raise MeansError("no means")
        self.script.become(self.mode)

    @override
    def proof(self) -> str:
        return "it is off" if self.shows else ""

    @override
    def revert(self) -> None:
        if self.failing_reverts:
            self.failing_reverts -= 1
            raise MeansError("stuck")
        if self.script.mode != "ok":
            self.script.become("ok")

    @override
    def revert_proof(self) -> str:
        return "it is on" if self.script.mode == "ok" else ""


ScriptedFault.name = "scripted"  # afterwards, so that it is not registered


class Bench:
    """A scripted engine in a fake target, and experiments on it."""

    def __init__(self, directory: Path) -> None:
        self.script = Script()
        self.engine = ScriptedEngine(self.script)
        self.target = FakeTarget(directory, [self.engine])
        self.ledger = Ledger(directory)
        self.fault = ScriptedFault(self.target, "scripted", "all", Tuning(hold=0.3))

    def run(self, plan: Plan = PLAN) -> Record:
        background = Background([probe_statement(self.engine.probe)], rate=50, deadline=1)
        return run_experiment(self.fault, self.engine, self.ledger, plan=plan, background=background)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_whole_experiment(bench: Bench) -> None:
    phases: list[str] = []
    record = run_experiment(bench.fault, bench.engine, bench.ledger, plan=PLAN, progress=phases.append)
    assert phases == ["steady state", "inject", "observe", "revert", "recover"]
    assert record.status is Status.COMPLETED
    assert record.steady_before and record.steady_after
    assert (record.proof, record.revert_proof) == ("it is off", "it is on")
    assert bench.ledger.pending() == []
    assert record.measures is not None and record.confirmed is not None and record.reverted is not None
    assert not record.measures.censored
    assert record.measures.rto >= record.reverted - record.confirmed, "it cannot be back before the revert"
    assert record.measures.unavailable > 0
    assert any(attempt.outcome is Outcome.FAILED for attempt in record.probes)


def test_the_background_workload_is_judged_too(bench: Bench) -> None:
    bench.fault.mode = "wrong"
    record = bench.run()
    assert any(attempt.outcome is Outcome.WRONG for attempt in record.workload)


@pytest.mark.parametrize(("deadline", "failed"), [(None, True), (20.0, False)])
def test_an_answer_is_late_or_failed_by_the_deadline_that_was_given(
    bench: Bench, deadline: float | None, failed: bool
) -> None:
    bench.fault.mode = "stalled"
    bench.fault.tuning = Tuning(hold=1.5)
    record = bench.run(replace(PLAN, deadline=deadline))
    assert record.status is Status.COMPLETED
    assert record.probe_deadline == (deadline or bench.engine.probe.deadline)
    for attempts in (record.probes, record.workload):
        assert any(attempt.outcome is Outcome.FAILED for attempt in attempts) is failed
        assert failed or any(attempt.latency > bench.engine.probe.deadline for attempt in attempts)


class LameTarget(FakeTarget):
    """Its capacity returns a while after the engine's answers, and what returns stumbles at first."""

    script: Script
    whole = False

    def full_capacity(self, engine: str) -> bool:
        return self.whole

    def come_back(self) -> None:
        self.whole = True
        self.script.become("refused")


def test_the_observation_ends_with_answers(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faults.observer._CapacityWatch.INTERVAL", 0.01)
    target = LameTarget(tmp_path, [bench.engine])
    target.script = bench.script
    fault = ScriptedFault(target, "scripted", "all", Tuning(hold=0.3))
    timers: list[threading.Timer] = []

    def later(phase: str) -> None:
        if phase == "recover":
            timers.extend([threading.Timer(0.8, target.come_back), threading.Timer(1.3, bench.script.become, ["ok"])])
            for timer in timers:
                timer.start()

    record = run_experiment(fault, bench.engine, Ledger(tmp_path), plan=PLAN, progress=later)
    for timer in timers:
        timer.join()
    assert record.measures is not None and record.reverted is not None and record.confirmed is not None
    assert record.steady_after and not record.measures.censored
    assert record.full_capacity is not None
    assert record.confirmed + record.measures.rto > record.full_capacity


def test_not_possible_is_skipped_and_nothing_is_sent(bench: Bench) -> None:
    bench.fault.refuses_preflight = True
    record = bench.run()
    assert (record.status, record.reason) == (Status.SKIPPED, "not here")
    assert bench.script.sent == 0


def test_without_steady_state_nothing_is_injected(bench: Bench) -> None:
    bench.script.become("refused")
    record = bench.run(Plan(before=0.2, steady_limit=0.3))
    assert record.status is Status.INCONCLUSIVE
    assert "nothing was injected" in record.reason
    assert record.injected is None
    assert len(bench.script.changes) == 1


def test_without_a_ledger_nothing_is_injected(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("in the way")
    record = bench.run()
    assert record.status is Status.INCONCLUSIVE
    assert "cannot record the revert" in record.reason
    assert bench.script.changes == []


def test_without_proof_it_is_inconclusive_and_reverted(bench: Bench) -> None:
    bench.fault.shows = False
    record = bench.run()
    assert record.status is Status.INCONCLUSIVE
    assert "no proof" in record.reason
    assert record.measures is None
    assert bench.script.mode == "ok"
    assert bench.ledger.pending() == []


def test_a_failed_injection_is_inconclusive_and_reverted(bench: Bench) -> None:
    bench.fault.fails_to_inject = True
    record = bench.run()
    assert record.status is Status.INCONCLUSIVE
    assert "injection failed: no means" in record.reason
    assert bench.ledger.pending() == []


def test_a_revert_that_fails_is_tried_again(bench: Bench) -> None:
    bench.fault.failing_reverts = 2
    record = bench.run()
    assert record.status is Status.COMPLETED
    assert record.reason == ""
    assert bench.script.mode == "ok"


def test_a_revert_that_never_shows_stays_in_the_ledger(bench: Bench) -> None:
    bench.fault.failing_reverts = 10_000
    record = bench.run()
    assert record.status is Status.LEFTOVER
    assert "stuck" in record.reason
    assert [entry.fault for entry in bench.ledger.pending()] == ["scripted"]


def test_an_engine_that_does_not_come_back_is_censored(bench: Bench) -> None:
    class Lasting(ScriptedFault):
        @override
        def revert_proof(self) -> str:
            self.script.become("refused")  # the revert itself broke it
            return "it is on"

    bench.fault = Lasting(bench.target, "scripted", "all", Tuning(hold=0.1))
    record = bench.run(Plan(before=0.2, after=0.2, recovery_limit=0.5, proof_limit=0.5))
    assert record.status is Status.COMPLETED
    assert record.steady_after is False
    assert record.measures is not None
    assert record.measures.censored


def test_an_interrupt_reverts_first(bench: Bench) -> None:
    def interrupt(phase: str) -> None:
        if phase == "observe":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(bench.fault, bench.engine, bench.ledger, plan=PLAN, progress=interrupt)
    assert bench.script.mode == "ok"
    assert bench.ledger.pending() == []
    end = time.monotonic() + 10
    while any(thread.name.startswith(("probe", "workload")) for thread in threading.enumerate()):
        assert time.monotonic() < end, "watchers outlived the experiment"
        threading.Event().wait(0.01)


def test_what_the_revert_needs_is_recorded_before_and_recalled_after(bench: Bench) -> None:
    recalled: list[tuple[str, str]] = []

    class Remembering(ScriptedFault):
        @override
        def remember(self) -> str:
            return f"mode was {self.script.mode}"

        @override
        def recall(self, original: str) -> None:
            recalled.append((self.key, original))

        @override
        def revert(self) -> None:
            raise MeansError("stuck")

    bench.fault = Remembering(bench.target, "scripted", "all", Tuning(hold=0.1))
    assert bench.run().status is Status.LEFTOVER
    (entry,) = bench.ledger.pending()
    assert (entry.id, entry.original) == (bench.fault.key, "mode was ok")
    Fault.registry["scripted"] = Remembering
    try:
        (recovery,) = recover(bench.target, bench.ledger, limit=0.1)
    finally:
        del Fault.registry["scripted"]
    assert recalled == [(entry.id, "mode was ok")]
    assert recovery.problem == "stuck"


def test_what_cannot_be_remembered_is_not_injected(bench: Bench) -> None:
    class Forgetful(ScriptedFault):
        @override
        def remember(self) -> str:
            raise MeansError("the API is gone")

    bench.fault = Forgetful(bench.target, "scripted", "all", Tuning(hold=0.1))
    record = bench.run()
    assert (record.status, record.injected) == (Status.INCONCLUSIVE, None)
    assert "the API is gone" in record.reason
    assert bench.ledger.pending() == []


def test_an_outage_of_the_control_is_waited_out_and_the_experiment_counts_for_nothing(bench: Bench) -> None:
    class CutOff(ScriptedFault):
        ends = 0.0

        @override
        def revert(self) -> None:
            self.ends = self.ends or time.monotonic() + 2 * PLAN.proof_limit
            if time.monotonic() < self.ends:
                raise Unreachable("the API does not answer")
            super().revert()

    bench.fault = CutOff(bench.target, "scripted", "all", Tuning(hold=0.1))
    record = bench.run()
    assert record.status is Status.INCONCLUSIVE
    assert "could not run to its end" in record.reason
    assert record.revert_proof == "it is on"
    assert bench.ledger.pending() == []


def test_a_record_that_may_have_been_made_all_the_same_is_removed(bench: Bench, tmp_path: Path) -> None:
    class Doubtful(FileStore):
        def put(self, key: str, subject: str, text: str) -> None:
            super().put(key, subject, text)
            raise StoreError("no answer; nothing was injected")

    bench.ledger = Ledger(Doubtful(tmp_path))
    record = bench.run()
    assert (record.status, record.injected) == (Status.INCONCLUSIVE, None)
    assert bench.ledger.pending() == []


class WatchedTarget(FakeTarget):
    """Whoever runs its engine says that it is well, come what may; or cannot be asked."""

    unmeasured = ""

    @contextmanager
    def watch_availability(self, engine: str) -> Iterator[AvailabilityWatch]:
        self.began = time.monotonic()
        yield self
        self.ended = time.monotonic()

    def timeline(self) -> AvailabilityTimeline:
        whole = ((self.began, self.ended),)
        if self.unmeasured:
            return AvailabilityTimeline(*whole[0], unobserved=whole, unmeasured=self.unmeasured)
        return AvailabilityTimeline(*whole[0], whole, whole)


@pytest.fixture
def watched(bench: Bench, tmp_path: Path) -> WatchedTarget:
    target = WatchedTarget(tmp_path, [bench.engine])
    bench.fault = ScriptedFault(target, "scripted", "all", Tuning(hold=0.3))
    return target


def test_an_outage_that_nobody_noticed_is_a_gray_failure(bench: Bench, watched: WatchedTarget) -> None:
    record = bench.run()
    assert record.availability is not None and record.gray is not None and record.measures is not None
    assert record.measures.unavailable > 0
    assert record.gray.failing == pytest.approx(record.measures.unavailable, abs=1e-3)
    assert record.gray.unready == record.gray.served == 0.0
    assert record.gray.ready_gap is None


def test_a_view_that_could_not_be_watched_is_not_compared(bench: Bench, watched: WatchedTarget) -> None:
    watched.unmeasured = "no right"
    record = bench.run()
    assert record.status is Status.COMPLETED
    assert record.availability is not None and record.availability.unmeasured == "no right"
    assert record.gray is None


def test_without_a_view_there_is_nothing_to_compare(bench: Bench) -> None:
    record = bench.run()
    assert (record.availability, record.gray) == (None, None)
