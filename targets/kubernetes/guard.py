"""The blast radius: what may be changed at all, whatever a fault asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from targets.base import MeansError
from targets.contract import Outputs
from targets.kubernetes.forward import is_ready
from targets.kubernetes.means import KEY_LABEL, PART_OF, PART_OF_LABEL, STACK_LABEL, NodeView, ObjectRef
from targets.kubernetes.objects import Objects
from targets.kubernetes.rights import Right, Rights
from targets.kubernetes.views import Manifest, node_view

_ROLE_LABEL = "app.kubernetes.io/component"
ONLY_ONES = frozenset({"coordinator", "server"})
"""Roles of which a stack has one pod: when that is gone, so is the engine."""


class Refused(MeansError):
    """The change would strike something that is not ours to strike."""


class Guard:
    """Judges every change before it is made.

    Args:
        outputs: the stack's whole document.
        objects: of the API.
        rights: of our credentials.
    """

    def __init__(self, outputs: Outputs, objects: Objects, rights: Rights) -> None:
        self._stack, self._namespaces = outputs.stack, frozenset(outputs.namespaces)
        self._objects, self._rights = objects, rights

    def place(self, ref: ObjectRef) -> None:
        """Judge where an object is.

        Raises:
            Refused: not in a namespace of the stack.
        """
        if ref.namespace is None:
            if ref.kind != "Node":
                raise Refused(f"{ref} is cluster-wide; faults change nothing cluster-wide but nodes")
            return
        if ref.namespace.startswith("kube-") or ref.namespace not in self._namespaces:
            raise Refused(f"{ref} is not in a namespace of stack {self._stack} ({', '.join(sorted(self._namespaces))})")

    def object(self, ref: ObjectRef, manifest: Manifest) -> None:
        """Judge a change of an object that exists.

        Raises:
            Refused: it is not one of the stack.
        """
        self.place(ref)
        owner = (manifest["metadata"].get("labels") or {}).get(STACK_LABEL)
        if ref.kind == "Node":
            self.node(ref.name)
        elif owner != self._stack:
            whose = f"belongs to {owner}" if owner else f"has no label {STACK_LABEL}"
            raise Refused(f"{ref} {whose}; faults change only what carries {STACK_LABEL}={self._stack}")

    def node(self, name: str) -> None:
        """Judge a fault on a node.

        Raises:
            Refused: nothing of the stack runs there, another node is down already, or another stack would lose the
                only pod of a role.
        """
        self._rights.require(Right("patch", "nodes", None))
        self._rights.require(Right("list", "pods", None))
        everyone = self._objects.list("Pod", None, {PART_OF_LABEL: PART_OF})
        if not any(self._is_ours(pod) and _node(pod) == name for pod in everyone):
            raise Refused(f"Node/{name} hosts no pod of stack {self._stack}")
        for other in map(node_view, self._objects.list("Node", None, {})):
            if other.name != name and (trouble := _trouble(other)):
                raise Refused(f"Node/{other.name} {trouble}; only one node at a time may be struck")
        for pod in everyone:
            if not self._is_ours(pod) and _node(pod) == name and self._is_last(pod, everyone):
                metadata = pod["metadata"]
                raise Refused(
                    f"Node/{name} hosts {metadata['namespace']}/{metadata['name']}, the only ready "
                    f"{metadata['labels'][_ROLE_LABEL]} of stack {metadata['labels'].get(STACK_LABEL)}"
                )

    def own_manifest(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest of a new object with the stack's labels, as it may be created."""
        metadata = dict(manifest["metadata"])
        metadata["labels"] = {**(metadata.get("labels") or {}), STACK_LABEL: self._stack, PART_OF_LABEL: PART_OF}
        return {**manifest, "metadata": metadata}

    def _is_ours(self, pod: Manifest) -> bool:
        return bool(pod["metadata"]["labels"].get(STACK_LABEL) == self._stack)

    @staticmethod
    def _is_last(pod: Manifest, everyone: Sequence[Manifest]) -> bool:
        labels = pod["metadata"]["labels"]
        if labels.get(_ROLE_LABEL) not in ONLY_ONES or KEY_LABEL in labels or not is_ready(pod):
            return False
        return not any(is_ready(peer) and _node(peer) != _node(pod) for peer in _peers(pod, everyone))


def _peers(pod: Manifest, everyone: Sequence[Manifest]) -> Iterator[Manifest]:
    wanted = {name: pod["metadata"]["labels"].get(name) for name in (STACK_LABEL, _ROLE_LABEL)}
    for other in everyone:
        labels = other["metadata"]["labels"]
        same = all(labels.get(name) == value for name, value in wanted.items())
        if same and other["metadata"]["namespace"] == pod["metadata"]["namespace"]:
            yield other


def _node(pod: Manifest) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _trouble(node: NodeView) -> str:
    if not node.ready:
        return "is not Ready"
    if not node.schedulable:
        return "is cordoned"
    if any(taint.startswith("query-engine-reliability/") for taint in node.taints):
        return "is tainted by a fault"
    return ""
