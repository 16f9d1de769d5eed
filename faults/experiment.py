"""One experiment: steady state, ledger, injection, proof, observation, revert, proof, recovery, steady state.

The order is that of the Principles of Chaos Engineering (principlesofchaos.org) with two additions: a fault counts only
when its effect is proven, and what undoes it is on record before it is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from benchmarks.openloop import Attempt
from engines import Engine, ProbeQuery
from faults.base import Fault, NotPossible
from faults.durability import Durability, InsertCheck
from faults.grayfailure import GrayFailure, compare
from faults.ledger import Entry, Ledger, LedgerError
from faults.marks import Marks, NoMarks
from faults.observer import Background, Observer, wait_until
from faults.timeline import CONSECUTIVE, Measures, measure
from targets.base import AvailabilityTimeline, MeansError, Unreachable

Patient = TypeVar("Patient", ProbeQuery, Background)


class Status(StrEnum):
    """How far an experiment came."""

    COMPLETED = "completed"  # measured; the objectives decide
    INCONCLUSIVE = "inconclusive"  # something could not be shown
    SKIPPED = "skipped"  # not possible here
    LEFTOVER = "leftover"  # the revert could not be proven: something may still be broken


@dataclass(frozen=True, slots=True)
class Plan:
    """Durations of the phases, in seconds.

    ``before`` and ``after``: observed steady state on either side. ``steady_limit``: how long to wait for it.
    ``proof_limit``: how long an injection or a revert may take to show. ``recovery_limit``: from the confirmed
    injection; an engine that is not back by then is censored. ``deadline``: until clients give up on an answer;
    ``None``: the engine's probe's and the workload's own.
    """

    before: float = 2.0
    after: float = 1.5
    steady_limit: float = 30.0
    proof_limit: float = 10.0
    recovery_limit: float = 90.0
    deadline: float | None = None

    def patient(self, own: Patient) -> Patient:
        """A probe or a workload with the plan's deadline, where it has one."""
        return own if self.deadline is None else replace(own, deadline=self.deadline)


@dataclass(slots=True)
class Record:
    """What happened; moments in seconds of ``time.monotonic()`` except ``wall_started`` (seconds since the epoch)."""

    fault: Fault
    probe_period: float
    probe_deadline: float
    wall_started: float
    started: float
    finished: float = 0.0
    status: Status = Status.INCONCLUSIVE
    reason: str = ""
    steady_before: bool | None = None
    steady_after: bool | None = None
    injected: float | None = None
    confirmed: float | None = None
    reverted: float | None = None
    proof: str = ""
    revert_proof: str = ""
    full_capacity: float | None = None
    measures: Measures | None = None
    probes: list[Attempt] = field(default_factory=list)
    workload: list[Attempt] = field(default_factory=list)
    durability: Durability | None = None
    availability: AvailabilityTimeline | None = None
    gray: GrayFailure | None = None
    mark: str = ""


class _Abort(Exception):
    """The experiment cannot go on; the message says why."""


def run_experiment(
    fault: Fault,
    engine: Engine,
    ledger: Ledger,
    *,
    plan: Plan,
    background: Background | None = None,
    seed: int = 0,
    marks: Marks | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Record:
    """Run one experiment from preflight to the second steady state.

    Every way out, exceptions and signals included, reverts what was injected first.

    Args:
        fault: bound to its target and component.
        engine: adapter of the engine it strikes.
        ledger: where the revert is recorded.
        plan: durations.
        background: workload during the experiment.
        seed: of the background's arrivals.
        marks: where the injection is marked for people.
        progress: told the name of each phase.

    Returns:
        The record; a fault that is not possible here is ``SKIPPED``, one without proof ``INCONCLUSIVE``.
    """
    probe = plan.patient(engine.probe)
    record = Record(fault, probe.period, probe.deadline, time.time(), time.monotonic())
    try:
        fault.preflight()
    except (NotPossible, MeansError) as error:
        record.status, record.reason = Status.SKIPPED, str(error)
        record.finished = time.monotonic()
        return record
    background = plan.patient(background) if background else None
    observer = Observer(fault.target, engine, background, seed=seed, probe=probe)
    inserts = InsertCheck(engine, fault.key, seed=seed)
    try:
        with observer, inserts:
            _Conduct(record, observer, ledger, plan, progress, marks or NoMarks()).conduct()
    except _Abort as abort:
        record.reason = f"{abort}; {record.reason}" if record.reason else str(abort)
    record.finished = time.monotonic()
    record.probes, record.workload = observer.probes(), observer.workload()
    record.durability = inserts.resolve()
    record.availability = observer.availability()
    _derive(record)
    return record


@dataclass(slots=True)
class _Conduct:
    """The phases under observation; writes what it sees into the record."""

    record: Record
    observer: Observer
    ledger: Ledger
    plan: Plan
    progress: Callable[[str], None]
    marks: Marks
    cut_off: bool = False

    def conduct(self) -> None:
        self.progress("steady state")
        self.record.steady_before = self._steady_for(self.plan.before, self.plan.steady_limit, since=0.0)
        if not self.record.steady_before:
            raise _Abort(f"no steady state within {self.plan.steady_limit:g} s before; nothing was injected")
        entry = self._register()
        try:
            self.progress("inject")
            self._inject()
            self.progress("observe")
            if not self.record.fault.momentary:
                time.sleep(self.record.fault.tuning.hold)
        finally:
            self.progress("revert")
            self._revert(entry)
        if self.cut_off and self.record.status is not Status.LEFTOVER:
            raise _Abort("could not run to its end: what acts on the target did not answer; reverted once it did")
        self.progress("recover")
        self._recover()

    def _steady_for(self, duration: float, limit: float, *, since: float) -> bool:
        """Wait for a stretch of ``duration`` seconds in which every probe was answered right."""
        count = max(CONSECUTIVE, round(duration / self.record.probe_period))
        return wait_until(lambda: self.observer.steady(since=since, count=count), limit)

    def _register(self) -> Entry:
        fault = self.record.fault
        self.record.mark = self.marks.begin(fault)
        try:
            return self.ledger.record(
                fault.name,
                fault.engine,
                fault.component,
                created_at=time.time(),
                ttl=fault.tuning.ttl,
                key=fault.key,
                subject=fault.subject,
                original=fault.remember(),
                mark=self.record.mark,
            )
        except (LedgerError, MeansError, NotPossible) as error:
            self.marks.drop(self.record.mark)
            raise _Abort(str(error)) from error

    def _inject(self) -> None:
        self.record.injected = time.monotonic()
        try:
            self.record.fault.inject()
            proven = wait_until(self._injection_shows, self.plan.proof_limit, interval=0.01)
        except (MeansError, NotPossible) as error:
            raise _Abort(f"injection failed: {error}") from error
        if not proven:
            raise _Abort(f"no proof within {self.plan.proof_limit:g} s that the injection took effect")

    def _injection_shows(self) -> bool:
        self.record.proof = self.record.fault.proof()
        if self.record.proof:
            self.record.confirmed = time.monotonic()
        return bool(self.record.proof)

    def _revert(self, entry: Entry) -> None:
        """Revert, prove it, and only then clear the ledger; a revert that fails is tried until its limit."""
        # A killed process is back only when its keeper has started it: that is recovery, so it may take as long.
        limit = self.plan.recovery_limit if self.record.fault.momentary else self.plan.proof_limit
        if self._reverted_within(limit, entry):
            return
        if self.cut_off:  # nothing could be reverted while nobody answered: wait until somebody does
            limit += self.plan.recovery_limit
            if self._reverted_within(self.plan.recovery_limit, entry):
                return
        self.record.status = Status.LEFTOVER
        self.record.reason = f"revert not proven within {limit:g} s: {self.record.reason or 'no proof'}; use recover"

    def _reverted_within(self, limit: float, entry: Entry) -> bool:
        done = wait_until(lambda: self._revert_shows() and self._cleared(entry), limit, interval=0.05)
        if done:
            self.marks.end(self.record.mark, self.record.reverted or time.monotonic())
        return done

    def _revert_shows(self) -> bool:
        record, fault = self.record, self.record.fault
        try:
            fault.revert()
            if not fault.momentary:
                record.reverted = record.reverted or time.monotonic()
            record.revert_proof = fault.revert_proof()
        except (MeansError, NotPossible) as error:
            record.reason = str(error)
            self.cut_off = self.cut_off or isinstance(error, Unreachable)
            return False
        if record.revert_proof:
            record.reason = ""
            record.reverted = record.reverted or time.monotonic()
        return bool(record.revert_proof)

    def _cleared(self, entry: Entry) -> bool:
        try:
            self.ledger.clear(entry)
        except LedgerError as error:
            self.record.reason = str(error)
            return False
        return True

    def _recover(self) -> None:
        record = self.record
        if record.confirmed is None or record.status is Status.LEFTOVER:
            return
        record.steady_after = self._steady_for(self.plan.after, self._time_left(), since=record.reverted or 0.0)
        if self.observer.knows_capacity and wait_until(
            lambda: self.observer.full_capacity_at() is not None, self._time_left()
        ):
            record.full_capacity = self.observer.full_capacity_at()
            # What has just come back may stumble over its first query: the observation ends after that.
            since = max(record.reverted or 0.0, record.full_capacity or 0.0)
            record.steady_after = self._steady_for(self.plan.after, self._time_left(), since=since)
        record.status = Status.COMPLETED

    def _time_left(self) -> float:
        """Seconds of the recovery limit that are left, at least one so that a late look is still a look."""
        assert self.record.confirmed is not None  # noqa: S101 - recovery comes after the confirmed injection
        return max(1.0, self.plan.recovery_limit - (time.monotonic() - self.record.confirmed))


def _derive(record: Record) -> None:
    if record.confirmed is None:
        return
    try:
        record.measures = measure(
            record.probes, confirmed=record.confirmed, until=record.finished, period=record.probe_period
        )
    except ValueError as error:
        record.status, record.reason = Status.INCONCLUSIVE, str(error)
        return
    if record.availability and not record.availability.unmeasured:
        record.gray = compare(
            record.probes,
            record.measures,
            record.availability,
            injected=record.confirmed if record.injected is None else record.injected,
            confirmed=record.confirmed,
            until=record.finished,
            period=record.probe_period,
        )
