"""What a stack looks like, object by object, so that a test can show that nothing of a fault is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from targets.kubernetes.annotations import PREFIX
from targets.kubernetes.means import FIELD_MANAGER, KEY_LABEL
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import PulumiStack, kubectl, objects

READY_SECONDS = 300
KINDS = (
    "deployments,statefulsets,replicasets,controllerrevisions,services,networkpolicies,poddisruptionbudgets,"
    "persistentvolumeclaims,configmaps,secrets,serviceaccounts,roles,rolebindings,horizontalpodautoscalers,leases"
)

Shape = dict[str, Any]


def all_ready(stack: PulumiStack) -> bool:
    """Coordinator, worker and server are Ready."""
    found = [pod for part in ("trino", "clickhouse") for pod in objects("pods", stack.namespace(part))]
    ready = [c for pod in found for c in pod["status"].get("conditions", []) if c["type"] == "Ready"]
    return len(ready) == 3 and all(one["status"] == "True" for one in ready)


def shapes(stack: PulumiStack) -> dict[str, Shape]:
    """Spec, labels, annotations and owners of the fields of every object that the stack has."""
    found = {}
    for namespace in stack.outputs()["namespaces"]:
        listed = kubectl("get", KINDS, "-n", namespace, "-o", "json", "--show-managed-fields")
        for one in json.loads(listed)["items"]:
            metadata = one["metadata"]
            owners = [
                {name: value for name, value in owner.items() if name != "time"}
                for owner in metadata.get("managedFields", [])
                if owner.get("subresource") != "status"
            ]
            found[f"{one['kind']} {namespace}/{metadata['name']}"] = {
                "spec": one.get("spec"),
                "labels": metadata.get("labels"),
                "annotations": metadata.get("annotations"),
                "owners": sorted(json.dumps(owner, sort_keys=True) for owner in owners),
            }
    return found


def differences(before: dict[str, Shape], after: dict[str, Shape]) -> list[str]:
    """Objects that came, went or changed."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


@contextmanager
def left_as_found(stack: PulumiStack) -> Iterator[None]:
    """What is done within must leave a Ready stack the same, and nothing of a fault anywhere.

    Raises:
        AssertionError: it does not, or the stack is not Ready in time, before or after.
    """
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready")
    before = shapes(stack)
    yield
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready again")
    assert differences(before, shapes(stack)) == []
    assert leftovers(stack) == []


def leftovers(stack: PulumiStack) -> list[str]:
    """Whatever exists for a fault or a run only, every field in our name, every node that is not as it was."""
    runner = stack.namespace("runner")
    made = [
        f"{one['kind']}/{one['metadata']['name']}"
        for namespace in stack.outputs()["namespaces"]
        for one in objects("pods,networkpolicies,configmaps,jobs", namespace, KEY_LABEL)
    ]
    made += [f"{one['kind']}/{one['metadata']['name']}" for one in objects("jobs,leases", runner)]
    owned = f'"manager": "{FIELD_MANAGER}"'
    changed = [
        name
        for name, shape in shapes(stack).items()
        if any(owned in owner for owner in shape["owners"]) or PREFIX in json.dumps(shape["annotations"])
    ]
    struck = [
        node["metadata"]["name"]
        for node in nodes()
        # Not in the whole of it: the runner's image is on the node, and has our name.
        if node["spec"].get("unschedulable") or FIELD_MANAGER in json.dumps([node["metadata"], node["spec"]])
    ]
    return made + changed + struck


def nodes() -> list[dict[str, Any]]:
    """All nodes, with the owners of their fields."""
    found: list[dict[str, Any]] = json.loads(kubectl("get", "nodes", "-o", "json", "--show-managed-fields"))["items"]
    return found
