"""Faults on an engine's volume: no space left, and its pod on another node."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from typing_extensions import override

from faults.base import Kind, NotPossible
from faults.commands import EXEC_MARGIN, ExecFault, end_script, processes_script
from faults.containers import back
from faults.objects import Manifest, ObjectFault
from faults.observer import wait_until
from faults.privileged import running, stack_control
from targets.base import MeansError, Target
from targets.kubernetes.means import MergePatch, ObjectRef, PodView, StackControl
from targets.kubernetes.quantity import amount
from targets.kubernetes.selectors import selects

_OVERHEAD = 1.1
"""File systems of a volume may be this much larger than its claim: provisioners round up."""

_FULL_BYTES = 1024 * 1024
_MOVE_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Volume:
    """The volume of a pod: its claim, where it is mounted, and the claim's size in bytes."""

    claim: ObjectRef
    path: str
    size: float


def volume_of(control: StackControl, pod: PodView) -> Volume:
    """The first persistent volume of the engine's container.

    Raises:
        NotPossible: it has none.
    """
    manifest = control.read(pod.ref)
    container = next(one for one in manifest["spec"]["containers"] if one["name"] == pod.container)
    mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts") or []}
    for volume in manifest["spec"].get("volumes") or []:
        source = volume.get("persistentVolumeClaim")
        if source and volume["name"] in mounts:
            claim = ObjectRef("PersistentVolumeClaim", source["claimName"], pod.namespace)
            size = control.read(claim).get("status", {}).get("capacity", {}).get("storage", "0")
            return Volume(claim, mounts[volume["name"]], amount(str(size)))
    raise NotPossible(f"{pod.ref} has no persistent volume")


def _servers(target: Target, engine: str) -> Sequence[str]:
    if "server" not in stack_control(target).roles(engine):
        raise NotPossible(f"{engine} keeps no data on volumes")
    return ["server"]


class VolumeFull(ExecFault):
    """A file without a name takes all space: it goes with the process that holds it open, whatever ends that."""

    name: ClassVar[str] = "volume-full"
    kind: ClassVar[Kind] = Kind.STORAGE
    summary: ClassVar[str] = "no space left on the engine's volume"
    tools: ClassVar[tuple[str, ...]] = ("timeout", "grep", "stat", "head")

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return _servers(target, engine)

    @override
    def preflight(self) -> None:
        super().preflight()
        pod = self.choose()
        volume = volume_of(self.control, pod)
        total, _ = self._space(pod, volume)
        if total > volume.size * _OVERHEAD:
            raise NotPossible(
                f"{volume.claim} has no limit of its own: its file system has {total / 2**30:.1f} GiB, where the claim "
                f"is {volume.size / 2**30:.1f} GiB, so filling it would strike others"
            )

    @override
    def inject(self) -> None:
        for pod in self.struck:
            volume = volume_of(self.control, pod)
            total, free = self._space(pod, volume)
            if total > volume.size * _OVERHEAD:
                raise MeansError(f"{volume.claim} has no limit of its own any more")
            seconds = math.ceil(self.tuning.ttl)
            command = ["timeout", str(seconds), "sh", "-c", filler_script(self.key, volume.path, free, seconds)]
            threading.Thread(target=self._fill, args=(pod, command), name=f"fill-{pod.name}", daemon=True).start()

    def _fill(self, pod: PodView, command: Sequence[str]) -> None:
        # Ends with the filler, which ends by itself, at the revert, or with the container.
        with contextlib.suppress(MeansError):
            self.control.exec(pod.ref, command, timeout=self.tuning.ttl + EXEC_MARGIN)

    @override
    def proof(self) -> str:
        shown = []
        for pod in self.struck:
            volume = volume_of(self.control, pod)
            total, free = self._space(pod, volume)
            if free >= _FULL_BYTES:
                return ""
            shown.append(f"{free} of {total} bytes are free in {volume.path} of {pod.name}")
        return "; ".join(shown)

    @override
    def revert(self) -> None:
        for pod in self.there():
            self.control.exec(pod.ref, ["sh", "-c", end_script(self.key)])

    @override
    def revert_proof(self) -> str:
        for pod in self.there():
            held = self.control.exec(pod.ref, ["sh", "-c", processes_script(self.key)]).split()[0]
            _, free = self._space(pod, volume_of(self.control, pod))
            if held != "0" or free < _FULL_BYTES:
                return ""
        return "nothing of ours takes space on the volume"

    def _space(self, pod: PodView, volume: Volume) -> tuple[int, int]:
        """Size and free space of the file system, in bytes, as its user sees them."""
        block, blocks, free = self.control.exec(pod.ref, ["stat", "-f", "-c", "%S %b %a", volume.path]).split()
        return int(block) * int(blocks), int(block) * int(free)


def filler_script(key: str, path: str, size: int, seconds: int) -> str:
    """Hold ``size`` bytes in a file that has no name any more."""
    file = f"{path.rstrip('/')}/.qer-{key}"
    return (
        f"exec 9<>'{file}'; rm -f '{file}'; trap 'kill $!; exit' TERM; "
        f"fallocate -l {size} /proc/self/fd/9 2>/dev/null || head -c {size} /dev/zero >&9; sleep {seconds} & wait"
    )


class PodMoved(ObjectFault):
    """The pod has to start on another node, with its volume: its own is closed to new pods meanwhile."""

    name: ClassVar[str] = "pod-moved"
    kind: ClassVar[Kind] = Kind.STORAGE
    summary: ClassVar[str] = "pod deleted and its node cordoned: it starts elsewhere, with its volume"
    momentary: ClassVar[bool] = True

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._struck: PodView | None = None

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return _servers(target, engine)

    @property
    def pod(self) -> PodView:
        """The pod that is struck, or would be."""
        return self._struck or running(self.control, self.engine, self.component)[0]

    @property
    @override
    def ref(self) -> ObjectRef:
        return ObjectRef("Node", self.pod.node)

    @property
    @override
    def subject(self) -> str:
        return ""

    @property
    @override
    def avoid_node(self) -> str:
        return self.pod.node

    @override
    def preflight(self) -> None:
        for verb, what in (("list", "nodes"), ("get", "nodes"), ("get", "persistentvolumes")):
            self.control.require(verb, what, None)
        super().preflight()
        self.control.judge(self.ref)
        pod = self.pod
        free = {node.name: node for node in self.control.nodes() if node.ready and node.schedulable}
        if not set(free) - {pod.node}:
            raise NotPossible(f"there is no other node than {pod.node} that takes pods")
        name = self.control.read(volume_of(self.control, pod).claim)["spec"]["volumeName"]
        volume = self.control.read(ObjectRef("PersistentVolume", name))
        others = [self.control.read(node.ref)["metadata"]["labels"] for node in free.values() if node.name != pod.node]
        if not any(admits(volume, labels) for labels in others):
            raise NotPossible(f"volume {name} is bound to node {pod.node} by its node affinity: it cannot move")

    @override
    def remember(self) -> str:
        self._struck = self.pod
        return json.dumps({"pod": asdict(self._struck), "node": json.loads(super().remember())})

    @override
    def recall(self, original: str) -> None:
        try:
            found = json.loads(original)
            self._struck = PodView(**found["pod"])
            super().recall(json.dumps(found["node"]))
        except (ValueError, KeyError, TypeError) as error:
            raise MeansError(f"{self.name}: the record of what was struck cannot be read ({error})") from error

    @override
    def change(self, found: Manifest) -> MergePatch:
        if found["spec"].get("unschedulable"):
            raise NotPossible(f"{self.ref} is cordoned already")
        return {"spec": {"unschedulable": True}}

    @override
    def undo(self, found: Manifest) -> MergePatch:
        return {"spec": {"unschedulable": found["spec"].get("unschedulable")}}

    @override
    def inject(self) -> None:
        super().inject()
        self.control.delete(self.pod.ref, uid=self.pod.uid)
        wait_until(lambda: bool(self.effect()), _MOVE_SECONDS, interval=0.5)

    @override
    def effect(self) -> str:
        was = self.pod
        for pod in self.control.pods(self.engine, self.component):
            if pod.uid != was.uid and pod.node not in {"", was.node}:
                return f"{pod.name} is on {pod.node} now, it was on {was.node}"
        return ""

    @override
    def restored(self) -> str:
        return back(self.control, self.engine, [self.pod])


def admits(volume: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether the node affinity of a PersistentVolume lets a node with these labels have it."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    if not required:
        return True
    return any(
        selects({"matchExpressions": term.get("matchExpressions")}, labels) for term in required["nodeSelectorTerms"]
    )
