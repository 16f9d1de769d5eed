"""Puts the reference into the cluster beside the stack, and takes it away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.recovery.reference import Reference
from targets.base import MeansError
from targets.contract import Outputs
from targets.kubernetes.calls import CallError, Calls

_CORE, _APPS = "/api/v1", "/apis/apps/v1"
_COLLECTIONS = (("Secret", _CORE, "secrets"), ("ConfigMap", _CORE, "configmaps"), ("Service", _CORE, "services"))
_DEPLOYMENTS = ("Deployment", _APPS, "deployments")
_NOT_OURS = ("kube-root-ca.crt",)
READY_SECONDS = 600.0
GONE_SECONDS = 300.0
_POLL = 1.0


@contextmanager
def deployed(calls: Calls, outputs: Outputs, said: Callable[[str], None]) -> Iterator[Outputs]:
    """The reference of a stack, all Ready, for as long as the context lasts; its namespace goes at the end.

    Args:
        calls: API server, with the rights to read the stack's Secrets and to make a namespace.
        outputs: of the stack.
        said: told what is waited for.

    Yields:
        The reference's outputs document.

    Raises:
        MeansError: refused, or not Ready within ``READY_SECONDS``.
    """
    reference = Reference(outputs)
    namespace = next(engine.namespace for engine in outputs.engines if engine.kind == "trino")
    try:
        _make(calls, reference, namespace)
        said(f"waiting for {reference.namespace}")
        _until(lambda: _ready(calls, reference.namespace), READY_SECONDS, f"{reference.namespace} is not Ready")
        yield reference.outputs()
    finally:
        _remove(calls, reference)


def _make(calls: Calls, reference: Reference, namespace: str) -> None:
    calls.call("POST", f"{_CORE}/namespaces", body=reference.namespace_manifest())
    for kind, base, plural in (*_COLLECTIONS, _DEPLOYMENTS):
        listed = calls.call("GET", f"{base}/namespaces/{namespace}/{plural}")["items"]
        version = base.removeprefix("/apis/").removeprefix("/api/")
        found = [
            {"apiVersion": version, "kind": kind, **one} for one in listed if one["metadata"]["name"] not in _NOT_OURS
        ]
        for made in reference.copies(found):
            calls.call("POST", f"{base}/namespaces/{reference.namespace}/{plural}", body=made)


def _ready(calls: Calls, namespace: str) -> bool:
    found: list[dict[str, Any]] = calls.call("GET", f"{_APPS}/namespaces/{namespace}/deployments")["items"]
    return bool(found) and all(
        one.get("status", {}).get("availableReplicas", 0) == one["spec"]["replicas"] for one in found
    )


def _remove(calls: Calls, reference: Reference) -> None:
    path = f"{_CORE}/namespaces/{reference.namespace}"

    def gone() -> bool:
        try:
            calls.call("GET", path)
        except CallError as error:
            return error.status == 404
        return False

    if not gone():
        calls.call("DELETE", path)
        _until(gone, GONE_SECONDS, f"namespace {reference.namespace} is still there: delete it")


def _until(condition: Callable[[], bool], seconds: float, problem: str) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise MeansError(f"{problem} after {seconds:g} s")
        time.sleep(_POLL)
