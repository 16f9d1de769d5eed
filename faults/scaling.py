"""Changes of size, by hand: another worker and back, another share of the node and back.

They are faults in form, so that they are recorded, reverted and recovered like them; they break nothing, so they are
made only when asked for by name, or by the ``scale`` verb.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from faults.base import Kind, NotPossible
from faults.objects import Manifest, ObjectFault
from faults.pods import WORKER, WORKERS
from faults.privileged import running, stack_control
from targets.base import MeansError, Target
from targets.kubernetes.means import MergePatch, ObjectRef, PodView, StackControl
from targets.kubernetes.quantity import amount

CPU_FACTOR, MEMORY_FACTOR = 2.0, 1.5
AUTOSCALER = "HorizontalPodAutoscaler"


def autoscaler(control: StackControl, engine: str, role: str) -> ObjectRef | None:
    """The HorizontalPodAutoscaler of the stack that owns the number of a role's pods, if there is one."""
    workload = control.workload(engine, role)
    for ref in control.find(AUTOSCALER, workload.namespace or "", {}):
        target = control.read(ref)["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) == (workload.kind, workload.name):
            return ref
    return None


def utilization(found: Manifest) -> tuple[int | None, int]:
    """Per cent of the CPU request that an autoscaler sees in use, and that it holds; ``None`` before it has seen any.

    Raises:
        MeansError: it does not go by the use of CPU.
    """

    def cpu(metrics: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [one["resource"] for one in metrics if one.get("resource", {}).get("name") == "cpu"]

    aims = [one["target"].get("averageUtilization") for one in cpu(found["spec"].get("metrics") or [])]
    if not aims or aims[0] is None:
        raise MeansError("the autoscaler does not go by the use of CPU, so a load cannot be matched to it")
    used = [
        one["current"].get("averageUtilization") for one in cpu(found.get("status", {}).get("currentMetrics") or [])
    ]
    return (None if not used or used[0] is None else int(used[0])), int(aims[0])


class ScaleOut(ObjectFault):
    """One worker more; its revert is the scale-in, which must let the worker finish what it does."""

    name: ClassVar[str] = "scale-out"
    kind: ClassVar[Kind] = Kind.SERVICE
    summary: ClassVar[str] = "one worker more, then one less again"
    on_request: ClassVar[bool] = True
    proof_seconds: ClassVar[float] = 240.0

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        if WORKER not in stack_control(target).roles(engine):
            raise NotPossible(f"{engine} has no workers")
        return [WORKERS]

    @property
    @override
    def ref(self) -> ObjectRef:
        return self.control.workload(self.engine, WORKER)

    @override
    def preflight(self) -> None:
        super().preflight()
        if owner := autoscaler(self.control, self.engine, WORKER):
            raise NotPossible(f"{owner} owns the number of workers, and would undo another one")

    @override
    def change(self, found: Manifest) -> MergePatch:
        return {"spec": {"replicas": int(found["spec"].get("replicas", 1)) + 1}}

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return {"spec": {"replicas": found["spec"].get("replicas", 1)}}

    @override
    def effect(self) -> str:
        wanted = int(self.control.read(self.ref)["spec"].get("replicas", 1))
        ready = [pod for pod in self.control.pods(self.engine, WORKER) if pod.ready]
        return f"{len(ready)} of {wanted} workers are ready" if len(ready) >= wanted else ""

    @override
    def restored(self) -> str:
        wanted = int(self.control.read(self.ref)["spec"].get("replicas", 1))
        there = self.control.pods(self.engine, WORKER)
        return f"{len(there)} workers are left" if len(there) == wanted else ""


class Resize(ObjectFault):
    """The first container of a pod gets more CPU and memory in place, by the pod's ``resize`` subresource."""

    name: ClassVar[str] = "resize"
    kind: ClassVar[Kind] = Kind.POD
    summary: ClassVar[str] = f"limits of CPU times {CPU_FACTOR:g} and of memory times {MEMORY_FACTOR:g}, in place"
    on_request: ClassVar[bool] = True
    proof_seconds: ClassVar[float] = 120.0
    subresource: ClassVar[str] = "resize"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._pod: PodView | None = None

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        roles = [role for role in stack_control(target).roles(engine) if role == "server"]
        if not roles:
            raise NotPossible(f"{engine} has no server that would be resized rather than multiplied")
        return roles

    @property
    @override
    def ref(self) -> ObjectRef:
        return self._choose().ref

    @override
    def preflight(self) -> None:
        self.control.require("patch", "pods/resize", self.ref.namespace)
        self.switches.require()
        self.change(self.control.read(self.ref))

    @override
    def plan(self) -> str:
        pod = self._choose()
        before, after = limits(self.control.read(pod.ref)), larger(self.control.read(pod.ref))
        return f"pod/{pod.name}: limits from {told(before)} to {told(after)}, in place"

    @override
    def change(self, found: Manifest) -> MergePatch:
        return resources_patch(found, larger(found))

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return resources_patch(found, limits(found))

    @override
    def remember(self) -> str:
        return json.dumps({**json.loads(super().remember()), "run": self._choose().container_id})

    @override
    def recall(self, original: str) -> None:
        super().recall(original)
        assert self._revert is not None  # noqa: S101 - the record held one, or was refused
        ref, run = self._revert.ref, json.loads(original).get("run", "")
        self._pod = PodView(ref.name, ref.namespace or "", self._revert.uid, self.component, container_id=run)

    @override
    def effect(self) -> str:
        found = self._found()
        if found is None or self._revert is None:
            return ""
        name = found["metadata"]["name"]
        if refused := resize_refused(found):
            raise MeansError(f"the node does not give {name} more: {refused}")
        wanted = limits(found)
        if wanted == self._limits_before() or not _same(in_force(found), wanted):
            return ""
        return f"{name} runs with {told(wanted)}, {self._how(found)}"

    @override
    def restored(self) -> str:
        found = self._found()
        if found is None:
            return "the pod that was resized is gone"
        if not _same(in_force(found), self._limits_before()):
            return ""
        return f"it runs with {told(limits(found))} again, {self._how(found)}"

    def _choose(self) -> PodView:
        if self._pod is None:
            self._pod = running(self.control, self.engine, self.component)[0]
        return self._pod

    def _found(self) -> Manifest | None:
        """The pod that was chosen, if it is still that one."""
        if self._pod is None or not self.control.exists(self._pod.ref):
            return None
        found = self.control.read(self._pod.ref)
        return found if found["metadata"]["uid"] == self._pod.uid else None

    def _limits_before(self) -> dict[str, str]:
        assert self._revert is not None and self._revert.patch is not None  # noqa: S101, PT018 - set when it is asked
        return dict(self._revert.patch["spec"]["containers"][0]["resources"]["limits"])

    def _how(self, found: Manifest) -> str:
        run = _status(found).get("containerID", "")
        same = self._pod is not None and run == self._pod.container_id
        return "without a restart" if same else "after a restart of its container"


def limits(pod: Manifest) -> dict[str, str]:
    """CPU and memory limits that a pod's first container should have.

    Raises:
        NotPossible: it has none.
    """
    found: Mapping[str, str] = pod["spec"]["containers"][0].get("resources", {}).get("limits") or {}
    if not {"cpu", "memory"} <= set(found):
        raise NotPossible(f"{pod['metadata']['name']} has no limits of CPU and memory to change")
    return dict(found)


def larger(pod: Manifest) -> dict[str, str]:
    """Limits of CPU and memory times their factors, in millicores and MiB."""
    before = limits(pod)
    cpu, memory = amount(before["cpu"]) * CPU_FACTOR, amount(before["memory"]) * MEMORY_FACTOR
    return {**before, "cpu": f"{round(cpu * 1000)}m", "memory": f"{round(memory / 1024**2)}Mi"}


def resources_patch(pod: Manifest, new: Mapping[str, str]) -> MergePatch:
    """A merge patch that gives a pod's first container these limits; it replaces the list of containers whole."""
    first, *others = pod["spec"]["containers"]
    changed: dict[str, Any] = {**first, "resources": {**first["resources"], "limits": dict(new)}}
    return {"spec": {"containers": [changed, *others]}}


def in_force(pod: Manifest) -> dict[str, str]:
    """The limits that the node has given to the pod's first container."""
    found: Mapping[str, str] = _status(pod).get("resources", {}).get("limits") or {}
    return dict(found)


def resize_refused(pod: Manifest) -> str:
    """Why the node cannot give the pod what it should have now; empty when it can, or may be able to later."""
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] == "PodResizePending" and condition.get("reason") == "Infeasible":
            return " ".join(str(condition.get("message", "it is infeasible")).split())
    return ""


def told(found: Mapping[str, str]) -> str:
    """Limits for people."""
    return f"{found['cpu']} CPU and {found['memory']} memory"


def _status(pod: Manifest) -> Manifest:
    name = pod["spec"]["containers"][0]["name"]
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return next((one for one in statuses if one["name"] == name), {})


def _same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(name in one and amount(one[name]) == amount(other[name]) for name in ("cpu", "memory"))
