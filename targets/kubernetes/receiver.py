"""A receiver of alerts in the cluster: a pod that waits for one message and ends with it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from targets.base import MeansError, Receiving
from targets.contract import RECEIVER, RECEIVER_PORT, Outputs
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.means import DEFAULT_IMAGE, KEY_LABEL, ObjectRef
from targets.kubernetes.views import condition

START_SECONDS = 60.0
TTL = 300
"""Seconds after which a receiver ends by itself, whatever becomes of the runner."""
_SCRIPT = Path(__file__).with_name("receiver.sh")
_NOBODY = 65534


class ClusterReceiver:
    """Implements ``AlertReceiver``: pods behind the stack's Service for it, in the runner's namespace.

    Args:
        outputs: the stack's whole document.
        control: of that stack.
        pause: seconds between two looks at a pod that starts.
    """

    def __init__(self, outputs: Outputs, control: ClusterControl, *, pause: float = 0.3) -> None:
        self._outputs, self._control, self._pause = outputs, control, pause

    @contextlib.contextmanager
    def receiving(self, marker: str) -> Iterator[Receiving]:
        """See ``AlertReceiver.receiving``."""
        namespace = self._outputs.runner_namespace
        if namespace is None:
            raise MeansError("the outputs document names no namespace for the runner; run pulumi up")
        for verb in ("create", "get", "delete"):
            self._control.require(verb, "pods", namespace)
        ref = self._control.create(manifest(self._outputs, namespace, marker))
        try:
            self._wait(ref)
            yield _Pod(self._control, ref)
        finally:
            with contextlib.suppress(MeansError):  # it ends by itself
                self._control.delete(ref, grace=0)

    def _wait(self, ref: ObjectRef) -> None:
        ends = time.monotonic() + START_SECONDS
        while True:
            found = self._control.read(ref)
            if condition(found, "Ready"):
                return
            state = _state(found)
            if "terminated" in state:
                raise MeansError(f"the receiver {ref} ended: {_message(state)}")
            if time.monotonic() >= ends:
                reason = state.get("waiting", {}).get("reason", "it is not Ready")
                raise MeansError(f"the receiver {ref} did not start within {START_SECONDS:g} s: {reason}")
            time.sleep(self._pause)


class _Pod:
    """Implements ``Receiving``."""

    def __init__(self, control: ClusterControl, ref: ObjectRef) -> None:
        self._control, self._ref = control, ref

    def message(self) -> str:
        """See ``Receiving.message``."""
        state = _state(self._control.read(self._ref))
        if "terminated" not in state:
            return ""
        if state["terminated"].get("exitCode"):
            raise MeansError(f"the receiver {self._ref} ended: {_message(state)}")
        return _message(state)


def manifest(outputs: Outputs, namespace: str, marker: str) -> dict[str, Any]:
    """The pod, as Pod Security ``restricted`` wants it."""
    labels = {
        "app.kubernetes.io/name": RECEIVER,
        "app.kubernetes.io/component": "monitoring",
        KEY_LABEL: marker,
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "activeDeadlineSeconds": TTL + round(START_SECONDS),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(outputs, marker)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}],
    }
    metadata = {"name": f"{RECEIVER}-{marker}", "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _container(outputs: Outputs, marker: str) -> dict[str, Any]:
    environment = {
        "MARKER": marker,
        "PORT": RECEIVER_PORT,
        "TTL": TTL,
        "DIRECTORY": "/tmp",  # noqa: S108 - of the pod
        "REPORT": "/dev/termination-log",
    }
    return {
        "name": "receiver",
        "image": outputs.faults_image or DEFAULT_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", _SCRIPT.read_text(encoding="utf-8")],
        "env": [{"name": name, "value": str(value)} for name, value in environment.items()],
        "ports": [{"name": "http", "containerPort": RECEIVER_PORT}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "readinessProbe": {"tcpSocket": {"port": RECEIVER_PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod
    }


def _state(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return statuses[0].get("state") or {}


def _message(state: Mapping[str, Any]) -> str:
    ended = state["terminated"]
    return str(ended.get("message") or ended.get("reason") or "without a word")
