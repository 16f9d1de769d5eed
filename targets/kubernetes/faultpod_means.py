"""What a fault may do inside a pod's network namespace: self-ending fault pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from targets.kubernetes.means import ObjectRef, PodView


@dataclass(frozen=True, slots=True)
class FaultScript:
    """POSIX shell of one injection by a fault pod, run as root in the target pod's network namespace.

    Whatever it leaves there must be the nftables table ``inet $TABLE`` or root qdiscs with the handle ``$HANDLE``: the
    fault pod removes these, whatever ended it, and also when ``start`` failed half way. The scripts may use ``$TTL``
    (seconds; elements of nftables sets that time out end an injection even if nobody removes it), ``$MAIN`` (the
    main process of the engine's container, as a process id of the node), ``$NODE4`` and ``$NODE6`` (the node's own
    addresses as the ``elements = {...}`` of an nftables set, empty if there are none).

    Attributes:
        name: of the fault, for the pod's name.
        start: injects; a command that fails fails the injection.
        counters: prints ``name value`` lines of whole numbers that prove an effect (packets dropped). Without it the
            injection is over as soon as ``start`` is.
        probe: tries what the fault should make impossible; prints one line about it once it is. It runs again and
            again, but not before the counters have counted something that is not the probe itself.
    """

    name: str
    start: str
    counters: str = ""
    probe: str = ""


@dataclass(frozen=True, slots=True)
class FaultPod:
    """A fault pod.

    Attributes:
        ref: the pod.
        uid: of the pod.
        key: of the fault.
        target: the pod that it strikes.
        target_uid: of that pod; the injection goes with the pod.
        node: where both are.
        active: whether it still runs.
        last_words: ``clean``, ``left: ...`` or ``failed: ...`` once it has ended by itself.
    """

    ref: ObjectRef
    uid: str
    key: str
    target: ObjectRef
    target_uid: str
    node: str
    active: bool = False
    last_words: str = ""


@dataclass(frozen=True, slots=True)
class FaultReport:
    """What the fault pods of one key have seen so far.

    Attributes:
        counters: of all pods, summed by name.
        probes: what each pod's probe printed, of those that have.
        pods: how many are active.
    """

    counters: Mapping[str, int]
    probes: tuple[str, ...]
    pods: int


@runtime_checkable
class FaultPods(Protocol):
    """Means: self-ending privileged pods in the stack's ``faults`` namespace. All raise ``MeansError`` as above."""

    def require(self) -> None:
        """Refuse unless there is such a namespace and we may use it.

        Raises:
            MeansError: there is none (the message has the setting), or a right is missing.
        """
        ...

    def strike(self, key: str, pod: PodView, script: FaultScript, *, ttl: float) -> FaultPod:
        """Start a fault pod on the target's node and wait until its injection is in force, or over.

        Args:
            key: of the fault; one key may strike several pods.
            pod: whose network namespace is entered.
            script: what to do there.
            ttl: seconds after which the pod undoes it by itself.

        Raises:
            MeansError: it could not be injected; what the message does not mention is undone.
        """
        ...

    def find(self, key: str) -> Sequence[FaultPod]:
        """The fault pods of a key, whoever made them."""
        ...

    def report(self, key: str) -> FaultReport:
        """What its pods say; asked of them at most twice a second."""
        ...

    def end(self, key: str) -> None:
        """End its pods; one is removed only once its injection has been seen undone, so call it until none is found.

        Harmless when there are none.
        """
        ...

    def clean(self, key: str, targets: Sequence[PodView]) -> str:
        """What shows that none of those pods has anything of this key left; empty while something may be.

        Fault pods that ``end`` saw end are believed; where one has vanished, another looks and undoes what it finds.
        """
        ...

    def look(self, node: str, script: str) -> str:
        """Run a short script in a privileged pod with a network namespace of its own; returns what it printed.

        Args:
            node: name of the node.
            script: POSIX shell; both its outputs are returned, at most 2000 characters.
        """
        ...

    def features(self, node: str) -> frozenset[str]:
        """What fault pods can use on that node, tried out once in a namespace of their own.

        Returns:
            Those of ``nftables``, ``tbf`` and ``netem`` that there are.
        """
        ...

    def tidy(self) -> None:
        """Remove pods that only looked and that a killed runner has left."""
        ...
