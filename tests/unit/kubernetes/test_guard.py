"""Nothing outside the stack is changed, whatever is asked for."""

from __future__ import annotations

import pytest

from targets.base import MeansError
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.guard import Refused
from targets.kubernetes.means import STACK_LABEL, ObjectRef
from targets.kubernetes.rights import MissingRight
from tests.unit.kubernetes.api import OUTPUTS, STACK, TRINO, FakeApi, labels

SERVICE = ObjectRef("Service", "trino", TRINO)
CORDON = {"spec": {"unschedulable": True}}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def control(api: FakeApi) -> ClusterControl:
    return ClusterControl(OUTPUTS, api)


def test_what_carries_the_label_in_a_namespace_of_the_stack_may_be_changed(
    api: FakeApi, control: ClusterControl
) -> None:
    api.add(SERVICE, spec={"selector": {"a": "b"}})
    control.patch(SERVICE, {"spec": {"selector": {"c": "d"}}})
    assert api.get(SERVICE)["spec"]["selector"] == {"a": "b", "c": "d"}


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "default", "qer-two-trino"])
def test_other_namespaces_are_refused(api: FakeApi, control: ClusterControl, namespace: str) -> None:
    ref = ObjectRef("Service", "dns", namespace)
    api.add(ref, metadata={"labels": labels()}, spec={})
    for change in (
        lambda: control.patch(ref, {"spec": {"x": 1}}),
        lambda: control.delete(ref),
        lambda: control.create({"kind": "Service", "metadata": {"name": "new", "namespace": namespace}}),
    ):
        with pytest.raises(Refused, match=f"is not in a namespace of stack {STACK}"):
            change()
    assert api.changes() == []


def test_kube_system_is_refused_even_when_the_document_names_it(api: FakeApi) -> None:
    outputs = OUTPUTS.model_copy(update={"namespaces": (*OUTPUTS.namespaces, "kube-system")})
    ref = ObjectRef("Pod", "etcd", "kube-system")
    api.add(ref, spec={})
    with pytest.raises(Refused, match="Pod/kube-system/etcd"):
        ClusterControl(outputs, api).delete(ref)
    assert api.changes() == []


@pytest.mark.parametrize(
    ("owned", "words"), [({}, f"has no label {STACK_LABEL}"), (labels(stack="qer-two"), "belongs to qer-two")]
)
def test_objects_without_the_stacks_label_are_refused(
    api: FakeApi, control: ClusterControl, owned: dict[str, str], words: str
) -> None:
    pod = ObjectRef("Pod", "guest", TRINO)
    api.add(pod, metadata={"labels": owned}, spec={"containers": [{"name": "c"}]})
    for change in (
        lambda: control.patch(pod, {"spec": {"x": 1}}),
        lambda: control.delete(pod),
        lambda: control.evict(pod),
        lambda: control.exec(pod, ["true"]),
    ):
        with pytest.raises(Refused, match=words):
            change()
    assert api.changes() == []


def test_a_namesake_is_not_struck(api: FakeApi, control: ClusterControl) -> None:
    pod = api.pod("w-1", "worker")
    control.delete(pod, uid="uid-of-its-predecessor")
    assert api.get(pod)


def test_what_is_created_carries_the_stacks_label(api: FakeApi, control: ClusterControl) -> None:
    ref = control.create({"kind": "NetworkPolicy", "metadata": {"name": "cut", "namespace": TRINO}, "spec": {}})
    assert api.get(ref)["metadata"]["labels"][STACK_LABEL] == STACK


def test_cluster_wide_objects_other_than_nodes_are_refused(api: FakeApi, control: ClusterControl) -> None:
    ref = ObjectRef("PersistentVolume", "pv-1")
    api.add(ref, spec={})
    with pytest.raises(Refused, match="cluster-wide"):
        control.delete(ref)


def test_a_node_of_the_stack_may_be_struck(api: FakeApi, control: ClusterControl) -> None:
    node, _ = api.node("node1"), api.node("node2")
    api.pod("c-1", "coordinator")
    control.patch(node, CORDON)
    assert api.get(node)["spec"] == {"unschedulable": True}


def test_a_node_without_a_pod_of_the_stack_is_refused(api: FakeApi, control: ClusterControl) -> None:
    node, _ = api.node("node2"), api.pod("c-1", "coordinator")
    with pytest.raises(Refused, match="Node/node2 hosts no pod of stack"):
        control.patch(node, CORDON)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"ready": False}, "Node/node2 is not Ready"),
        ({"unschedulable": True}, "Node/node2 is cordoned"),
        ({"taints": [{"key": "query-engine-reliability/fault", "effect": "NoExecute"}]}, "tainted by a fault"),
    ],
)
def test_a_second_node_is_refused(api: FakeApi, control: ClusterControl, state: dict[str, object], words: str) -> None:
    node, _ = api.node("node1"), api.node("node2", **state)  # type: ignore[arg-type]
    api.pod("c-1", "coordinator")
    with pytest.raises(Refused, match=words):
        control.patch(node, CORDON)


def test_a_node_with_the_only_ready_coordinator_of_another_stack_is_refused(
    api: FakeApi, control: ClusterControl
) -> None:
    node, _ = api.node("node1"), api.node("node2")
    api.pod("c-1", "coordinator")
    api.pod("theirs-1", "coordinator", stack="qer-two")
    with pytest.raises(Refused, match="theirs-1, the only ready coordinator of stack qer-two"):
        control.patch(node, CORDON)
    api.pod("theirs-2", "coordinator", stack="qer-two", node="node2")
    control.patch(node, CORDON)


def test_workers_of_another_stack_do_not_protect_a_node(api: FakeApi, control: ClusterControl) -> None:
    node = api.node("node1")
    api.pod("c-1", "coordinator")
    api.pod("theirs-1", "worker", stack="qer-two")
    control.patch(node, CORDON)


def test_nodes_need_their_rights(api: FakeApi, control: ClusterControl) -> None:
    node, _ = api.node("node1"), api.pod("c-1", "coordinator")
    api.denied.add(("patch", "nodes"))
    with pytest.raises(MissingRight) as caught:
        control.patch(node, CORDON)
    assert str(caught.value) == (
        "no right to patch nodes cluster-wide; add to a ClusterRole of our account: "
        '{apiGroups: [""], resources: ["nodes"], verbs: ["patch"]}'
    )


def test_rights_are_asked_for_once(api: FakeApi, control: ClusterControl) -> None:
    api.denied.add(("create", "pods/exec"))
    for _ in range(3):
        assert control.allowed("delete", "pods", TRINO)
        assert not control.allowed("create", "pods/exec", TRINO)
    assert api.reviews == 2
    with pytest.raises(MissingRight, match=r'Role in qer-one-trino.*resources: \["pods/exec"\], verbs: \["create"\]'):
        control.require("create", "pods/exec", TRINO)


def test_a_refusal_of_the_api_names_the_rule_too(api: FakeApi, control: ClusterControl) -> None:
    api.denied.add(("list", "endpointslices"))
    with pytest.raises(MissingRight, match=r'apiGroups: \["discovery.k8s.io"\], resources: \["endpointslices"\]'):
        control.endpoints(SERVICE)


def test_an_api_that_is_gone_is_one_line(api: FakeApi, control: ClusterControl) -> None:
    api.gone = True
    for ask in (
        lambda: control.read(SERVICE),
        lambda: control.pods("trino", "worker"),
        lambda: control.patch(SERVICE, {}),
        lambda: control.allowed("get", "pods", TRINO),
    ):
        with pytest.raises(MeansError, match="does not answer") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_an_eviction_that_the_budget_forbids_is_said(api: FakeApi, control: ClusterControl) -> None:
    pod = api.pod("w-1", "worker")
    api.budget = False
    with pytest.raises(MeansError, match="PodDisruptionBudget does not let Pod/qer-one-trino/w-1 be evicted"):
        control.evict(pod, dry_run=True)
    api.budget = True
    control.evict(pod, dry_run=True)
    assert control.exists(pod)
    control.evict(pod)
    assert not control.exists(pod)


def test_a_command_that_fails_says_how(api: FakeApi, control: ClusterControl) -> None:
    pod = api.pod("w-1", "worker")
    api.answers = {("true",): (0, "fine", ""), ("false",): (3, "", "no such\nthing")}
    assert control.exec(pod, ["true"]) == "fine"
    with pytest.raises(MeansError, match="false in Pod/qer-one-trino/w-1 exited with status 3: no such thing"):
        control.exec(pod, ["false"])
