"""A partition by NetworkPolicy, where the cluster enforces them.

Policies add up: none can forbid what another one allows. So the partition takes the pods out of the policy that admits
their traffic, which leaves them with the stack's policy that admits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from faults.base import Kind, NotPossible
from faults.objects import Manifest, ObjectFault
from faults.pods import WORKER, WORKERS
from faults.privileged import container_ports, fault_pods, running, stack_control
from targets.base import Target
from targets.kubernetes.means import MergePatch, ObjectRef, PodView
from targets.kubernetes.selectors import selects

_COMPONENT = "app.kubernetes.io/component"
_TRY_SECONDS = 2


class PolicyPartition(ObjectFault):
    """The workers are taken out of the NetworkPolicy that admits traffic: nobody reaches them, they reach nobody."""

    name: ClassVar[str] = "policy-partition"
    kind: ClassVar[Kind] = Kind.NETWORK
    summary: ClassVar[str] = "workers cut off from everybody by NetworkPolicy"

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        if WORKER not in stack_control(target).roles(engine):
            raise NotPossible(f"{engine} has no workers to cut off; partition-clients cuts it off from its clients")
        return [WORKERS]

    @property
    @override
    def ref(self) -> ObjectRef:
        worker = self._running(WORKER)
        labels = self.control.read(worker.ref)["metadata"]["labels"]
        found = [ref for ref in self.control.find("NetworkPolicy", worker.namespace, {}) if self._admits(ref, labels)]
        if len(found) != 1:
            names = ", ".join(str(ref) for ref in found) or "none"
            raise NotPossible(f"exactly one NetworkPolicy of the stack must admit the workers' traffic; it is {names}")
        return found[0]

    @property
    @override
    def subject(self) -> str:
        return ""

    @override
    def preflight(self) -> None:
        super().preflight()
        coordinator, worker = self._running("coordinator"), self._running(WORKER)
        if not self._connects(coordinator, worker):
            raise NotPossible(f"{coordinator.name} does not reach {worker.name} even now")
        pods = fault_pods(self.target)
        pods.require()
        # A pod that no policy names as a client: that it gets through shows that policies are only for show.
        where = f"TCP:{worker.ip}:{self._port(worker)},connect-timeout={_TRY_SECONDS}"
        if "reached" in pods.look(worker.node, f"socat -u OPEN:/dev/null {where} && echo reached"):
            raise NotPossible("this cluster's network does not enforce NetworkPolicies: a stranger's pod got through")

    @override
    def change(self, found: Manifest) -> MergePatch:
        without = {"key": _COMPONENT, "operator": "NotIn", "values": [WORKER]}
        return _expressions([*(found["spec"]["podSelector"].get("matchExpressions") or []), without])

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return _expressions(found["spec"]["podSelector"].get("matchExpressions"))

    @override
    def effect(self) -> str:
        coordinator, worker = self._running("coordinator"), self._running(WORKER)
        if self._connects(coordinator, worker):
            return ""
        return f"{coordinator.name} connects to {worker.name} in vain"

    @override
    def restored(self) -> str:
        coordinator, worker = self._running("coordinator"), self._running(WORKER)
        return f"{coordinator.name} reaches {worker.name}" if self._connects(coordinator, worker) else ""

    def _running(self, role: str) -> PodView:
        return running(self.control, self.engine, role)[0]

    def _admits(self, ref: ObjectRef, labels: dict[str, str]) -> bool:
        spec = self.control.read(ref)["spec"]
        return selects(spec["podSelector"], labels) and bool(spec.get("ingress") or spec.get("egress"))

    def _connects(self, source: PodView, to: PodView) -> bool:
        """Whether a client inside one pod reaches the other."""
        url = f"http://{to.ip}:{self._port(to)}/v1/info"
        curl = f"curl --silent --output /dev/null --max-time {_TRY_SECONDS} {url} && echo reached || true"
        return "reached" in self.control.exec(source.ref, ["sh", "-c", curl])

    def _port(self, pod: PodView) -> int:
        ports = container_ports(self.control.read(pod.ref), pod.container)
        return ports.get("http", min(ports.values()))


def _expressions(found: object) -> MergePatch:
    return {"spec": {"podSelector": {"matchExpressions": found}}}
