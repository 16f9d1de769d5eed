"""What a fault may do to a stack on Kubernetes: protocols for the means, frozen models for what they speak of.

Every implementation sends its changes through :mod:`targets.kubernetes.guard`, so that nothing outside the stack can
be struck, whatever a fault asks for. Failures of every kind are :class:`targets.base.MeansError`: one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

DEFAULT_IMAGE = "nicolaka/netshoot:v0.13"
"""Of fault pods and switches, where the outputs document names none."""

FIELD_MANAGER = "query-engine-reliability"
"""Who the API server says has changed a field, until the revert hands the field back."""

STACK_LABEL = "app.kubernetes.io/instance"
PART_OF_LABEL, PART_OF = "app.kubernetes.io/part-of", "query-engine-reliability"
KEY_LABEL = "query-engine-reliability/fault"
"""Label of every object that exists for one injection only (fault pods, switches, policies): ``Fault.key``."""

MergePatch = Mapping[str, Any]
"""A JSON merge patch (RFC 7396): ``None`` removes, lists are replaced whole."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """One object of the API. ``str()`` gives ``Kind/namespace/name`` or ``Kind/name``, which ``parse`` reads.

    Attributes:
        kind: ``Deployment``, ``StatefulSet``, ``Service``, ``Pod``, ``Node``, ``NetworkPolicy``, ...
        name: its name.
        namespace: ``None`` for what is cluster-wide.
    """

    kind: str
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reference that ``str()`` wrote.

        Raises:
            ValueError: it is none.
        """
        parts = text.split("/")
        if len(parts) not in {2, 3} or not all(parts):
            raise ValueError(f"not a reference to an object: {text!r}")
        return cls(parts[0], parts[-1], parts[1] if len(parts) == 3 else None)


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod as the API shows it now. ``uid`` tells it from a namesake that took its place.

    Attributes:
        name: of the pod.
        namespace: of the pod.
        uid: of the pod.
        role: ``coordinator``, ``worker``, ``server``.
        node: where it runs; empty while it is not scheduled.
        ip: its address; empty while it has none.
        ready: whether a Service sends connections to it.
        ending: whether it was told to end.
        container: name of the engine's container.
        container_id: of that container's present run (``containerd://...``); empty before the first.
        started_at: when that run began, as the API writes it; empty when it does not run.
        restarts: times that the container was started again in this pod.
        last_exit: why its last run ended (``OOMKilled``, ``Error``, ``Completed``); empty if none ended.
    """

    name: str
    namespace: str
    uid: str
    role: str
    node: str = ""
    ip: str = ""
    ready: bool = False
    ending: bool = False
    container: str = ""
    container_id: str = ""
    started_at: str = ""
    restarts: int = 0
    last_exit: str = ""

    @property
    def ref(self) -> ObjectRef:
        """The pod as an object."""
        return ObjectRef("Pod", self.name, self.namespace)


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node as the API shows it now.

    Attributes:
        name: of the node.
        ready: its Ready condition.
        schedulable: not cordoned.
        taints: ``key=value:Effect`` each.
        pods: names of this stack's pods there.
    """

    name: str
    ready: bool
    schedulable: bool
    taints: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        """The node as an object."""
        return ObjectRef("Node", self.name)


@dataclass(frozen=True, slots=True)
class Revert:
    """What puts one object back, recorded before it is changed. ``to_json``/``from_json`` are for ``Fault.remember``.

    Attributes:
        ref: the object.
        patch: merge patch back to what it was; ``None``: the object is ours and is deleted.
        managed_fields: its ``metadata.managedFields`` before the change, handed back after the revert, so that
            a later ``pulumi up`` meets no field conflict.
        subresource: that the patch is for (``resize``); empty: the object itself.
        uid: of the object, where a namesake that took its place must be left alone; empty: any of that name.
    """

    ref: ObjectRef
    patch: MergePatch | None
    managed_fields: tuple[Mapping[str, Any], ...] = ()
    subresource: str = ""
    uid: str = ""

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ref": str(self.ref),
            "patch": self.patch,
            "managedFields": list(self.managed_fields),
            "subresource": self.subresource,
            "uid": self.uid,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """What ``to_json`` wrote.

        Raises:
            ValueError, KeyError, TypeError: it did not.
        """
        return cls(
            ObjectRef.parse(found["ref"]),
            found["patch"],
            tuple(found["managedFields"]),
            found.get("subresource", ""),
            found.get("uid", ""),
        )

    def concerns(self, manifest: Mapping[str, Any]) -> bool:
        """Whether that is the very object, not a namesake that took its place."""
        return self.uid in {"", manifest["metadata"]["uid"]}


@runtime_checkable
class StackControl(Protocol):
    """Means: look at and change objects of this stack, and nothing else.

    Every method raises ``MeansError`` when the API cannot be reached, refuses (a missing right names the RBAC rule to
    add), does not know the object, or when the guard forbids the change.
    """

    def roles(self, engine: str) -> Sequence[str]:
        """Roles of the engine's workloads in the order of the outputs document: ``coordinator``, ``worker``."""
        ...

    def workload(self, engine: str, role: str) -> ObjectRef:
        """The Deployment or StatefulSet behind a role."""
        ...

    def service(self, engine: str) -> ObjectRef:
        """The Service that clients use."""
        ...

    def pods(self, engine: str, role: str) -> Sequence[PodView]:
        """The workload's pods by name, ending ones included."""
        ...

    def endpoints(self, service: ObjectRef) -> Sequence[str]:
        """``address:port`` of everything that the Service sends connections to now (its ready endpoints)."""
        ...

    def nodes(self) -> Sequence[NodeView]:
        """All nodes by name; needs the rights for node faults."""
        ...

    def strangers(self, node: str, taint: str) -> Sequence[str]:
        """``namespace/name`` of pods on a node that are not in the stack's namespaces and would leave for a taint.

        Args:
            node: its name.
            taint: key of a NoExecute taint.
        """
        ...

    def read(self, ref: ObjectRef) -> Mapping[str, Any]:
        """The object's manifest.

        Raises:
            MeansError: also when it does not exist; see ``exists``.
        """
        ...

    def exists(self, ref: ObjectRef) -> bool:
        """Whether there is such an object."""
        ...

    def find(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[ObjectRef]:
        """Objects of the stack with these labels (the stack's own label is added)."""
        ...

    def patch(self, ref: ObjectRef, patch: MergePatch, *, subresource: str = "") -> Mapping[str, Any]:
        """Apply a merge patch (guarded); returns the manifest after it."""
        ...

    def create(self, manifest: Mapping[str, Any]) -> ObjectRef:
        """Create an object (guarded); the stack's label is added."""
        ...

    def delete(self, ref: ObjectRef, *, grace: int | None = None, uid: str | None = None) -> None:
        """Delete an object (guarded); harmless when it is gone.

        Args:
            ref: the object.
            grace: seconds; ``None`` leaves it to the object, 0 forces.
            uid: only this very object, not a namesake that took its place.
        """
        ...

    def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        """Ask for the pod's eviction (guarded), which a PodDisruptionBudget may refuse (``MeansError``)."""
        ...

    def exec(self, pod: ObjectRef, command: Sequence[str], *, container: str = "", timeout: float = 15.0) -> str:
        """Run a command in a pod (guarded); returns its standard output.

        Raises:
            MeansError: also when it exits with another status than 0; the message has the end of its error output.
        """
        ...

    def allowed(self, verb: str, resource: str, namespace: str | None, *, group: str = "") -> bool:
        """Whether we have this right (SelfSubjectAccessReview; remembered). ``resource`` may be ``pods/exec``."""
        ...

    def require(self, verb: str, resource: str, namespace: str | None, *, group: str = "") -> None:
        """Refuse unless ``allowed``.

        Raises:
            MeansError: the right is missing; the message has the RBAC rule to add.
        """
        ...

    def judge(self, ref: ObjectRef) -> None:
        """Refuse what the guard would not let be changed now; changes nothing."""
        ...

    def put_back(self, revert: Revert) -> None:
        """Make the object what it was and hand its fields back (guarded); harmless when it is that already."""
        ...

    def is_back(self, revert: Revert) -> bool:
        """Whether the object is what it was: nothing left to patch, and no field in our name."""
        ...


@runtime_checkable
class Switches(Protocol):
    """Means: dead man's switches, pods that send a revert after its TTL even if the runner and its machine are gone."""

    def require(self) -> None:
        """Refuse unless switches can be made here.

        Raises:
            MeansError: the document names no place for them, or a right is missing.
        """
        ...

    def arm(
        self, key: str, reverts: Sequence[Revert], *, ttl: float, subject: str = "", avoid_node: str = ""
    ) -> ObjectRef:
        """Start a switch and wait until it counts; *before* the change is made.

        The switch first sends every revert as a dry run: one that could not do its work (no right, no way to the
        API) never counts as armed.

        Args:
            key: of the fault; one switch each.
            reverts: what to send, in this order.
            ttl: seconds from now; afterwards the switch reverts, removes the record of the fault, and itself.
            subject: what the record is about, as the ledger has it: ``Fault.subject`` or else the engine's kind.
            avoid_node: where it should not run, if there is any other (the one that will be struck).

        Raises:
            MeansError: it is not armed; nothing of it is left.
        """
        ...

    def armed(self, key: str) -> bool:
        """Whether a switch of that key exists, whatever its state."""
        ...

    def disarm(self, key: str) -> None:
        """Remove it; harmless when it is gone."""
        ...
