"""What every object of the stack must keep to. The tests and the policy pack ask the same functions.

Each rule takes one Kubernetes object as a mapping and returns what is wrong with it, one line each.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Manifest = Mapping[str, Any]
Rule = Callable[[Manifest], Iterator[str]]

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job"})
LABELS = tuple(f"app.kubernetes.io/{name}" for name in ("name", "instance", "component", "part-of", "managed-by"))
SECRET_WORDS = re.compile(r"password|passwd|secret|token|private.?key", re.IGNORECASE)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def pod_spec(manifest: Manifest) -> Manifest | None:
    """The pod template's spec of a workload, or a pod's own."""
    if manifest.get("kind") == "Pod":
        return manifest.get("spec")
    if manifest.get("kind") not in WORKLOADS:
        return None
    return manifest["spec"]["template"]["spec"]


def containers(manifest: Manifest) -> list[Manifest]:
    """All containers of a workload, those for initialisation included."""
    spec = pod_spec(manifest) or {}
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]


def has_requests_and_limits(manifest: Manifest) -> Iterator[str]:
    """CPU and memory, both asked for and bounded."""
    for container in containers(manifest):
        resources = container.get("resources") or {}
        for kind in ("requests", "limits"):
            for what in ("cpu", "memory"):
                if what not in (resources.get(kind) or {}):
                    yield f"container {container['name']} has no {what} in its {kind}"


def has_probes(manifest: Manifest) -> Iterator[str]:
    """Startup, readiness and liveness: a slow start, a pause and a hang are three different things."""
    spec = pod_spec(manifest)
    if spec is None or manifest["kind"] == "Job":
        return
    for container in spec["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if not container.get(probe):
                yield f"container {container['name']} has no {probe}"


def is_restricted(manifest: Manifest) -> Iterator[str]:
    """What Pod Security ``restricted`` asks for, and a read-only root file system."""
    spec = pod_spec(manifest)
    if spec is None:
        return
    for flag in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(flag):
            yield f"{flag} is on"
    of_pod = spec.get("securityContext") or {}
    for container in containers(manifest):
        own = {**of_pod, **(container.get("securityContext") or {})}
        wanted = {
            "runAsNonRoot": own.get("runAsNonRoot") is True,
            "allowPrivilegeEscalation: false": own.get("allowPrivilegeEscalation") is False,
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
            "capabilities.drop: [ALL]": "ALL" in ((own.get("capabilities") or {}).get("drop") or []),
            "seccompProfile": (own.get("seccompProfile") or {}).get("type") in {"RuntimeDefault", "Localhost"},
        }
        yield from (f"container {container['name']} lacks {name}" for name, holds in wanted.items() if not holds)
        if own.get("privileged"):
            yield f"container {container['name']} is privileged"


def has_pinned_images(manifest: Manifest) -> Iterator[str]:
    """A tag that names a version, or a digest."""
    for container in containers(manifest):
        image = container["image"]
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in image and tag in {"", "latest"}:
            yield f"image {image} does not name a version"


def has_labels(manifest: Manifest) -> Iterator[str]:
    """The labels by which people and the runner find what belongs to the stack."""
    for label in LABELS:
        if not (manifest["metadata"].get("labels") or {}).get(label):
            yield f"label {label} is missing"


def has_no_plain_environment(manifest: Manifest) -> Iterator[str]:
    """No variable whose name tells of a secret holds its value in the open."""
    for container in containers(manifest):
        for variable in container.get("env") or []:
            if SECRET_WORDS.search(variable["name"]) and variable.get("value"):
                yield f"environment variable {variable['name']} holds its value in the open"


def has_no_plain_secret(manifest: Manifest) -> Iterator[str]:
    """No ConfigMap holds a private key, or a property whose name tells of a secret."""
    if manifest.get("kind") != "ConfigMap":
        return
    for key, text in (manifest.get("data") or {}).items():
        if PRIVATE_KEY.search(text):
            yield f"{key} holds a private key"
        yield from (f"{key} holds {name} in the open" for name in _open_properties(text))


def _open_properties(text: str) -> Iterator[str]:
    for line in text.splitlines():
        name, _, value = line.partition("=")
        # A reference to the environment or to a file is not the secret itself.
        if value and not value.startswith(("${", "/")) and SECRET_WORDS.search(name.rpartition(".")[2]):
            yield name.strip()


def leaves_lost_nodes_soon(manifest: Manifest) -> Iterator[str]:
    """Tolerations of a lost node that are shorter than Kubernetes' five minutes."""
    spec = pod_spec(manifest)
    if spec is None or manifest["kind"] in {"DaemonSet", "Job"}:
        return
    for condition in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{condition}"
        if not any(
            one.get("key") == key and one.get("effect") == "NoExecute" and one.get("tolerationSeconds", 300) <= 60
            for one in spec.get("tolerations") or []
        ):
            yield f"stays on a node that is {condition} for five minutes"


# What holds for every object, also of charts; and what holds for our own objects only.
FOR_ALL: tuple[Rule, ...] = (has_requests_and_limits, has_pinned_images, has_no_plain_environment, has_no_plain_secret)
FOR_OWN: tuple[Rule, ...] = (has_probes, is_restricted, has_labels, leaves_lost_nodes_soon)


def violations(manifest: Manifest, rules: tuple[Rule, ...] = (*FOR_ALL, *FOR_OWN)) -> list[str]:
    """Everything wrong with one object, as ``Kind/name: rule: what``."""
    where = f"{manifest.get('kind')}/{manifest.get('metadata', {}).get('name')}"
    return [f"{where}: {rule.__name__}: {line}" for rule in rules for line in rule(manifest)]
