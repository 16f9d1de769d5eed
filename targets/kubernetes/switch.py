"""Dead man's switches: pods that put objects back when nobody else does."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from targets.base import MeansError
from targets.contract import Outputs
from targets.kubernetes.annotations import PREFIX
from targets.kubernetes.calls import JSON, JSON_PATCH, MERGE_PATCH
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.means import DEFAULT_IMAGE, FIELD_MANAGER, KEY_LABEL, ObjectRef, Revert
from targets.kubernetes.resources import path
from targets.kubernetes.views import condition

START_SECONDS = 60.0
RETRY_SECONDS, ATTEMPTS = 5, 360
_SCRIPT = Path(__file__).with_name("switch.sh")
_NOBODY = 65534
_ACCESS = "/access"
_DELETE = json.dumps({"apiVersion": "v1", "kind": "DeleteOptions"})


class ClusterSwitches:
    """Implements ``Switches``: pods in the runner's namespace, with the runner's account.

    Args:
        outputs: the stack's whole document.
        control: of that stack.
        place: where the record of a fault is kept, by its subject.
        pause: seconds between two looks at a pod that starts.
    """

    def __init__(
        self, outputs: Outputs, control: ClusterControl, place: Callable[[str], ObjectRef], *, pause: float = 0.3
    ) -> None:
        self._outputs, self._control, self._place, self._pause = outputs, control, place, pause

    def require(self) -> None:
        """See ``Switches.require``."""
        for verb in ("create", "get", "list", "delete"):
            self._control.require(verb, "pods", self._namespace())

    def arm(
        self, key: str, reverts: Sequence[Revert], *, ttl: float, subject: str = "", avoid_node: str = ""
    ) -> ObjectRef:
        """See ``Switches.arm``."""
        namespace = self._namespace()
        record = Revert(self._place(subject), {"metadata": {"annotations": {PREFIX + key: None}}})
        ref = self._control.create(
            manifest(self._outputs, namespace, key, requests([*reverts, record]), ttl=ttl, avoid_node=avoid_node)
        )
        try:
            self._wait(ref)
        except BaseException:
            with contextlib.suppress(MeansError):  # it ends by itself, and nothing was changed
                self.disarm(key)
            raise
        return ref

    def armed(self, key: str) -> bool:
        """See ``Switches.armed``."""
        return bool(self._control.find("Pod", self._namespace(), {KEY_LABEL: key}))

    def disarm(self, key: str) -> None:
        """See ``Switches.disarm``."""
        for ref in self._control.find("Pod", self._namespace(), {KEY_LABEL: key}):
            self._control.delete(ref, grace=0)

    def _namespace(self) -> str:
        if self._outputs.runner_namespace is None or self._outputs.runner_service_account is None:
            raise MeansError("the outputs document names no namespace and account for the runner; run pulumi up")
        return self._outputs.runner_namespace

    def _wait(self, ref: ObjectRef) -> None:
        ends = time.monotonic() + START_SECONDS
        while True:
            found = self._control.read(ref)
            if condition(found, "Ready"):
                return
            if problem := _problem(found):
                raise MeansError(f"the switch {ref} cannot be armed: {problem}")
            if time.monotonic() >= ends:
                raise MeansError(f"the switch {ref} was not armed within {START_SECONDS:g} s: {_state(found)}")
            time.sleep(self._pause)


def requests(reverts: Sequence[Revert]) -> list[str]:
    """Arguments of the switch's script: method, path, type and body of every request, in order."""
    changes: list[str] = []
    owners: list[str] = []
    for revert in reverts:
        where = path(revert.ref)
        query = f"?fieldManager={FIELD_MANAGER}"
        if revert.patch is None:
            changes += ["DELETE", f"{where}?propagationPolicy=Background", JSON, _DELETE]
            continue
        body = revert.patch
        if revert.uid:
            body = {**body, "metadata": {**body.get("metadata", {}), "uid": revert.uid}}
        changes += ["PATCH", path(revert.ref, revert.subresource) + query, MERGE_PATCH, json.dumps(body)]
        if revert.managed_fields:
            change = {"op": "replace", "path": "/metadata/managedFields", "value": list(revert.managed_fields)}
            owners += ["PATCH", where + query, JSON_PATCH, json.dumps([change])]
    return changes + owners


def manifest(
    outputs: Outputs, namespace: str, key: str, arguments: Sequence[str], *, ttl: float, avoid_node: str = ""
) -> dict[str, Any]:
    """The pod of a switch, as Pod Security ``restricted`` wants it."""
    name = f"fault-switch-{key}"
    spec: dict[str, Any] = {
        "serviceAccountName": outputs.runner_service_account,
        # The account has its token mounted nowhere; here it is wanted.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "activeDeadlineSeconds": round(ttl + START_SECONDS) + 2 * RETRY_SECONDS * ATTEMPTS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # A switch stays where a node fault drives everything else away.
        "tolerations": [{"operator": "Exists"}],
        "containers": [_container(outputs, namespace, name, arguments, ttl)],
        "volumes": [_access(), {"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}],
    }
    if avoid_node:
        spec["affinity"] = {"nodeAffinity": _elsewhere(avoid_node)}
    labels = {KEY_LABEL: key, "app.kubernetes.io/name": "fault-switch"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": spec,
    }


def _container(outputs: Outputs, namespace: str, name: str, arguments: Sequence[str], ttl: float) -> dict[str, Any]:
    environment = {"TTL": round(ttl), "RETRY": RETRY_SECONDS, "ATTEMPTS": ATTEMPTS, "NAMESPACE": namespace, "POD": name}
    return {
        "name": "switch",
        "image": outputs.faults_image or DEFAULT_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", _SCRIPT.read_text(encoding="utf-8"), "switch", *arguments],
        "env": [{"name": variable, "value": str(value)} for variable, value in environment.items()],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "readinessProbe": {"exec": {"command": ["test", "-f", "/tmp/armed"]}, "periodSeconds": 1},  # noqa: S108 - of the pod
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "access", "mountPath": _ACCESS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod
        ],
    }


def _access() -> dict[str, Any]:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    return {"name": "access", "projected": {"sources": sources}}


def _elsewhere(node: str) -> dict[str, Any]:
    expression = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]}
    preference = {"weight": 100, "preference": {"matchExpressions": [expression]}}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [preference]}


def _problem(pod: Mapping[str, Any]) -> str:
    """Why the pod will never be ready; empty while it may."""
    for one in pod.get("status", {}).get("containerStatuses") or []:
        ended = one.get("state", {}).get("terminated")
        if ended:
            return " ".join(str(ended.get("message") or ended.get("reason", "it ended")).split())
        reason = one.get("state", {}).get("waiting", {}).get("reason", "")
        if reason in {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}:
            return f"{reason} for image {one['image']}; see faultsImage"
    return ""


def _state(pod: Mapping[str, Any]) -> str:
    status = pod.get("status", {})
    unmet = [one for one in status.get("conditions") or [] if one["status"] != "True"]
    words = [f"{one['type']}: {one.get('message') or one.get('reason') or 'no'}" for one in unmet]
    return " ".join((f"phase {status.get('phase', 'unknown')}", *words)[:3])[:300]
