"""Failures of the node where a pod of the engine runs, by configured commands: lost, without its kubelet, cut off.

One node at a time, never the only one, and never the one that runs the control plane, which would go, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from faults.base import Fault, Kind, NotPossible, Tuning
from faults.nodes import choose_node, longer, whole_roles
from faults.privileged import stack_control
from targets.base import MeansError, Target
from targets.kubernetes.means import ObjectRef, StackControl
from targets.kubernetes.node_means import NodeCommands

CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
LOSS_SECONDS = 60.0
_ANSWER_SECONDS = 3.0


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
        self.along = whole_roles(self.control, self.engine, self.component, self._node)

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
