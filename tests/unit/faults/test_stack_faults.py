"""Faults on pods and Services of a stack, against an API in memory: proof, revert, its proof, and recovery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from faults.base import Fault, NotPossible, Tuning
from faults.catalogue import Impossible, bind
from faults.ledger import Ledger
from faults.pods import Delete, DeleteNow, Evict
from faults.recovery import recover
from faults.services import NoEndpoints, ScaleToZero, WrongPort
from targets.base import EntryStore, M, MeansError
from targets.kubernetes.calls import CallError
from targets.kubernetes.means import FIELD_MANAGER, KEY_LABEL, ObjectRef, Switches
from targets.kubernetes.strikes import StrikeMeans
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine
from tests.unit.kubernetes.api import OUTPUTS, RUNNER, TRINO, FakeApi, labels

SERVICE = ObjectRef("Service", "trino", TRINO)
WORKERS = ObjectRef("Deployment", "trino-worker", TRINO)
SLICE = ObjectRef("EndpointSlice", "trino-1", TRINO)


class Stack(FakeTarget):
    """A stack whose controllers are the methods of this class."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, [ScriptedEngine(Script())])
        self.outputs = OUTPUTS
        self.api = FakeApi()
        self.api.add(SERVICE, spec={"selector": {"app": "trino"}, "ports": [{"port": 8443, "targetPort": "https"}]})
        self.api.add(
            SLICE,
            metadata={"labels": labels() | {"kubernetes.io/service-name": "trino"}},
            endpoints=[{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
            ports=[{"port": 8443}],
        )
        for role, replicas in (("coordinator", 1), ("worker", 2)):
            self.api.add(ObjectRef("Deployment", f"trino-{role}", TRINO), spec={"replicas": replicas})
        self.workers = [self.api.pod(f"w-{number}", "worker") for number in (1, 2)]
        self.api.pod("c-1", "coordinator")
        self.api.on_call = self.control
        self.strikes = StrikeMeans(OUTPUTS, self.api, self.engines)

    def control(self, method: str, where: str) -> None:
        """What the kubelet and the controllers would have done by now."""
        for key, one in self.api.objects.items():
            if "/pods/fault-switch" in key:
                one["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
        spec = self.api.get(SERVICE)["spec"]
        target = spec["ports"][0]["targetPort"]
        selected = KEY_LABEL not in spec["selector"]
        self.api.get(SLICE)["endpoints"] = [{"addresses": ["10.0.0.1"]}] if selected else []
        self.api.get(SLICE)["ports"] = [{"port": 8443 if target == "https" else target}]

    def replace(self, name: str, by: str) -> None:
        self.api.pod(by, "worker")

    def store(self) -> EntryStore:
        return self.strikes.store

    def means(self, protocol: type[M]) -> M | None:
        return self.strikes.find(protocol)

    def inject(self, fault: Fault) -> Ledger:
        """What an experiment does up to the proof."""
        fault.preflight()
        ledger = Ledger(self.store())
        with ledger.exclusive():
            ledger.record(
                fault.name,
                fault.engine,
                fault.component,
                created_at=1,
                ttl=30,
                key=fault.key,
                subject=fault.subject,
                original=fault.remember(),
            )
            fault.inject()
        return ledger

    def leftovers(self) -> list[str]:
        """Everything that a clean cluster has not."""
        found = []
        for key, one in self.api.objects.items():
            if "/pods/fault-switch" in key or "/leases/" in key:
                found.append(key)
            if one["metadata"].get("annotations"):
                found.append(f"annotations of {key}")
            if FIELD_MANAGER in {owner["manager"] for owner in one["metadata"].get("managedFields") or []}:
                found.append(f"fields of {key}")
        return found


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


Make = Callable[[Stack], Fault]
CHANGES: Sequence[Make] = (
    lambda stack: NoEndpoints(stack, "trino", "clients", Tuning()),
    lambda stack: WrongPort(stack, "trino", "clients", Tuning()),
    lambda stack: ScaleToZero(stack, "trino", "workers", Tuning()),
)


def specs(stack: Stack) -> list[Any]:
    return [repr(stack.api.get(ref)["spec"]) for ref in (SERVICE, WORKERS)]


@pytest.mark.parametrize("make", CHANGES)
def test_a_change_is_made_and_put_back_without_a_trace(stack: Stack, make: Make) -> None:
    before, fault = specs(stack), make(stack)
    ledger = stack.inject(fault)
    assert specs(stack) != before
    switches = stack.means(Switches)
    assert switches is not None and switches.armed(fault.key)
    assert fault.revert_proof() == ""
    fault.revert()
    fault.revert()
    assert fault.revert_proof()
    (entry,) = ledger.pending()
    ledger.clear(entry)
    assert specs(stack) == before
    assert stack.leftovers() == []


@pytest.mark.parametrize("make", CHANGES)
def test_another_process_recovers_from_the_annotations_alone(stack: Stack, make: Make) -> None:
    before = specs(stack)
    stack.inject(make(stack))
    (recovery,) = recover(stack, Ledger(stack.store()), limit=5)
    assert recovery.proof, recovery.problem
    assert specs(stack) == before
    assert stack.leftovers() == []


@pytest.mark.parametrize("make", CHANGES)
def test_a_runner_that_died_before_the_change_leaves_nothing_either(stack: Stack, make: Make) -> None:
    before, fault = specs(stack), make(stack)
    setattr(fault, "inject", lambda: None)  # noqa: B010 - killed right there
    stack.inject(fault)
    (recovery,) = recover(stack, Ledger(stack.store()), limit=5)
    assert recovery.proof, recovery.problem
    assert specs(stack) == before
    assert stack.leftovers() == []


@pytest.mark.parametrize("make", CHANGES)
def test_without_a_switch_nothing_is_changed(stack: Stack, make: Make) -> None:
    before, fault = specs(stack), make(stack)
    refused = {"containerStatuses": [{"state": {"terminated": {"message": "status 403"}}}]}

    def refuse(method: str, where: str) -> None:
        for key, one in stack.api.objects.items():
            if "/pods/fault-switch" in key:
                one["status"] = refused

    stack.api.on_call = refuse
    with pytest.raises(MeansError, match="cannot be armed: status 403"):
        stack.inject(fault)
    assert specs(stack) == before


def test_the_effect_is_proven_by_the_endpoints(stack: Stack) -> None:
    nowhere, wrong = CHANGES[0](stack), CHANGES[1](stack)
    assert (nowhere.proof(), wrong.proof()) == ("", "")
    stack.inject(nowhere)
    assert nowhere.proof() == f"{SERVICE} has no endpoints"
    nowhere.revert()
    stack.inject(wrong)
    assert wrong.proof() == f"{SERVICE} leads to 10.0.0.1:9"


def test_scaling_away_is_proven_by_the_pods(stack: Stack) -> None:
    fault = CHANGES[2](stack)
    stack.inject(fault)
    assert fault.proof() == ""
    for pod in stack.workers:
        stack.api.get(pod)["metadata"]["deletionTimestamp"] = "now"
    assert "2 of its pods still end" in fault.proof()


def test_what_is_broken_already_is_not_possible(stack: Stack) -> None:
    stack.api.get(WORKERS)["spec"]["replicas"] = 0
    with pytest.raises(NotPossible, match="has no replicas already"):
        CHANGES[2](stack).preflight()
    stack.api.get(SERVICE)["spec"]["selector"][KEY_LABEL] = "x"
    with pytest.raises(NotPossible, match="no ready endpoints already"):
        CHANGES[0](stack).preflight()


def test_a_missing_right_is_found_before_anything_is_done(stack: Stack) -> None:
    stack.api.denied.add(("create", "pods"))
    with pytest.raises(MeansError, match=f"no right to create pods in namespace {RUNNER}"):
        CHANGES[0](stack).preflight()
    stack.api.denied = {("delete", "pods")}
    with pytest.raises(MeansError, match=f"no right to delete pods in namespace {TRINO}"):
        Delete(stack, "trino", "worker", Tuning()).preflight()
    assert stack.api.changes() == []


@pytest.mark.parametrize(("component", "struck"), [("worker", ["w-1"]), ("workers", ["w-1", "w-2"])])
@pytest.mark.parametrize("fault_class", [Delete, DeleteNow])
def test_pods_are_taken_away_and_come_back(
    stack: Stack, fault_class: type[Fault], component: str, struck: list[str]
) -> None:
    fault = fault_class(stack, "trino", component, Tuning())
    stack.inject(fault)
    assert all(f"pod {name} (uid-" in fault.proof() for name in struck)
    assert fault.revert_proof() == ""
    for name in struck:
        stack.replace(name, f"{name}-new")
    assert "2 of 2 pods are ready" in fault.revert_proof()
    assert f"{struck[0]}-new" in fault.revert_proof()


def test_a_pod_that_stays_is_no_proof(stack: Stack) -> None:
    fault = Delete(stack, "trino", "worker", Tuning())
    fault.remember()
    assert fault.proof() == ""
    stack.api.get(stack.workers[0])["metadata"]["deletionTimestamp"] = "now"
    assert "is ending" in fault.proof()


def test_a_budget_that_forbids_the_eviction_is_found_beforehand(stack: Stack) -> None:
    fault = Evict(stack, "trino", "worker", Tuning())
    stack.api.budget = False
    with pytest.raises(MeansError, match="PodDisruptionBudget"):
        fault.preflight()
    stack.api.budget = True
    stack.inject(fault)
    assert "w-1" in fault.proof()


def test_no_ready_pod_is_not_possible(stack: Stack) -> None:
    stack.api.get(ObjectRef("Pod", "c-1", TRINO))["status"]["conditions"] = []
    with pytest.raises(NotPossible, match="no pod of trino coordinator is ready"):
        Delete(stack, "trino", "coordinator", Tuning()).preflight()


def test_components_are_those_of_the_stack(stack: Stack) -> None:
    assert Delete.components(stack, "trino") == ["coordinator", "worker", "workers"]
    assert Evict.components(stack, "trino") == ["coordinator", "worker"]
    assert ScaleToZero.components(stack, "trino") == ["coordinator", "workers"]
    stack.api.objects = {key: one for key, one in stack.api.objects.items() if not key.endswith("/w-2")}
    assert Delete.components(stack, "trino") == ["coordinator", "worker"]


def test_on_another_target_they_are_impossible_with_a_reason(tmp_path: Path) -> None:
    target = FakeTarget(tmp_path, [ScriptedEngine(Script())])
    cases = bind([Delete, NoEndpoints], target, tuning=Tuning(), named=["delete", "no-endpoints"])
    assert [type(case) for case in cases] == [Impossible, Impossible]
    assert {case.reason for case in cases if isinstance(case, Impossible)} == {"the target is no stack on Kubernetes"}


def test_an_api_that_is_gone_keeps_the_record_for_later(stack: Stack) -> None:
    fault = CHANGES[0](stack)
    ledger = stack.inject(fault)
    stack.api.gone = True
    with pytest.raises(CallError, match="does not answer"):
        fault.revert()
    stack.api.gone = False
    assert [entry.id for entry in ledger.pending()] == [fault.key]
