"""Faults on nodes against an API in memory: which node, what proves them, what they refuse, that they go again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typing_extensions import override

from engines import Endpoint
from faults.base import Fault, NotPossible, Tuning
from faults.catalogue import Impossible, bind
from faults.ledger import Ledger
from faults.node_failures import LOSS_SECONDS, KubeletStop, NodeLoss, NodeUnreachable
from faults.nodes import Drain, Taint
from faults.recovery import recover
from targets.base import M, MeansError
from targets.kubernetes.means import KEY_LABEL, ObjectRef
from targets.kubernetes.node_means import NodeAction, NodeCommands
from tests.unit.faults.test_stack_faults import Stack
from tests.unit.kubernetes.api import TRINO

HEARTBEAT = "2026-01-01T00:00:00Z"
NODE = ObjectRef("Node", "node1")


class FakeCommands:
    """Breaks and mends nodes of the API in memory as a kubelet and the node controller would show it."""

    def __init__(self, stack: NodeStack) -> None:
        self.stack = stack
        self.ends: list[str] = []
        self.breaks = True
        self.configured = {"loss": NodeAction("loss", "stop {node}", "start {node}")}

    def actions(self) -> Mapping[str, NodeAction]:
        return self.configured

    def begin(self, action: str, node: str, *, ttl: float) -> None:
        assert ttl > LOSS_SECONDS
        if self.breaks:
            self.stack.silent.add(node)

    def end(self, action: str, node: str) -> None:
        self.ends.append(node)
        if node in self.stack.silent:
            self.stack.silent.discard(node)
            self.stack.condition(node, ready=True, since=self.stack.next_moment())


class NodeStack(Stack):
    """A stack on two nodes: the coordinator and a worker on the first, a worker on the second."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.silent: set[str] = set()
        self._moments = 0
        self.commands: FakeCommands | None = FakeCommands(self)
        for engine in self.engines():
            engine.endpoint = Endpoint("trino", "127.0.0.1", 1)
        for name in ("node1", "node2"):
            self.api.node(name, podCIDR="10.0.0.0/24")
            self.condition(name, ready=True, since=HEARTBEAT)
        self.api.get(self.workers[1])["spec"]["nodeName"] = "node2"
        for pod in (*self.workers, ObjectRef("Pod", "c-1", TRINO)):
            self.api.get(pod)["status"]["containerStatuses"] = [
                {"name": "trino", "state": {"running": {"startedAt": HEARTBEAT}}}
            ]
        self.api.exec = self.exec  # type: ignore[method-assign]

    def next_moment(self) -> str:
        self._moments += 1
        return f"2026-01-01T00:00:{self._moments:02}Z"

    def condition(self, node: str, *, ready: bool, since: str) -> None:
        status = {"type": "Ready", "status": "True" if ready else "Unknown", "lastTransitionTime": since}
        self.api.get(ObjectRef("Node", node))["status"]["conditions"] = [status]

    def exec(self, pod: ObjectRef, container: str, command: object, timeout: float) -> tuple[int, str, str]:
        if self.api.get(pod)["spec"]["nodeName"] in self.silent:
            return 1, "", "no route to host"
        return 0, "", ""

    @override
    def means(self, protocol: type[M]) -> M | None:
        if self.commands is not None and isinstance(self.commands, protocol):
            return self.commands
        return super().means(protocol)


@pytest.fixture
def stack(tmp_path: Path) -> NodeStack:
    return NodeStack(tmp_path)


def eventually(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def loss(stack: NodeStack) -> NodeLoss:
    return NodeLoss(stack, "trino", "coordinator", Tuning())


def test_a_drain_cordons_evicts_everybody_and_takes_pods_again(stack: NodeStack) -> None:
    fault = Drain(stack, "trino", "coordinator", Tuning())
    assert (
        fault.plan() == "node/node1: node cordoned and the stack's pods there evicted\npod/c-1: moved\npod/w-1: moved"
    )
    before = dict(stack.api.get(NODE)["spec"])
    ledger = stack.inject(fault)
    assert stack.api.get(NODE)["spec"]["unschedulable"] is True
    assert "node node1 is cordoned; of 2 pods there, c-1" in fault.proof()
    eventually(lambda: "c-1, w-1 evicted" in fault.proof())
    assert stack.api.get(stack.workers[1])  # of the other node
    fault.revert()
    fault.revert()
    shown = fault.revert_proof()
    assert "Node/node1 is as before" in shown and "2 of the 2 there were evicted" in shown
    (entry,) = ledger.pending()
    ledger.clear(entry)
    assert stack.api.get(NODE)["spec"] == before
    assert stack.leftovers() == []


def test_a_drain_whose_runner_died_is_undone_from_its_record(stack: NodeStack) -> None:
    ledger = stack.inject(Drain(stack, "trino", "coordinator", Tuning()))
    (recovery,) = recover(stack, ledger, limit=5)
    assert "it takes pods" in recovery.proof
    assert "unschedulable" not in stack.api.get(NODE)["spec"]
    assert stack.leftovers() == []


def test_pods_whose_budget_refuses_are_asked_again(stack: NodeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faults.nodes._EVICTION_PAUSE", 0.01)
    fault = Drain(stack, "trino", "coordinator", Tuning())
    fault.preflight()
    first = stack.api.on_call

    def refuse_after_the_first(method: str, where: str) -> None:
        first(method, where)
        if where.endswith("c-1/eviction"):
            stack.api.budget = True
        elif where.endswith("/eviction"):
            stack.api.budget = sum(one.endswith("w-1/eviction") for _, one in stack.api.log) > 3

    stack.api.on_call = refuse_after_the_first
    stack.inject(fault)
    eventually(lambda: "c-1, w-1 evicted" in fault.proof())
    fault.revert()
    assert sum(where.endswith("w-1/eviction") for _, where in stack.api.log) > 3


def test_a_fault_on_a_workers_node_spares_the_coordinators_where_it_can(stack: NodeStack) -> None:
    assert Drain(stack, "trino", "worker", Tuning()).plan().splitlines()[0].startswith("node/node2: ")
    stack.api.get(stack.workers[1])["spec"]["nodeName"] = "node1"
    assert Drain(stack, "trino", "worker", Tuning()).plan().splitlines()[0].startswith("node/node1: ")


def test_a_taint_drives_everybody_away_and_goes(stack: NodeStack) -> None:
    fault = Taint(stack, "trino", "coordinator", Tuning())
    stack.inject(fault)
    assert stack.api.get(NODE)["spec"]["taints"] == [{"key": KEY_LABEL, "value": "taint", "effect": "NoExecute"}]
    assert fault.proof() == ""
    for pod in ("c-1", "w-1"):
        del stack.api.objects[f"/api/v1/namespaces/{TRINO}/pods/{pod}"]
    assert "node node1 is tainted; of 2 pods there, c-1, w-1 ended" in fault.proof()
    fault.revert()
    assert "its taint is gone" in fault.revert_proof()
    assert "taints" not in stack.api.get(NODE)["spec"]


def test_a_taint_that_would_drive_others_away_is_not_possible(stack: NodeStack) -> None:
    dns = ObjectRef("Pod", "coredns", "kube-system")
    stack.api.add(dns, metadata={"labels": {}}, spec={"nodeName": "node1", "containers": []})
    fault = Taint(stack, "trino", "coordinator", Tuning())
    with pytest.raises(NotPossible, match="node node1 also runs kube-system/coredns, which would be evicted, too"):
        fault.preflight()
    stack.api.get(dns)["spec"]["tolerations"] = [{"operator": "Exists"}]
    fault.preflight()
    assert stack.api.changes() == []


def test_a_lost_node_is_proven_by_its_silence_and_then_by_its_condition(stack: NodeStack) -> None:
    fault = loss(stack)
    ledger = stack.inject(fault)
    assert fault.proof() == "the kubelet of node node1 does not answer"
    stack.condition("node1", ready=False, since=stack.next_moment())
    assert fault.proof() == "node node1 is not Ready since 2026-01-01T00:00:01Z"
    assert fault.revert_proof() == ""
    fault.revert()
    assert fault.revert_proof() == "node node1 is Ready again since 2026-01-01T00:00:02Z"
    ledger.clear(ledger.pending()[0])
    assert stack.leftovers() == []


def test_a_command_that_does_nothing_proves_nothing(stack: NodeStack) -> None:
    assert stack.commands is not None
    stack.commands.breaks = False
    fault = loss(stack)
    stack.inject(fault)
    assert fault.proof() == ""


def test_a_node_that_was_never_seen_down_is_mended_all_the_same(stack: NodeStack) -> None:
    """A runner killed just after the command: the API still says Ready."""
    ledger = stack.inject(loss(stack))
    assert stack.commands is not None
    (recovery,) = recover(stack, ledger, limit=5)
    assert stack.commands.ends == ["node1"]
    assert recovery.proof


def test_a_node_that_came_back_needs_no_commands_to_recover(stack: NodeStack) -> None:
    ledger = stack.inject(loss(stack))
    stack.silent.clear()
    stack.condition("node1", ready=True, since=stack.next_moment())
    stack.commands = None
    (recovery,) = recover(stack, ledger, limit=5)
    assert recovery.proof.startswith("node node1 is Ready again")


def test_a_node_that_is_down_needs_the_command_to_recover(stack: NodeStack) -> None:
    ledger = stack.inject(loss(stack))
    stack.condition("node1", ready=False, since=stack.next_moment())
    stack.commands = None
    (recovery,) = recover(stack, ledger, limit=0.3)
    assert recovery.problem == "node node1 has to be mended by a command; give --node-stop and --node-start"


@pytest.mark.parametrize("fault", [Drain, Taint, NodeLoss])
def test_one_node_is_not_enough(stack: NodeStack, fault: type[Fault]) -> None:
    stack.api.get(ObjectRef("Node", "node2"))["spec"]["unschedulable"] = True
    with pytest.raises(NotPossible, match="1 of 2 nodes can run pods; a node fault needs a second one"):
        fault(stack, "trino", "coordinator", Tuning()).preflight()


def test_the_control_planes_node_is_left_alone(stack: NodeStack) -> None:
    stack.api.get(NODE)["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    with pytest.raises(NotPossible, match="node node1 runs the control plane"):
        loss(stack).preflight()


def test_a_node_that_another_stack_depends_on_is_refused(stack: NodeStack) -> None:
    stack.api.pod("other", "coordinator", stack="qer-two")
    with pytest.raises(MeansError, match="the only ready coordinator of stack qer-two"):
        loss(stack).preflight()
    with pytest.raises(MeansError, match="the only ready coordinator of stack qer-two"):
        Drain(stack, "trino", "coordinator", Tuning()).preflight()
    assert not stack.silent


def test_what_has_no_commands_is_left_out_or_says_so(stack: NodeStack) -> None:
    cases = bind([NodeLoss, KubeletStop, NodeUnreachable], stack, tuning=Tuning())
    possible = [case for case in cases if isinstance(case, Fault)]
    assert {case.name for case in possible} == {"node-loss"}
    reasons = {case.reason for case in cases if isinstance(case, Impossible)}
    assert reasons == {
        "there are no commands for it; give --kubelet-stop and --kubelet-start",
        "there are no commands for it; give --node-cut and --node-heal",
    }
    stack.commands = None
    left = bind([NodeLoss, Drain], stack, tuning=Tuning())
    assert {case.name for case in left if isinstance(case, Fault)} == {"drain"}


def test_missing_rights_are_named(stack: NodeStack) -> None:
    stack.api.denied.add(("patch", "nodes"))
    with pytest.raises(MeansError, match=r'resources: \["nodes"\], verbs: \["patch"\]'):
        loss(stack).preflight()


def test_a_ledger_of_another_kind_of_store_does(stack: NodeStack, tmp_path: Path) -> None:
    fault = loss(stack)
    assert fault.subject == ""
    fault.preflight()
    assert fault.subject == "Node/node1"
    assert isinstance(stack.commands, NodeCommands)
    assert Ledger(stack.store()).pending() == []


@pytest.mark.parametrize("fault", [Drain, Taint, NodeLoss])
def test_a_component_that_is_nowhere_else_is_struck_with_the_other(stack: NodeStack, fault: type[Fault]) -> None:
    def along(component: str) -> list[str]:
        made = fault(stack, "trino", component, Tuning())
        made.preflight()
        made.plan()
        return list(made.along)

    # Of the workers one is on each node, and that without the coordinator is chosen.
    assert (along("coordinator"), along("worker")) == ([], [])
    stack.api.get(stack.workers[1])["spec"]["nodeName"] = "node1"
    assert (along("coordinator"), along("worker")) == (["worker"], ["coordinator"])
