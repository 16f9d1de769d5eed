"""Services that lead nowhere, and engines scaled away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from faults.base import Kind, NotPossible
from faults.objects import Manifest, ObjectFault
from faults.pods import WORKER, WORKERS, role_of
from faults.privileged import engine_output, stack_control
from targets.base import Target
from targets.kubernetes.means import KEY_LABEL, MergePatch, ObjectRef

WRONG_PORT = 9
"""Discard (RFC 863): nothing in an engine's pod listens there."""


class _ServiceFault(ObjectFault):
    """Changes the Service that clients use."""

    kind: ClassVar[Kind] = Kind.SERVICE

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        stack_control(target)
        return ["clients"]

    @property
    @override
    def ref(self) -> ObjectRef:
        return self.control.service(self.engine)

    @override
    def preflight(self) -> None:
        super().preflight()
        if not self.control.endpoints(self.ref):
            raise NotPossible(f"{self.ref} has no ready endpoints already")


class NoEndpoints(_ServiceFault):
    """The Service selects no pod: new connections find nobody."""

    name: ClassVar[str] = "no-endpoints"
    summary: ClassVar[str] = "the Service's selector matches no pod, so it has no endpoints"

    @override
    def change(self, found: Manifest) -> MergePatch:
        if not found["spec"].get("selector"):
            raise NotPossible(f"{self.ref} has no selector")
        return {"spec": {"selector": {KEY_LABEL: self.key}}}

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return {"spec": {"selector": {**found["spec"].get("selector", {}), KEY_LABEL: None}}}

    @override
    def effect(self) -> str:
        return "" if self.control.endpoints(self.ref) else f"{self.ref} has no endpoints"

    @override
    def restored(self) -> str:
        endpoints = self.control.endpoints(self.ref)
        return f"it leads to {', '.join(endpoints)}" if endpoints else ""


class WrongPort(_ServiceFault):
    """The Service leads to a port where nothing listens: connections are refused by a healthy pod."""

    name: ClassVar[str] = "wrong-port"
    summary: ClassVar[str] = f"the Service leads to port {WRONG_PORT} of the pods, where nothing listens"

    @override
    def change(self, found: Manifest) -> MergePatch:
        port = engine_output(self.target, self.engine).port
        ports = found["spec"]["ports"]
        if all(one["port"] != port for one in ports):
            raise NotPossible(f"{self.ref} has no port {port}")
        return {"spec": {"ports": [{**one, "targetPort": WRONG_PORT} if one["port"] == port else one for one in ports]}}

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return {"spec": {"ports": found["spec"]["ports"]}}

    @override
    def effect(self) -> str:
        wrong = [one for one in self.control.endpoints(self.ref) if one.endswith(f":{WRONG_PORT}")]
        return f"{self.ref} leads to {', '.join(wrong)}" if wrong else ""

    @override
    def restored(self) -> str:
        endpoints = self.control.endpoints(self.ref)
        wrong = any(one.endswith(f":{WRONG_PORT}") for one in endpoints)
        return f"it leads to {', '.join(endpoints)}" if endpoints and not wrong else ""


class ScaleToZero(ObjectFault):
    """The workload has no replicas, as after a mistake of somebody or of a controller."""

    name: ClassVar[str] = "scale-to-zero"
    kind: ClassVar[Kind] = Kind.SERVICE
    summary: ClassVar[str] = "the workload is scaled to no replicas"

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return [WORKERS if role == WORKER else role for role in stack_control(target).roles(engine)]

    @property
    @override
    def ref(self) -> ObjectRef:
        return self.control.workload(self.engine, role_of(self.component))

    @override
    def change(self, found: Manifest) -> MergePatch:
        if not found["spec"].get("replicas"):
            raise NotPossible(f"{self.ref} has no replicas already")
        return {"spec": {"replicas": 0}}

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return {"spec": {"replicas": found["spec"]["replicas"]}}

    @override
    def effect(self) -> str:
        pods = self.control.pods(self.engine, role_of(self.component))
        if any(not pod.ending for pod in pods):
            return ""
        return f"{self.ref} wants no pods; {len(pods)} of its pods still end" if pods else f"{self.ref} has no pods"
