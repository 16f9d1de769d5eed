"""Manifests of the API as the few facts that faults ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from targets.kubernetes.forward import is_ready
from targets.kubernetes.means import NodeView, PodView

Manifest = Mapping[str, Any]


def pod_view(manifest: Manifest, role: str) -> PodView:
    """A pod; its engine runs in its first container."""
    metadata, status = manifest["metadata"], manifest.get("status", {})
    container = str(manifest["spec"]["containers"][0]["name"])
    run: Manifest = next(
        (one for one in status.get("containerStatuses") or [] if one["name"] == container),
        {},
    )
    running = run.get("state", {}).get("running") or {}
    last = run.get("lastState", {}).get("terminated") or run.get("state", {}).get("terminated") or {}
    return PodView(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        role=role,
        node=manifest["spec"].get("nodeName", ""),
        ip=status.get("podIP", ""),
        ready=is_ready(manifest),
        ending="deletionTimestamp" in metadata,
        container=container,
        container_id=run.get("containerID", ""),
        started_at=running.get("startedAt", ""),
        restarts=int(run.get("restartCount", 0)),
        last_exit=last.get("reason", ""),
    )


def node_view(manifest: Manifest, pods: Sequence[str] = ()) -> NodeView:
    """A node, with the names of the stack's pods there."""
    spec = manifest.get("spec", {})
    return NodeView(
        name=manifest["metadata"]["name"],
        ready=condition(manifest, "Ready"),
        schedulable=not spec.get("unschedulable", False),
        taints=tuple(f"{one['key']}={one.get('value', '')}:{one['effect']}" for one in spec.get("taints") or []),
        pods=tuple(sorted(pods)),
    )


def condition(manifest: Manifest, kind: str) -> bool:
    """Whether a condition of the object is true."""
    conditions = manifest.get("status", {}).get("conditions") or []
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)


def addresses(slices: Sequence[Manifest]) -> list[str]:
    """``address:port`` of every ready endpoint in the EndpointSlices of one Service."""
    return sorted(
        f"{address}:{port['port']}"
        for one in slices
        for endpoint in one.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready", True)
        for address in endpoint["addresses"]
        for port in one.get("ports") or []
        if port.get("port")
    )


def bears_taint(pod: Manifest, key: str) -> bool:
    """Whether a pod stays on a node that gets a NoExecute taint of that key, for good."""
    if "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {}):
        return True  # run by the kubelet itself, not by the API
    return any(
        one.get("key", key) == key
        and one.get("effect", "NoExecute") == "NoExecute"
        and one.get("operator") == "Exists"
        and "tolerationSeconds" not in one
        for one in pod["spec"].get("tolerations") or []
    )
