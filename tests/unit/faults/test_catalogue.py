"""Selections, what they bind to, and the recovery of what a dead runner left."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from faults.base import Fault, Kind, NotPossible, Tuning, fault_classes
from faults.catalogue import Impossible, bind, select, selections
from faults.connections import Latency, Refused
from faults.ledger import Ledger
from faults.processes import Freeze, Kill
from faults.recovery import recover
from targets.base import (
    Disturbance,
    MeansError,
    NetworkControl,
    ProcessControl,
    ProcessInfo,
    ProcessState,
    ProxyStatus,
)
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine


class Machine(FakeTarget):
    """Two processes and a proxy, in memory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, [ScriptedEngine(Script())])
        self.states = {"scripted-coordinator": ProcessState.RUNNING, "scripted-worker-1": ProcessState.RUNNING}
        self.pids = dict.fromkeys(self.states, 100)
        self.active: Disturbance | None = None
        self.affected = 0
        self.broken = False

    def processes(self, engine: str) -> Sequence[ProcessInfo]:
        return [self._info(name) for name in self.states]

    def _info(self, name: str) -> ProcessInfo:
        return ProcessInfo(name, "scripted", name.split("-")[1], self.pids[name], 1.0, self.states[name], 0)

    def kill(self, name: str) -> ProcessInfo:
        before = self._info(name)
        self.pids[name] += 1
        return before

    def freeze(self, name: str, *, ttl: float) -> ProcessInfo:
        self.states[name] = ProcessState.FROZEN
        return self._info(name)

    def thaw(self, name: str) -> ProcessInfo:
        if self.broken:
            raise MeansError("stuck")
        self.states[name] = ProcessState.RUNNING
        return self._info(name)

    def proxy(self, engine: str) -> ProxyStatus:
        kinds = {self.active.kind: self.affected} if self.active else {}
        return ProxyStatus("scripted", 1, True, self.active, 0, 0, 0, kinds)

    def disturb(self, engine: str, disturbance: Disturbance) -> ProxyStatus:
        self.active = disturbance
        return self.proxy(engine)

    def restore(self, engine: str) -> ProxyStatus:
        self.active = None
        return self.proxy(engine)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_every_fault_of_the_catalogue_is_found() -> None:
    local = {name for name, fault in fault_classes().items() if fault.means in {ProcessControl, NetworkControl}}
    assert local == {"bandwidth", "blackhole", "freeze", "kill", "latency", "refused", "reset"}
    assert {fault_classes()[name].kind for name in local} == set(Kind) - {Kind.STORAGE}


def test_selection_by_name_kind_and_all() -> None:
    assert select(["kill"]) == [Kill]
    assert select(["refused", "refused"]) == [Refused]
    assert Refused in select(["service"])
    unasked = {fault for fault in fault_classes().values() if not fault.on_request}
    assert set(select(["comprehensive"])) == unasked
    assert {fault.kind for fault in select(["network"])} == {Kind.NETWORK}
    with pytest.raises(ValueError, match=r"unknown fault 'kil'; choose from comprehensive, service"):
        select(["kil"])
    assert "comprehensive" in selections()


def test_bound_to_every_component_in_a_seeded_order(machine: Machine) -> None:
    faults = select(["comprehensive"])
    first, again, other = (
        [case.label for case in bind(faults, machine, tuning=Tuning(), seed=seed) if isinstance(case, Fault)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)
    assert len(first) == 2 * 2 + 5
    assert "scripted/worker-1/kill" in first


def test_bound_to_one_component(machine: Machine) -> None:
    cases = bind(select(["pod"]), machine, tuning=Tuning(), component="worker-1")
    assert [case.label for case in cases if isinstance(case, Fault)] == ["scripted/worker-1/kill"]


def test_a_component_that_is_not_there_is_refused_with_those_that_are(machine: Machine) -> None:
    with pytest.raises(ValueError, match=r"no component .worker. to strike; choose from coordinator, worker-1$"):
        bind(select(["kill"]), machine, tuning=Tuning(), component="worker")


def test_without_means_everything_is_impossible_with_a_reason(tmp_path: Path) -> None:
    target = FakeTarget(tmp_path, [ScriptedEngine(Script())])
    chosen = select(["comprehensive"])
    cases = bind(chosen, target, tuning=Tuning())
    assert len(cases) == len(chosen)
    assert all(isinstance(case, Impossible) and case.reason for case in cases)


def test_a_fault_for_another_sort_of_target_shows_only_when_named(tmp_path: Path) -> None:
    class Links(FakeTarget):
        """Has a proxy, but no processes."""

        def proxy(self, engine: str) -> ProxyStatus:
            return ProxyStatus("scripted", 1, True, None, 0, 0, 0, {})

        def disturb(self, engine: str, disturbance: Disturbance) -> ProxyStatus:
            return self.proxy(engine)

        def restore(self, engine: str) -> ProxyStatus:
            return self.proxy(engine)

    target = Links(tmp_path, [ScriptedEngine(Script())])
    chosen = [Kill, Latency]
    assert [type(case) for case in bind(chosen, target, tuning=Tuning())] == [Latency]
    cases = bind(chosen, target, tuning=Tuning(), named=["kill"])
    assert [case.reason for case in cases if isinstance(case, Impossible)] == [
        "the runner did not start these processes, so it may not stop them"
    ]


def test_a_kill_is_proven_by_another_process(machine: Machine) -> None:
    fault = Kill(machine, "scripted", "worker-1", Tuning())
    assert fault.proof() == ""
    fault.inject()
    assert fault.proof() == "process 100 is gone, process 101 took its place"


def test_a_frozen_process_is_no_candidate(machine: Machine) -> None:
    Freeze(machine, "scripted", "worker-1", Tuning()).inject()
    with pytest.raises(NotPossible, match="scripted-worker-1 is frozen"):
        Kill(machine, "scripted", "worker-1", Tuning()).preflight()


def test_a_disturbance_without_traffic_is_not_proven(machine: Machine) -> None:
    fault = Latency(machine, "scripted", "clients", Tuning())
    fault.inject()
    assert fault.proof() == ""
    machine.affected = 3
    assert "3 connections" in fault.proof()
    with pytest.raises(NotPossible, match="already disturbed"):
        Latency(machine, "scripted", "clients", Tuning()).preflight()
    fault.revert()
    assert fault.revert_proof() == "proxy on port 1 forwards"


def test_recovery_from_the_ledger_alone(machine: Machine) -> None:
    ledger = Ledger(machine.state_directory)
    ledger.record("freeze", "scripted", "worker-1", created_at=1, ttl=30)
    ledger.record("latency", "scripted", "clients", created_at=2, ttl=30)
    ledger.record("of-another-version", "scripted", "clients", created_at=3, ttl=30)
    machine.states["scripted-worker-1"] = ProcessState.FROZEN
    machine.active = Disturbance("latency", 30, 0.1)
    found = recover(machine, ledger, limit=1)
    assert [bool(recovery.proof) for recovery in found] == [True, True, False]
    assert machine.states["scripted-worker-1"] is ProcessState.RUNNING
    assert machine.proxy("scripted").active is None
    assert [entry.fault for entry in ledger.pending()] == ["of-another-version"]
    assert "no fault of that name" in found[2].problem


def test_one_failing_revert_does_not_keep_the_others(machine: Machine) -> None:
    ledger = Ledger(machine.state_directory)
    ledger.record("freeze", "scripted", "worker-1", created_at=1, ttl=30)
    ledger.record("latency", "scripted", "clients", created_at=2, ttl=30)
    machine.active = Disturbance("latency", 30, 0.1)
    machine.broken = True
    found = recover(machine, ledger, limit=0.3)
    assert (found[0].proof, found[0].problem) == ("", "stuck")
    assert found[1].proof
    assert [entry.fault for entry in ledger.pending()] == ["freeze"]
