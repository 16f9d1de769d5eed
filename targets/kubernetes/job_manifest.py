"""What the runner's Job looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from targets.kubernetes.means import KEY_LABEL, PART_OF, PART_OF_LABEL, STACK_LABEL

CONTAINER = "runner"
REPORT, FILES = "/report", "/etc/qer"
DEADLINE_SECONDS = 4 * 3600
KEEP_SECONDS = 600
REVERT_SECONDS = 180
GROUP_LABEL = "query-engine-reliability/group"
_ANNOTATION = "query-engine-reliability/file-"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What to run and where.

    Attributes:
        image: with the runner in it.
        stack: name that the stack's objects are labelled with.
        namespace: of the Job.
        account: ServiceAccount it runs as.
        command: of the container.
        environment: of the container, beside what every runner's pod needs.
        files: small texts, by name, that the container finds in ``FILES``; nothing secret.
        prefix: of the Job's name.
        group: of Jobs that do one thing together, whose pods are spread over the nodes; empty for a Job alone.
        deadline_seconds: after which the cluster ends it, whatever it does.
        grace_seconds: that its pod has when it is told to end.
    """

    image: str
    stack: str
    namespace: str
    account: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "qer-run"
    group: str = ""
    deadline_seconds: int = DEADLINE_SECONDS
    grace_seconds: int = REVERT_SECONDS


def manifest(spec: JobSpec, name: str) -> dict[str, Any]:
    """The Job; its pod passes Pod Security ``restricted``."""
    labels = {
        "app.kubernetes.io/name": "runner",
        "app.kubernetes.io/component": "job",
        STACK_LABEL: spec.stack,
        PART_OF_LABEL: PART_OF,
        **({GROUP_LABEL: spec.group} if spec.group else {}),
    }
    annotations = {f"{_ANNOTATION}{file}": text for file, text in spec.files.items()}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": spec.namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": spec.deadline_seconds,
            "ttlSecondsAfterFinished": KEEP_SECONDS,
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": _pod(spec)},
        },
    }


def _pod(spec: JobSpec) -> dict[str, Any]:
    items = [
        {"path": file, "fieldRef": {"fieldPath": f"metadata.annotations['{_ANNOTATION}{file}']"}} for file in spec.files
    ]
    return {
        "serviceAccountName": spec.account,
        "automountServiceAccountToken": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": spec.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # A node fault must not end the runner that is to revert it.
        "tolerations": [{"key": KEY_LABEL, "operator": "Exists"}],
        **({"topologySpreadConstraints": [_spread(spec.group)]} if spec.group else {}),
        "containers": [_container(spec)],
        "volumes": [
            {"name": "files", "downwardAPI": {"items": items}},
            {"name": "report", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _spread(group: str) -> dict[str, Any]:
    """As evenly over the nodes as may be, so that generators do not take each other's cores."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {GROUP_LABEL: group}},
    }


def _container(spec: JobSpec) -> dict[str, Any]:
    environment = {
        "HOME": "/tmp",  # noqa: S108 - a volume of the pod's own
        "QER_CACHE_DIR": "/tmp/cache",  # noqa: S108
        "QER_STATE_DIR": "/tmp/state",  # noqa: S108
        "PYTHONUNBUFFERED": "1",
        **spec.environment,
    }
    return {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(spec.command),
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "4Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "files", "mountPath": FILES, "readOnly": True},
            {"name": "report", "mountPath": REPORT},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
