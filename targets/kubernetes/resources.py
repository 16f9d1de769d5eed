"""Where the API keeps which kind of object."""

from __future__ import annotations

from dataclasses import dataclass

from targets.base import MeansError
from targets.kubernetes.means import ObjectRef


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: its API group (empty for the core group), version and plural name."""

    group: str
    version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None) -> str:
        """Path of the collection, over all namespaces without one."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{base}/namespaces/{namespace}/{self.plural}" if namespace else f"{base}/{self.plural}"

    @property
    def api_version(self) -> str:
        """As manifests have it."""
        return f"{self.group}/{self.version}" if self.group else self.version


_RESOURCES = {
    "Pod": Resource("", "v1", "pods"),
    "Service": Resource("", "v1", "services"),
    "ConfigMap": Resource("", "v1", "configmaps"),
    "Event": Resource("", "v1", "events"),
    "PersistentVolumeClaim": Resource("", "v1", "persistentvolumeclaims"),
    "PersistentVolume": Resource("", "v1", "persistentvolumes", namespaced=False),
    "Node": Resource("", "v1", "nodes", namespaced=False),
    "Deployment": Resource("apps", "v1", "deployments"),
    "StatefulSet": Resource("apps", "v1", "statefulsets"),
    "ReplicaSet": Resource("apps", "v1", "replicasets"),
    "NetworkPolicy": Resource("networking.k8s.io", "v1", "networkpolicies"),
    "HorizontalPodAutoscaler": Resource("autoscaling", "v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": Resource("policy", "v1", "poddisruptionbudgets"),
    "EndpointSlice": Resource("discovery.k8s.io", "v1", "endpointslices"),
    "Lease": Resource("coordination.k8s.io", "v1", "leases"),
    "Job": Resource("batch", "v1", "jobs"),
    "StorageClass": Resource("storage.k8s.io", "v1", "storageclasses", namespaced=False),
}


def resource(kind: str) -> Resource:
    """The resource of a kind.

    Raises:
        MeansError: not one that we deal with.
    """
    try:
        return _RESOURCES[kind]
    except KeyError:
        raise MeansError(f"objects of kind {kind} are none of our business; we know {', '.join(_RESOURCES)}") from None


def path(ref: ObjectRef, subresource: str = "") -> str:
    """Path of one object.

    Raises:
        MeansError: its kind is unknown, or it lacks a namespace that it must have.
    """
    found = resource(ref.kind)
    if found.namespaced != (ref.namespace is not None):
        raise MeansError(f"{ref} {'lacks a' if found.namespaced else 'has no'} namespace")
    whole = f"{found.path(ref.namespace)}/{ref.name}"
    return f"{whole}/{subresource}" if subresource else whole
