"""The manifest of a fault pod, and what such a pod says about itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from targets.kubernetes.faultpod_means import FaultPod, FaultReport
from targets.kubernetes.means import KEY_LABEL, PART_OF, PART_OF_LABEL, ObjectRef

LIBRARY = Path(__file__).with_name("fault_pod.sh")
STATE = "/run/qer"
LOOK_SECONDS = 60
MARGIN_SECONDS = 60
"""Between a fault pod's own end and the deadline that Kubernetes has for it: time to pull the image and to start."""

COMPONENT_LABEL = "app.kubernetes.io/component"
TARGET, TARGET_UID = "query-engine-reliability/target", "query-engine-reliability/target-uid"
_UNDONE = ("clean", "failed")
_HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")


def table(key: str) -> str:
    """Name of the nftables table of a fault."""
    return f"qer_{key}"


def seconds(ttl: float) -> int:
    """A time to live as fault pods count it."""
    return max(1, math.ceil(ttl))


def manifest(
    *, name: str, key: str, namespace: str, image: str, node: str, ttl: int, environment: Mapping[str, str]
) -> dict[str, Any]:
    """A privileged pod on ``node`` that ends by itself, past the scheduler, so also where that is cordoned.

    ``OnFailure`` has a pod that somebody killed started again, and what starts again only undoes what it finds.
    """
    container = {
        "name": "fault",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", LIBRARY.read_text(encoding="utf-8")],
        "env": [{"name": variable, "value": value} for variable, value in environment.items()],
        "securityContext": {"privileged": True, "runAsUser": 0, "runAsGroup": 0},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {PART_OF_LABEL: PART_OF, COMPONENT_LABEL: "fault", KEY_LABEL: key},
            "annotations": {
                annotation: environment[variable]
                for annotation, variable in ((TARGET, "TARGET"), (TARGET_UID, "POD_UID"))
                if variable in environment
            },
        },
        "spec": {
            "nodeName": node,
            "hostPID": True,
            "restartPolicy": "OnFailure",
            "activeDeadlineSeconds": ttl + MARGIN_SECONDS,
            "terminationGracePeriodSeconds": 10,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
        },
    }


def view(found: Mapping[str, Any]) -> FaultPod:
    """A fault pod as the API shows it."""
    metadata = found["metadata"]
    annotations = metadata.get("annotations") or {}
    target = annotations.get(TARGET)
    return FaultPod(
        ref=ObjectRef("Pod", metadata["name"], metadata["namespace"]),
        uid=metadata["uid"],
        key=metadata["labels"].get(KEY_LABEL, ""),
        target=ObjectRef.parse(target) if target else ObjectRef("Node", found["spec"].get("nodeName", "")),
        target_uid=annotations.get(TARGET_UID, ""),
        node=found["spec"].get("nodeName", ""),
        active=found.get("status", {}).get("phase") == "Running" and not _last_words(found),
        last_words=_last_words(found),
    )


def undone(pod: FaultPod) -> bool:
    """Whether the pod itself has seen that nothing of its injection is left."""
    return pod.last_words.startswith(_UNDONE)


def ended(found: Mapping[str, Any]) -> bool:
    """Whether the pod runs no more, with or without last words."""
    return found.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def hopeless(found: Mapping[str, Any]) -> str:
    """Why the pod will never start; empty if it may."""
    for status in _statuses(found):
        waiting = status.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in _HOPELESS:
            return f"image {status.get('image')} cannot be used on that node ({waiting['reason']}); set faultsImage"
    if found.get("status", {}).get("phase") == "Failed":
        status = found["status"]
        return " ".join(str(status.get(part, "")) for part in ("reason", "message")).strip() or "it failed"
    return ""


def parse(texts: Sequence[str]) -> FaultReport:
    """What the report files of several pods say."""
    counters: dict[str, int] = {}
    probes = []
    for text in texts:
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            name, _, value = rest.partition(" ")
            if word == "counter" and value.isdecimal():
                counters[name] = counters.get(name, 0) + int(value)
            elif word == "probe":
                probes.append(rest)
    return FaultReport(counters, tuple(probes), len(texts))


def _last_words(found: Mapping[str, Any]) -> str:
    for status in _statuses(found):
        terminated = status.get("state", {}).get("terminated") or {}
        if message := terminated.get("message"):
            return str(message).strip()
    return ""


def _statuses(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return found.get("status", {}).get("containerStatuses") or ()
