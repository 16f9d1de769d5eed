"""Faults on the node where a pod of the engine runs: drained, tainted, lost, without its kubelet, cut off.

One node at a time, never the only one, and never the one that runs the control plane where it would go, too.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from typing_extensions import override

from faults.base import Fault, Kind, NotPossible, Tuning
from faults.objects import Manifest, ObjectFault
from faults.privileged import running, stack_control
from targets.base import MeansError, Target
from targets.kubernetes.means import KEY_LABEL, MergePatch, NodeCommands, NodeView, ObjectRef, PodView, StackControl

CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
DRAIN_SECONDS, LOSS_SECONDS = 30.0, 60.0
TTL_MARGIN_SECONDS = 60.0
_EVICTION_PAUSE, _ANSWER_SECONDS = 2.0, 3.0


def longer(tuning: Tuning, least: float) -> Tuning:
    """The tuning with at least so many seconds of hold: Kubernetes itself takes that long to act on a node."""
    hold = max(tuning.hold, least)
    return replace(tuning, hold=hold, ttl=max(tuning.ttl, hold + TTL_MARGIN_SECONDS))


def choose_node(control: StackControl, engine: str, role: str) -> tuple[NodeView, PodView]:
    """The node that hosts the role's first pod, and that pod.

    Raises:
        NotPossible: it is the only node that could run pods, or it is not whole.
    """
    nodes = {node.name: node for node in control.nodes()}
    whole = [node for node in nodes.values() if node.ready and node.schedulable]
    if len(whole) < 2:
        raise NotPossible(f"{len(whole)} of {len(nodes)} nodes can run pods; a node fault needs a second one")
    pod = running(control, engine, role)[0]
    node = nodes.get(pod.node)
    if node is None or not node.ready or not node.schedulable:
        raise NotPossible(f"node {pod.node} of {pod.name} is not Ready or is cordoned")
    return node, pod


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


class _NodeCommandFault(Fault):
    """Breaks the node itself by configured commands."""

    kind: ClassVar[Kind] = Kind.NODE
    means: ClassVar[type | None] = NodeCommands
    proof_seconds: ClassVar[float] = 180.0
    recovery_seconds: ClassVar[float] = 420.0
    action: ClassVar[str]
    options: ClassVar[str]

    def __init__(self, target: Target, engine: str, component: str, tuning: Tuning) -> None:
        super().__init__(target, engine, component, longer(tuning, LOSS_SECONDS))
        self._node = ""
        self._transition = ""

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        commands = target.means(NodeCommands)
        found = commands.actions().get(cls.action) if commands is not None else None
        if found is None or not found.begin or not found.end:
            raise NotPossible(f"there are no commands for it; give {cls.options}")
        return stack_control(target).roles(engine)

    @property
    @override
    def subject(self) -> str:
        return f"Node/{self._node}" if self._node else ""

    @override
    def preflight(self) -> None:
        # The record of the revert is kept on the node.
        self.control.require("patch", "nodes", None)
        self._choose()
        labels = self.control.read(ObjectRef("Node", self._node))["metadata"].get("labels") or {}
        if any(label in labels for label in CONTROL_PLANE):
            raise NotPossible(f"node {self._node} runs the control plane, without which nothing could be measured")
        self.control.judge(ObjectRef("Node", self._node))

    @override
    def plan(self) -> str:
        if not self._node:
            self._choose()
        commands = self.commands.actions()[self.action]
        return f"node/{self._node}: {self.summary}: {commands.begin.replace('{node}', self._node)}"

    @override
    def remember(self) -> str:
        if not self._node:
            self._choose()
        self._transition = self._ready()[1]
        return json.dumps({"node": self._node, "transition": self._transition})

    @override
    def recall(self, original: str) -> None:
        try:
            found = json.loads(original)
            self._node, self._transition = str(found["node"]), str(found["transition"])
        except (ValueError, TypeError, KeyError) as error:
            raise MeansError(f"{self.name}: the record of the node cannot be read ({error})") from error

    @override
    def inject(self) -> None:
        if not self._node:
            raise MeansError(f"{self.name}: the node was not recorded, so nothing was changed")
        self.commands.begin(self.action, self._node, ttl=self.tuning.ttl)

    @override
    def proof(self) -> str:
        ready, since = self._ready()
        if not ready:
            return f"node {self._node} is not Ready since {since}"
        # Kubernetes takes its time to call a node not Ready; that its kubelet can be reached no more shows at once.
        return f"the kubelet of node {self._node} does not answer" if self._answers() is False else ""

    @override
    def revert(self) -> None:
        """Run the command that mends; a node that went down and came back by other hands needs none."""
        if not self._node or self._came_back():
            return
        commands = self.target.means(NodeCommands)
        if commands is None or self.action not in commands.actions():
            raise MeansError(f"node {self._node} has to be mended by a command; give {self.options}")
        commands.end(self.action, self._node)

    @override
    def revert_proof(self) -> str:
        if not self._node:
            return "no node was chosen"
        ready, since = self._ready()
        if not ready:
            return ""
        if since != self._transition:
            return f"node {self._node} is Ready again since {since}"
        # It was never seen not Ready: that it is so now may be old news.
        return f"node {self._node} is Ready, and its kubelet answers" if self._answers() else ""

    @property
    def control(self) -> StackControl:
        """See ``stack_control``."""
        return stack_control(self.target)

    @property
    def commands(self) -> NodeCommands:
        """The configured commands.

        Raises:
            NotPossible: there are none.
        """
        commands = self.target.means(NodeCommands)
        if commands is None:
            raise NotPossible(f"there are no commands for it; give {self.options}")
        return commands

    def _choose(self) -> None:
        self._node = choose_node(self.control, self.engine, self.component)[0].name

    def _came_back(self) -> bool:
        ready, since = self._ready()
        return ready and bool(self._transition) and since != self._transition

    def _ready(self) -> tuple[bool, str]:
        """The node's Ready condition, and since when it is as it is."""
        status = self.control.read(ObjectRef("Node", self._node))["status"]
        for condition in status.get("conditions") or []:
            if condition["type"] == "Ready":
                return condition["status"] == "True", str(condition.get("lastTransitionTime", ""))
        return False, ""

    def _answers(self) -> bool | None:
        """Whether the node's kubelet runs a command in a ready pod of the stack there; ``None`` where there is none."""
        ready = [
            pod
            for output in self.target.outputs.engines
            for role in self.control.roles(output.kind)
            for pod in self.control.pods(output.kind, role)
            if pod.node == self._node and pod.ready
        ]
        if not ready:
            return None
        try:
            self.control.exec(ready[0].ref, ["true"], timeout=_ANSWER_SECONDS)
        except MeansError:
            return False
        return True


class NodeLoss(_NodeCommandFault):
    """Power off: everything on the node dies at once and nobody says goodbye."""

    name: ClassVar[str] = "node-loss"
    summary: ClassVar[str] = "node powered off"
    action: ClassVar[str] = "loss"
    options: ClassVar[str] = "--node-stop and --node-start"


class KubeletStop(_NodeCommandFault):
    """The kubelet ends: the containers run on and answer, while Kubernetes comes to think that they do not."""

    name: ClassVar[str] = "kubelet-stop"
    summary: ClassVar[str] = "kubelet of the node stopped, its containers run on"
    action: ClassVar[str] = "kubelet"
    options: ClassVar[str] = "--kubelet-stop and --kubelet-start"


class NodeUnreachable(_NodeCommandFault):
    """The network cable is pulled: the node's pods run on and reach only each other."""

    name: ClassVar[str] = "node-unreachable"
    summary: ClassVar[str] = "node cut off from the network, its pods run on"
    action: ClassVar[str] = "network"
    options: ClassVar[str] = "--node-cut and --node-heal"


def _names(pods: Sequence[PodView]) -> str:
    return ", ".join(pod.name for pod in pods) or "none"
