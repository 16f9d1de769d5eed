"""Preflight's view of a real cluster, through its API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import kr8s

from components import chart_source
from components.crds import GROUP
from components.preflight import NotPossible, Room, room_left

Manifest = Mapping[str, Any]
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
        return {_name(one): one["metadata"].get("labels", {}) for one in self._all("namespaces")}

    def definitions(self) -> set[str]:
        """See ``View``."""
        found = self._all("customresourcedefinitions.apiextensions.k8s.io")
        return {one["spec"]["names"]["kind"] for one in found if one["spec"]["group"] == GROUP}

    def storage_classes(self) -> dict[str, bool]:
        """See ``View``."""
        found = self._all("storageclasses.storage.k8s.io")
        return {_name(one): one["metadata"].get("annotations", {}).get(_DEFAULT_CLASS) == "true" for one in found}

    def secret_keys(self, namespace: str, name: str) -> set[str] | None:
        """See ``View``."""
        found = [one for one in self._all("secrets", namespace) if _name(one) == name]
        return set(found[0].get("data", {})) if found else None

    def claims(self, namespace: str) -> set[str]:
        """See ``View``."""
        return {_name(one) for one in self._all("persistentvolumeclaims", namespace)}

    def stateful_sets(self, namespace: str) -> set[str]:
        """See ``View``."""
        return {_name(one) for one in self._all("statefulsets.apps", namespace)}

    def room(self, own_namespaces: Sequence[str]) -> list[Room]:
        """See ``View``."""
        pods = [pod for pod in self._all("pods") if pod["metadata"]["namespace"] not in own_namespaces]
        return [
            room_left(node["status"]["allocatable"], _requests(pods, _name(node)), _name(node))
            for node in self._all("nodes")
            if not node["spec"].get("unschedulable")
        ]

    def chart_problem(self, chart: str, repository: str) -> str:
        """See ``View``; asked from this machine, which is where Helm runs."""
        return chart_source.problem(chart, repository)

    def _all(self, kind: str, namespace: str = kr8s.ALL) -> list[Manifest]:
        found = self._api.get(kind, namespace=namespace)
        return [one if isinstance(one, dict) else one.raw for one in found]


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


def _name(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name


def _requests(pods: Iterable[Manifest], node: str) -> list[dict[str, str]]:
    return [
        container.get("resources", {}).get("requests", {})
        for pod in pods
        if pod["spec"].get("nodeName") == node and pod["status"].get("phase") in {"Pending", "Running"}
        for container in pod["spec"]["containers"]
    ]
