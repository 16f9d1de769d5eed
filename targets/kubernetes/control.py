"""The stack's objects: looked at and changed through the API, every change judged by the guard first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from targets.base import MeansError
from targets.contract import EngineOutput, Outputs, Workload
from targets.kubernetes.calls import CallError, Calls
from targets.kubernetes.fields import applied, hand_back, ours
from targets.kubernetes.guard import Guard
from targets.kubernetes.means import STACK_LABEL, MergePatch, NodeView, ObjectRef, PodView, Revert
from targets.kubernetes.objects import Manifest, Objects
from targets.kubernetes.rights import Right, Rights
from targets.kubernetes.views import addresses, bears_taint, node_view, pod_view

_OUTPUT_TAIL = 300


class ClusterControl:
    """Implements ``StackControl``.

    Args:
        outputs: the stack's whole document.
        calls: to the API.
    """

    def __init__(self, outputs: Outputs, calls: Calls) -> None:
        self._outputs, self._calls = outputs, calls
        self.objects = Objects(calls)
        self.rights = Rights(calls)
        self.guard = Guard(outputs, self.objects, self.rights)

    def roles(self, engine: str) -> Sequence[str]:
        """See ``StackControl.roles``."""
        return [workload.role for workload in self._engine(engine).workloads]

    def workload(self, engine: str, role: str) -> ObjectRef:
        """See ``StackControl.workload``."""
        found = self._workload(engine, role)
        return ObjectRef(found.kind, found.name, self._engine(engine).namespace)

    def service(self, engine: str) -> ObjectRef:
        """See ``StackControl.service``."""
        return ObjectRef("Service", self._engine(engine).service, self._engine(engine).namespace)

    def pods(self, engine: str, role: str) -> Sequence[PodView]:
        """See ``StackControl.pods``."""
        labels = self._workload(engine, role).labels
        if not labels:
            raise MeansError(f"the outputs document has no labels for {engine} {role}; run pulumi up to renew it")
        found = self.objects.list("Pod", self._engine(engine).namespace, labels)
        return sorted((pod_view(one, role) for one in found), key=lambda pod: pod.name)

    def endpoints(self, service: ObjectRef) -> Sequence[str]:
        """See ``StackControl.endpoints``."""
        return addresses(
            self.objects.list("EndpointSlice", service.namespace, {"kubernetes.io/service-name": service.name})
        )

    def nodes(self) -> Sequence[NodeView]:
        """See ``StackControl.nodes``."""
        where: dict[str, list[str]] = {}
        for engine in self._outputs.engines:
            for one in self.objects.list("Pod", engine.namespace, {STACK_LABEL: self._outputs.stack}):
                where.setdefault(one["spec"].get("nodeName", ""), []).append(one["metadata"]["name"])
        views = [node_view(one, where.get(one["metadata"]["name"], ())) for one in self.objects.list("Node", None, {})]
        return sorted(views, key=lambda node: node.name)

    def strangers(self, node: str, taint: str) -> Sequence[str]:
        """See ``StackControl.strangers``."""
        self.require("list", "pods", None)
        found = self.objects.list("Pod", None, {})
        return [
            f"{one['metadata']['namespace']}/{one['metadata']['name']}"
            for one in found
            if one["spec"].get("nodeName") == node
            and one["metadata"]["namespace"] not in self._outputs.namespaces
            and not bears_taint(one, taint)
        ]

    def read(self, ref: ObjectRef) -> Mapping[str, Any]:
        """See ``StackControl.read``."""
        return self.objects.read(ref)

    def exists(self, ref: ObjectRef) -> bool:
        """See ``StackControl.exists``."""
        return self.objects.found(ref) is not None

    def find(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[ObjectRef]:
        """See ``StackControl.find``."""
        found = self.objects.list(kind, namespace, {**labels, STACK_LABEL: self._outputs.stack})
        return [ObjectRef(kind, one["metadata"]["name"], namespace) for one in found]

    def patch(self, ref: ObjectRef, patch: MergePatch, *, subresource: str = "") -> Mapping[str, Any]:
        """See ``StackControl.patch``."""
        found = self._guarded(ref)
        return self.objects.merge(ref, patch, uid=found["metadata"]["uid"], subresource=subresource)

    def create(self, manifest: Mapping[str, Any]) -> ObjectRef:
        """See ``StackControl.create``."""
        metadata = manifest["metadata"]
        ref = ObjectRef(manifest["kind"], metadata["name"], metadata.get("namespace"))
        self.guard.place(ref)
        if ref.namespace is None:
            raise MeansError(f"{ref} is cluster-wide, and faults create nothing cluster-wide")
        self.objects.create(ref, self.guard.own_manifest(manifest))
        return ref

    def delete(self, ref: ObjectRef, *, grace: int | None = None, uid: str | None = None) -> None:
        """See ``StackControl.delete``."""
        found = self.objects.found(ref)
        if found is None or (uid is not None and found["metadata"]["uid"] != uid):
            return
        self.guard.object(ref, found)
        self.objects.delete(ref, uid=found["metadata"]["uid"], grace=grace)

    def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        """See ``StackControl.evict``."""
        self._guarded(pod)
        body: dict[str, Any] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
        }
        if dry_run:
            body["deleteOptions"] = {"dryRun": ["All"]}
        try:
            self.objects.create(pod, body, "eviction")
        except CallError as error:
            if error.status != 429:
                raise
            raise CallError(f"the PodDisruptionBudget does not let {pod} be evicted now ({error})", 429) from None

    def exec(self, pod: ObjectRef, command: Sequence[str], *, container: str = "", timeout: float = 15.0) -> str:
        """See ``StackControl.exec``."""
        found = self._guarded(pod)
        name = container or str(found["spec"]["containers"][0]["name"])
        status, output, errors = self._calls.exec(pod, name, command, timeout)
        if status:
            tail = " ".join((errors or output).split())[-_OUTPUT_TAIL:]
            raise MeansError(f"{command[0]} in {pod} exited with status {status}: {tail or 'no output'}")
        return output

    def allowed(self, verb: str, resource: str, namespace: str | None, *, group: str = "") -> bool:
        """See ``StackControl.allowed``."""
        return self.rights.allowed(Right(verb, resource, namespace, group))

    def require(self, verb: str, resource: str, namespace: str | None, *, group: str = "") -> None:
        """See ``StackControl.require``."""
        self.rights.require(Right(verb, resource, namespace, group))

    def judge(self, ref: ObjectRef) -> None:
        """See ``StackControl.judge``."""
        self._guarded(ref)

    def put_back(self, revert: Revert) -> None:
        """See ``StackControl.put_back``."""
        found = self.objects.found(revert.ref)
        if revert.patch is None:
            self.delete(revert.ref)
        # Else it is gone, or another is in its place, or it is not changed by us, or put back already.
        elif found is not None and revert.concerns(found) and ours(found):
            # A node may host nothing of the stack any more, and another node may have failed by itself; that a field of
            # it is in our name shows that the change was ours.
            if revert.ref.kind != "Node":
                self.guard.object(revert.ref, found)
            if not applied(found, revert.patch):
                uid = found["metadata"]["uid"]
                self.objects.merge(revert.ref, revert.patch, uid=uid, subresource=revert.subresource)
            hand_back(self.objects, revert)

    def is_back(self, revert: Revert) -> bool:
        """See ``StackControl.is_back``."""
        found = self.objects.found(revert.ref)
        if found is None or revert.patch is None:
            return found is None
        if not revert.concerns(found):
            return True
        return applied(found, revert.patch) and not ours(found)

    def _guarded(self, ref: ObjectRef) -> Manifest:
        self.guard.place(ref)
        found = self.objects.read(ref)
        self.guard.object(ref, found)
        return found

    def _engine(self, engine: str) -> EngineOutput:
        for output in self._outputs.engines:
            if output.kind == engine:
                return output
        raise MeansError(f"the outputs document has no engine {engine}")

    def _workload(self, engine: str, role: str) -> Workload:
        for workload in self._engine(engine).workloads:
            if workload.role == role:
                return workload
        raise MeansError(f"the outputs document has no workload of {engine} in the role {role}")
