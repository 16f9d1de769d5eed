"""Faults on the node where a pod of the engine runs, through the API: drained, tainted.

One node at a time, and never the only one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from typing_extensions import override

from faults.base import Kind, NotPossible, Tuning
from faults.objects import Manifest, ObjectFault
from faults.privileged import running, stack_control
from targets.base import MeansError, Target
from targets.kubernetes.means import KEY_LABEL, MergePatch, NodeView, ObjectRef, PodView, StackControl

DRAIN_SECONDS = 30.0
TTL_MARGIN_SECONDS = 60.0
_EVICTION_PAUSE = 2.0


def longer(tuning: Tuning, least: float) -> Tuning:
    """The tuning with at least so many seconds of hold: Kubernetes itself takes that long to act on a node."""
    hold = max(tuning.hold, least)
    return replace(tuning, hold=hold, ttl=max(tuning.ttl, hold + TTL_MARGIN_SECONDS))


def choose_node(control: StackControl, engine: str, role: str) -> tuple[NodeView, PodView]:
    """A node that hosts a pod of the role, and that pod: the one that spares most of the engine and of the stack.

    Raises:
        NotPossible: it is the only node that could run pods, or it is not whole.
    """
    nodes = {node.name: node for node in control.nodes()}
    whole = [node for node in nodes.values() if node.ready and node.schedulable]
    if len(whole) < 2:
        raise NotPossible(f"{len(whole)} of {len(nodes)} nodes can run pods; a node fault needs a second one")
    others = [pod.node for other in control.roles(engine) if other != role for pod in control.pods(engine, other)]
    pod = min(running(control, engine, role), key=lambda pod: _crowd(control, nodes.get(pod.node), others))
    node = nodes.get(pod.node)
    if node is None or not node.ready or not node.schedulable:
        raise NotPossible(f"node {pod.node} of {pod.name} is not Ready or is cordoned")
    return node, pod


def whole_roles(control: StackControl, engine: str, but: str, node: str) -> tuple[str, ...]:
    """The engine's other roles of which every pod that stays is on that node."""
    pods = {role: [pod for pod in control.pods(engine, role) if not pod.ending] for role in control.roles(engine)}
    return tuple(
        role for role, there in pods.items() if role != but and there and all(pod.node == node for pod in there)
    )


def _crowd(control: StackControl, node: NodeView | None, others: Sequence[str]) -> tuple[bool, int, int]:
    """Whether a node must not be struck, and how many pods of the engine's other roles and of the stack are there."""
    if node is None:
        return True, 0, 0
    there = others.count(node.name), len(node.pods)
    try:
        control.judge(node.ref)
    except MeansError:
        return True, *there
    return False, *there


class _NodeObjectFault(ObjectFault):
    """Changes the Node object itself."""

    kind: ClassVar[Kind] = Kind.NODE
    proof_seconds: ClassVar[float] = 30.0
    recovery_seconds: ClassVar[float] = 180.0

    def __init__(self, target: Target, engine: str, component: str, tuning: Tuning) -> None:
        super().__init__(target, engine, component, longer(tuning, DRAIN_SECONDS))
        self._pods: tuple[PodView, ...] = ()
        self._node = ""

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return stack_control(target).roles(engine)

    @property
    @override
    def ref(self) -> ObjectRef:
        if self._revert is not None:
            return self._revert.ref
        if not self._node:
            self._choose()
        return ObjectRef("Node", self._node)

    @property
    @override
    def avoid_node(self) -> str:
        return self.ref.name

    @override
    def preflight(self) -> None:
        self._choose()
        super().preflight()
        self.control.judge(self.ref)

    @override
    def plan(self) -> str:
        if not self._node:
            self._choose()
        return "\n".join([f"node/{self._node}: {self.summary}", *(f"pod/{pod.name}: moved" for pod in self._pods)])

    def _choose(self) -> None:
        node, first = choose_node(self.control, self.engine, self.component)
        self._node = node.name
        self.along = whole_roles(self.control, self.engine, self.component, node.name)
        there = [
            pod
            for output in self.target.outputs.engines
            for role in self.control.roles(output.kind)
            for pod in self.control.pods(output.kind, role)
            if pod.node == node.name and not pod.ending and pod.uid != first.uid
        ]
        self._pods = (first, *there)

    def gone(self) -> list[PodView]:
        """Those of the node's pods that are ending or gone."""
        roles = {
            (output.kind, role) for output in self.target.outputs.engines for role in self.control.roles(output.kind)
        }
        staying = {pod.uid for engine, role in roles for pod in self.control.pods(engine, role) if not pod.ending}
        return [pod for pod in self._pods if pod.uid not in staying]


class Drain(_NodeObjectFault):
    """``kubectl drain`` for the stack's pods: no new ones come, and each one there is evicted as its budget permits.

    The first pod goes at once; the others follow while the fault is held, as fast as their PodDisruptionBudgets let
    them.
    """

    name: ClassVar[str] = "drain"
    summary: ClassVar[str] = "node cordoned and the stack's pods there evicted"

    def __init__(self, target: Target, engine: str, component: str, tuning: Tuning) -> None:
        super().__init__(target, engine, component, tuning)
        self._stopping = threading.Event()
        self._evicting: threading.Thread | None = None

    @override
    def preflight(self) -> None:
        super().preflight()
        for namespace in {pod.namespace for pod in self._pods}:
            self.control.require("create", "pods/eviction", namespace)

    @override
    def change(self, found: Manifest) -> MergePatch:
        if found["spec"].get("unschedulable"):
            raise NotPossible(f"node {self._node} is cordoned already")
        return {"spec": {"unschedulable": True}}

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return {"spec": {"unschedulable": found["spec"].get("unschedulable")}}

    @override
    def inject(self) -> None:
        super().inject()
        self.control.evict(self._pods[0].ref)
        self._evicting = threading.Thread(target=self._evict_others, name=f"drain-{self._node}", daemon=True)
        self._evicting.start()

    @override
    def effect(self) -> str:
        gone = self.gone()
        cordoned = bool(self.control.read(self.ref)["spec"].get("unschedulable"))
        if not cordoned or self._pods[0] not in gone:
            return ""
        return f"node {self._node} is cordoned; of {len(self._pods)} pods there, {_names(gone)} evicted"

    @override
    def revert(self) -> None:
        self._stopping.set()
        if self._evicting is not None:
            self._evicting.join()
            self._evicting = None
        super().revert()

    @override
    def restored(self) -> str:
        if not self._pods:
            return "it takes pods"
        gone = self.gone()
        return f"it takes pods; {len(gone)} of the {len(self._pods)} there were evicted: {_names(gone)}"

    def _evict_others(self) -> None:
        """Evict until all are evicted or the fault is over; a budget that refuses is asked again."""
        waiting = list(self._pods[1:])
        while waiting and not self._stopping.is_set():
            for pod in list(waiting):
                try:
                    self.control.evict(pod.ref)
                except MeansError:
                    continue  # its budget wants others to be ready first, or it is gone; the proof counts what went
                waiting.remove(pod)
            self._stopping.wait(_EVICTION_PAUSE)


class Taint(_NodeObjectFault):
    """A NoExecute taint that nothing of the stack tolerates: everything there is told to leave at once."""

    name: ClassVar[str] = "taint"
    summary: ClassVar[str] = "node tainted NoExecute, so that its pods must leave at once"

    @override
    def preflight(self) -> None:
        super().preflight()
        self._others_would_stay()

    @override
    def change(self, found: Manifest) -> MergePatch:
        taints = [*self._taints(found), {"key": KEY_LABEL, "value": self.name, "effect": "NoExecute"}]
        return {"spec": {"taints": taints}}

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return {"spec": {"taints": self._taints(found) or None}}

    @override
    def effect(self) -> str:
        tainted = any(one["key"] == KEY_LABEL for one in self._taints(self.control.read(self.ref)))
        gone = self.gone()
        if not tainted or not gone:
            return ""
        return f"node {self._node} is tainted; of {len(self._pods)} pods there, {_names(gone)} ended"

    @override
    def restored(self) -> str:
        return "its taint is gone"

    @staticmethod
    def _taints(found: Manifest) -> list[dict[str, Any]]:
        return [dict(taint) for taint in found["spec"].get("taints") or []]

    def _others_would_stay(self) -> None:
        """A taint strikes every pod of the node, so there must be none of anybody else that would have to leave.

        Raises:
            NotPossible: somebody else's pod would be evicted, too.
        """
        strangers = self.control.strangers(self._node, KEY_LABEL)
        if strangers:
            raise NotPossible(
                f"node {self._node} also runs {', '.join(strangers[:3])}, which would be evicted, too; use drain"
            )


def _names(pods: Sequence[PodView]) -> str:
    return ", ".join(pod.name for pod in pods) or "none"
