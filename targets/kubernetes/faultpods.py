"""Fault pods: what needs privileges, in short-lived pods beside the engines, on the nodes of the pods they strike."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from targets.base import MeansError
from targets.contract import Outputs
from targets.kubernetes.faultpod_manifest import (
    COMPONENT_LABEL,
    LOOK_SECONDS,
    STATE,
    ended,
    hopeless,
    manifest,
    parse,
    seconds,
    table,
    undone,
    view,
)
from targets.kubernetes.faultpod_means import FaultPod, FaultReport, FaultScript
from targets.kubernetes.means import KEY_LABEL, ObjectRef, PodView, StackControl

IMAGE = "nicolaka/netshoot:v0.13"
"""For documents that name none."""

START_SECONDS = 60.0
END_SECONDS = 30.0
REPORT_SECONDS = 0.5
_LOOK = "look-"
_END = f"touch {STATE}/end; for i in $(seq 60); do grep . /dev/termination-log && break; sleep 0.2; done"
_FEATURES = """
ip link set lo up
nft add table inet look && echo nftables
for shape in "tbf rate 1mbit burst 70000 latency 1s" "netem delay 1ms"; do
	if tc qdisc add dev lo root $shape; then echo "${shape%% *}"; tc qdisc del dev lo root; fi
done 2>/dev/null
"""


class KubernetesFaultPods:
    """Implements ``FaultPods`` by way of the stack's control, so that its guard sees every pod that is made.

    Args:
        control: of the stack.
        outputs: its document.
        pause: between two looks at a pod that should do something (seconds).
    """

    def __init__(self, control: StackControl, outputs: Outputs, *, pause: float = 0.2) -> None:
        self._control, self._outputs, self._pause = control, outputs, pause
        self._features: dict[str, frozenset[str]] = {}
        self._reports: dict[str, tuple[float, FaultReport]] = {}
        self._cleaned: set[tuple[str, str]] = set()

    def require(self) -> None:
        """See ``FaultPods.require``."""
        namespace = self._namespace
        for verb, resource in (("list", "pods"), ("create", "pods"), ("delete", "pods"), ("get", "pods/exec")):
            self._control.require(verb, resource, namespace)

    def strike(self, key: str, pod: PodView, script: FaultScript, *, ttl: float) -> FaultPod:
        """See ``FaultPods.strike``."""
        if not pod.node or not pod.container_id:
            raise MeansError(f"{pod.ref} has no running container to strike")
        environment = {
            "ACTION": "strike",
            "CONTAINER": pod.container_id.rpartition("/")[2],
            "POD_UID": pod.uid,
            "TARGET": str(pod.ref),
            "TABLE": table(key),
            "START": script.start,
            "COUNTERS": script.counters,
            "PROBE": script.probe,
        }
        self._cleaned.discard((key, pod.uid))
        name = f"fault-{script.name}-{key[:6]}-{pod.uid[:6]}"
        ref = self._create(name, key, pod.node, environment, seconds(ttl))
        try:
            return self._wait(ref, START_SECONDS, "inject", self._in_force)
        except MeansError as error:
            raise MeansError(f"{error}{self._abandon(ref)}") from error

    def find(self, key: str) -> Sequence[FaultPod]:
        """See ``FaultPods.find``."""
        return [view(found) for found in self._manifests(key)]

    def report(self, key: str) -> FaultReport:
        """See ``FaultPods.report``."""
        asked, report = self._reports.get(key, (0.0, None))
        if report is None or time.monotonic() - asked >= REPORT_SECONDS:
            report = parse([self._said(pod.ref) for pod in self.find(key) if pod.active])
            self._reports[key] = (time.monotonic(), report)
        return report

    def end(self, key: str) -> None:
        """See ``FaultPods.end``."""
        self._reports.pop(key, None)
        for found in self._manifests(key):
            self._end(found)

    def clean(self, key: str, targets: Sequence[PodView]) -> str:
        """See ``FaultPods.clean``."""
        if self._manifests(key):
            return ""
        for pod in targets:
            if (key, pod.uid) not in self._cleaned and not self._swept(key, pod.ref, pod.uid, pod.node):
                return ""
        names = ", ".join(pod.name for pod in targets)
        return f"no fault pod is left, and no rule of it in {names}"

    def look(self, node: str, script: str) -> str:
        """See ``FaultPods.look``."""
        return self._ask("look", _LOOK + uuid.uuid4().hex[:8], node, {"ACTION": "look", "LOOK": script})

    def features(self, node: str) -> frozenset[str]:
        """See ``FaultPods.features``."""
        if node not in self._features:
            self._features[node] = frozenset(self.look(node, _FEATURES).split()) & {"nftables", "tbf", "netem"}
        return self._features[node]

    def tidy(self) -> None:
        """See ``FaultPods.tidy``."""
        if self._outputs.faults_namespace is None:
            return
        for ref in self._control.find("Pod", self._namespace, {COMPONENT_LABEL: "fault"}):
            if self._control.exists(ref) and view(self._control.read(ref)).key.startswith(_LOOK):
                self._control.delete(ref, grace=0)

    @property
    def _namespace(self) -> str:
        if self._outputs.faults_namespace is None:
            raise MeansError(
                f"stack {self._outputs.stack} has no namespace for privileged fault pods; to allow them: "
                "pulumi config set faultsNetwork true && pulumi up"
            )
        return self._outputs.faults_namespace

    def _create(self, name: str, key: str, node: str, environment: Mapping[str, str], ttl: int) -> ObjectRef:
        return self._control.create(
            manifest(
                name=name,
                key=key,
                namespace=self._namespace,
                image=self._outputs.faults_image or IMAGE,
                node=node,
                ttl=ttl,
                environment={**environment, "TTL": str(ttl)},
            )
        )

    def _wait(self, ref: ObjectRef, limit: float, what: str, done: Callable[[Mapping[str, Any]], bool]) -> FaultPod:
        """Until the pod is as it should be.

        Raises:
            MeansError: it said that it failed, cannot start, or was not in time.
        """
        ends = time.monotonic() + limit
        while time.monotonic() < ends:
            found = self._control.read(ref)
            pod = view(found)
            if pod.last_words.startswith(("failed", "left")):
                raise MeansError(f"{ref} could not {what}: {pod.last_words.partition(': ')[2]}")
            if done(found):
                return pod
            if reason := hopeless(found):
                raise MeansError(f"{ref} could not {what}: {reason}")
            time.sleep(self._pause)
        raise MeansError(f"{ref} did not {what} within {limit:g} s")

    def _in_force(self, found: Mapping[str, Any]) -> bool:
        pod = view(found)
        if not pod.active:
            return undone(pod)
        with contextlib.suppress(MeansError):  # it has no report yet, or runs no more
            return self._said(pod.ref).startswith("active")
        return False

    def _said(self, ref: ObjectRef) -> str:
        return self._control.exec(ref, ["cat", f"{STATE}/report"])

    def _abandon(self, ref: ObjectRef) -> str:
        """Take a failed pod away; says what could not be."""
        ends = time.monotonic() + END_SECONDS
        problem = "it is still there"
        while time.monotonic() < ends:
            try:
                if not self._control.exists(ref):
                    return ""
                self._end(self._control.read(ref))
            except MeansError as error:
                problem = str(error)
            time.sleep(self._pause)
        return f"; and it could not be removed ({problem}): it ends by itself after its TTL"

    def _end(self, found: Mapping[str, Any]) -> None:
        pod = view(found)
        if undone(pod) or not self._target_is_there(pod):
            self._forget(pod)
        elif pod.active and "deletionTimestamp" not in found["metadata"]:
            # Not deleted, since nobody could read the last words of a pod that is gone.
            if self._control.exec(pod.ref, ["sh", "-c", _END]).startswith("clean"):
                self._forget(pod)
        elif ended(found) and pod.target_uid:
            if self._swept(pod.key, pod.target, pod.target_uid, pod.node):
                self._forget(pod)
        else:  # it has not started, or is being deleted: it undoes what it does by itself
            self._control.delete(pod.ref, uid=pod.uid)

    def _forget(self, pod: FaultPod) -> None:
        self._cleaned.add((pod.key, pod.target_uid))
        self._control.delete(pod.ref, grace=0, uid=pod.uid)

    def _target_is_there(self, pod: FaultPod) -> bool:
        """A network namespace goes with its pod."""
        if not pod.target_uid:
            return True
        return self._is_there(pod.target, pod.target_uid)

    def _is_there(self, ref: ObjectRef, uid: str) -> bool:
        return self._control.exists(ref) and self._control.read(ref)["metadata"]["uid"] == uid

    def _swept(self, key: str, target: ObjectRef, uid: str, node: str) -> bool:
        """Have another pod look for what is left in the target, and undo that."""
        if self._is_there(target, uid):
            environment = {"ACTION": "sweep", "POD_UID": uid, "TARGET": str(target), "TABLE": table(key)}
            words = self._ask("sweep", f"{_LOOK}{key}", node, environment)
            if not words.startswith("clean"):
                return False
        self._cleaned.add((key, uid))
        return True

    def _ask(self, purpose: str, key: str, node: str, environment: Mapping[str, str]) -> str:
        name = f"fault-{purpose}-{uuid.uuid4().hex[:8]}"
        ref = self._create(name, key, node, environment, LOOK_SECONDS)
        try:
            return self._wait(ref, LOOK_SECONDS, purpose, ended).last_words
        finally:
            self._control.delete(ref, grace=0)

    def _manifests(self, key: str) -> Sequence[Mapping[str, Any]]:
        refs = self._control.find("Pod", self._namespace, {KEY_LABEL: key})
        return [self._control.read(ref) for ref in refs if self._control.exists(ref)]
