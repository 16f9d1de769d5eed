"""Where the reference and the stack stand before a node is lost: each alone on what is going to be lost for it."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from benchmarks.recovery.deploy import Deployed
from targets.base import MeansError
from targets.contract import Outputs
from targets.kubernetes.calls import CallError
from targets.kubernetes.means import ObjectRef
from tests.unit.kubernetes.api import CLICKHOUSE, OUTPUTS, STACK, TRINO, FakeApi, Manifest

REFERENCE = f"{STACK}-reference"


class Cluster(FakeApi):
    """Starts a successor of every pod that ends: on the first node that takes it."""

    def __init__(self, nodes: tuple[str, ...], ours: str, theirs: str, clickhouse: str | None) -> None:
        super().__init__()
        for node in nodes:
            self.node(node)
        for namespace, node in ((TRINO, ours), (REFERENCE, theirs)):
            self.add(
                ObjectRef("Deployment", "trino-coordinator", namespace),
                spec={"replicas": 1},
                status={"availableReplicas": 1},
            )
            self.coordinator(namespace, node)
        if clickhouse:
            self.add(ObjectRef("Pod", "clickhouse-0", CLICKHOUSE), spec={"nodeName": clickhouse})
        self.ended = 0

    def coordinator(self, namespace: str, node: str, name: str = "coordinator-0") -> None:
        found = {"labels": {"app.kubernetes.io/component": "coordinator", "stack": namespace}}
        self.add(ObjectRef("Pod", name, namespace), metadata=found, spec={"nodeName": node})

    def where(self, namespace: str) -> str:
        (pod,) = [
            one
            for one in self.objects.values()
            if one["kind"] == "Pod" and one["metadata"].get("namespace") == namespace
        ]
        return str(pod["spec"]["nodeName"])

    @property
    def cordoned(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.objects.values() if one.get("spec", {}).get("unschedulable")]

    @override
    def call(self, method: str, path: str, **options: Any) -> Manifest:
        if method == "DELETE":
            namespace = path.split("/")[4]
            found = super().call(method, path, **options)
            free = [
                one["metadata"]["name"]
                for one in self.objects.values()
                if one["kind"] == "Node" and not one.get("spec", {}).get("unschedulable")
            ]
            self.ended += 1
            self.coordinator(namespace, free[0], f"coordinator-{self.ended}")
            return found
        return super().call(method, path, **options)


def deployed(api: FakeApi, *, clickhouse: bool = True) -> Deployed:
    (trino,) = OUTPUTS.engines
    workloads = tuple(
        one.model_copy(update={"labels": {"app.kubernetes.io/component": one.role}}) for one in trino.workloads
    )
    trino = trino.model_copy(update={"workloads": workloads})
    server = trino.model_copy(update={"kind": "clickhouse", "namespace": CLICKHOUSE, "workloads": ()})
    stack = OUTPUTS.model_copy(update={"engines": (trino, server) if clickhouse else (trino,)})
    reference: Outputs = OUTPUTS.model_copy(
        update={"engines": (trino.model_copy(update={"namespace": REFERENCE}),), "stack": REFERENCE}
    )
    return Deployed(api, stack, reference)


@pytest.mark.parametrize("nodes", [("node1", "node2"), ("node1", "node2", "node3")])
@pytest.mark.parametrize("ours", ["node1", "node2"])
@pytest.mark.parametrize("theirs", ["node1", "node2"])
@pytest.mark.parametrize("clickhouse", ["node1", "node2", None])
def test_the_references_coordinator_stands_where_the_stack_can_do_without_the_node(
    nodes: tuple[str, ...], ours: str, theirs: str, clickhouse: str | None
) -> None:
    api = Cluster(nodes, ours, theirs, clickhouse)
    deployed(api, clickhouse=clickhouse is not None).part()
    assert api.where(REFERENCE) not in {api.where(TRINO), clickhouse}
    assert api.cordoned == []
    if {ours, clickhouse} <= {ours, None} and theirs != ours:
        assert api.ended == 0, "nothing is moved without need"


def test_a_node_that_was_cordoned_stays_so() -> None:
    api = Cluster(("node1", "node2", "node3"), "node1", "node1", "node1")
    api.get(ObjectRef("Node", "node2"))["spec"]["unschedulable"] = True
    deployed(api).part()
    assert api.where(REFERENCE) == "node3"
    assert api.cordoned == ["node2"]


def test_cordons_end_when_the_api_refuses_in_between() -> None:
    api = Cluster(("node1", "node2"), "node1", "node1", None)

    def refuse(method: str, _: str) -> None:
        if method == "DELETE":
            raise CallError("pods is forbidden", 403)

    api.on_call = refuse
    with pytest.raises(CallError):
        deployed(api, clickhouse=False).part()
    assert api.cordoned == []


def test_one_node_is_too_few() -> None:
    api = Cluster(("node1",), "node1", "node1", "node1")
    with pytest.raises(MeansError, match="add a node"):
        deployed(api).part()
