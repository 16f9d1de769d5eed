"""Preflight's view of a real cluster, through its API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import kr8s
from kr8s.objects import CustomResourceDefinition, Namespace, Node, Pod, Secret, new_class

from components.preflight import GROUP, NotPossible, Room, room_left

StorageClass = new_class(kind="StorageClass", version="storage.k8s.io/v1", namespaced=False, plural="storageclasses")
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


class ClusterView:
    """The cluster of one kubeconfig context.

    Raises:
        NotPossible: there is no such context, or the cluster does not answer.
    """

    def __init__(self, context: str) -> None:
        self._api = _connect(context)

    def namespaces(self) -> dict[str, dict[str, str]]:
        """See ``View``."""
        return {one.name: dict(one.labels) for one in Namespace.list(api=self._api)}

    def definitions(self) -> set[str]:
        """See ``View``."""
        return {one.spec.names.kind for one in CustomResourceDefinition.list(api=self._api) if one.spec.group == GROUP}

    def storage_classes(self) -> dict[str, bool]:
        """See ``View``."""
        return {one.name: one.annotations.get(_DEFAULT_CLASS) == "true" for one in StorageClass.list(api=self._api)}

    def secret_keys(self, namespace: str, name: str) -> set[str] | None:
        """See ``View``."""
        found = [one for one in Secret.list(namespace=namespace, api=self._api) if one.name == name]
        return set(found[0].raw.get("data", {})) if found else None

    def room(self, own_namespaces: Sequence[str]) -> list[Room]:
        """See ``View``."""
        pods = [pod for pod in Pod.list(namespace=kr8s.ALL, api=self._api) if pod.namespace not in own_namespaces]
        return [
            room_left(node.status.allocatable, _requests(pods, node.name), node.name)
            for node in Node.list(api=self._api)
            if not node.unschedulable
        ]


def _connect(context: str) -> kr8s.Api:
    try:
        api = kr8s.api(context=context or None)
        api.version()
    except Exception as error:  # noqa: BLE001 - a client has many ways to say that there is no cluster
        where = f"of context {context}" if context else "of the current kubeconfig context"
        raise NotPossible(
            f"the cluster {where} cannot be reached ({_short(error)}): start it, or correct KUBECONFIG or kubeContext"
        ) from None
    return api


def _short(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _requests(pods: Iterable[Any], node: str) -> list[dict[str, str]]:
    return [
        container.get("resources", {}).get("requests", {})
        for pod in pods
        if pod.raw["spec"].get("nodeName") == node and pod.raw["status"].get("phase") in {"Pending", "Running"}
        for container in pod.raw["spec"]["containers"]
    ]
