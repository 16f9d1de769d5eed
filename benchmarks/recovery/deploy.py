"""Puts the reference into the cluster beside the stack, and takes it away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.recovery.reference import COORDINATOR, WORKER, Reference
from targets.base import MeansError
from targets.contract import EngineOutput, Outputs
from targets.kubernetes.calls import MERGE_PATCH, CallError, Calls
from targets.kubernetes.selectors import label_query
from targets.kubernetes.views import node_view

_CORE, _APPS = "/api/v1", "/apis/apps/v1"
_COLLECTIONS = (("Secret", _CORE, "secrets"), ("ConfigMap", _CORE, "configmaps"), ("Service", _CORE, "services"))
_DEPLOYMENTS = ("Deployment", _APPS, "deployments")
_NOT_OURS = ("kube-root-ca.crt",)
READY_SECONDS = 600.0
GONE_SECONDS = 300.0
_POLL = 1.0


@dataclass(frozen=True, slots=True)
class Deployed:
    """The reference as it runs. Every method raises ``MeansError`` when the API refuses or pods take too long."""

    calls: Calls
    stack: Outputs
    outputs: Outputs

    def sleep(self) -> None:
        """Take its pods away, so that it has no part in what happens to the stack on their nodes."""
        self._scale(awake=False)
        _until(lambda: not self._pods(_trino(self.outputs)), GONE_SECONDS, "the reference still has pods")

    def wake(self) -> None:
        """Give it its pods again, all Ready, its coordinator on another node than the stack's if there is one."""
        self._scale(awake=True)
        namespace = _trino(self.outputs).namespace
        _until(lambda: _ready(self.calls, namespace), READY_SECONDS, f"{namespace} is not Ready")

    def part(self) -> None:
        """Have its coordinator on a node where the stack has no pod that is the only one of its kind.

        Such a node cannot be struck for the reference. ClickHouse's volume may be bound to its node, so where no node
        is free it is the stack's coordinator that joins ClickHouse.
        """
        bound = {_node(pod) for engine in self.stack.engines if engine.kind != "trino" for pod in self._pods(engine)}
        (theirs, *_), (ours, *_) = (self._role(side, COORDINATOR) for side in (self.outputs, self.stack))
        nodes = self._nodes()
        if not nodes - bound:
            raise MeansError(
                f"every node that can run pods hosts ClickHouse of stack {self.stack.stack}, so none may be lost for"
                " the reference: add a node"
            )
        if _node(ours) not in bound and not nodes - bound - {_node(ours)}:
            self._move(ours, nodes - bound)
            ours, *_ = self._role(self.stack, COORDINATOR)
        if (taken := bound | {_node(ours)}) & {_node(theirs)}:
            self._move(theirs, taken)

    def spread(self) -> None:
        """Have one of the stack's workers moved if they all share its coordinator's node."""
        coordinators, workers = (self._role(self.stack, role) for role in (COORDINATOR, WORKER))
        if set(map(_node, workers)) <= set(map(_node, coordinators)):
            self._move(workers[0])

    def _move(self, pod: dict[str, Any], away_from: Collection[str] = ()) -> None:
        """End a pod; its successor goes where there is most room, but not to these nodes."""
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        where = f"{_CORE}/namespaces/{namespace}/pods/{name}"
        with self._cordoned(away_from):
            self.calls.call("DELETE", where)
            _until(lambda: _gone(self.calls, where), GONE_SECONDS, f"{name} does not end")
            _until(lambda: _ready(self.calls, namespace), READY_SECONDS, f"{namespace} is not Ready")

    @contextmanager
    def _cordoned(self, nodes: Collection[str]) -> Iterator[None]:
        """Nothing new starts on these nodes for as long as the context lasts; those cordoned before stay so."""
        with ExitStack() as stack:
            for name in sorted(set(nodes) & self._nodes()):
                stack.callback(self._unschedulable, name, None)
                self._unschedulable(name, True)
            yield

    def _unschedulable(self, node: str, value: bool | None) -> None:
        patch = {"spec": {"unschedulable": value}}
        self.calls.call("PATCH", f"{_CORE}/nodes/{node}", body=patch, content=MERGE_PATCH)

    def _nodes(self) -> set[str]:
        """Those that take new pods."""
        views = map(node_view, self.calls.call("GET", f"{_CORE}/nodes")["items"])
        return {view.name for view in views if view.ready and view.schedulable}

    def _scale(self, *, awake: bool) -> None:
        engine = _trino(self.outputs)
        for workload in engine.workloads:
            patch = {"spec": {"replicas": workload.replicas if awake else 0}}
            where = f"{_APPS}/namespaces/{engine.namespace}/deployments/{workload.name}"
            self.calls.call("PATCH", where, body=patch, content=MERGE_PATCH)

    def _role(self, side: Outputs, role: str) -> list[dict[str, Any]]:
        engine = _trino(side)
        labels = next(one.labels for one in engine.workloads if one.role == role)
        return self._pods(engine, labels)

    def _pods(self, engine: EngineOutput, labels: dict[str, str] | None = None) -> list[dict[str, Any]]:
        where, params = f"{_CORE}/namespaces/{engine.namespace}/pods", label_query(labels or {})
        found: list[dict[str, Any]] = self.calls.call("GET", where, params=params)["items"]
        return found


@contextmanager
def deployed(calls: Calls, outputs: Outputs, said: Callable[[str], None]) -> Iterator[Deployed]:
    """The reference of a stack, all Ready, for as long as the context lasts; its namespace goes at the end.

    Args:
        calls: API server, with the rights to read the stack's Secrets and to make a namespace.
        outputs: of the stack.
        said: told what is waited for.

    Yields:
        The reference.

    Raises:
        MeansError: refused, or not Ready within ``READY_SECONDS``.
    """
    reference = Reference(outputs)
    namespace = _trino(outputs).namespace
    try:
        _make(calls, reference, namespace)
        said(f"waiting for {reference.namespace}")
        _until(lambda: _ready(calls, reference.namespace), READY_SECONDS, f"{reference.namespace} is not Ready")
        yield Deployed(calls, outputs, reference.outputs())
    finally:
        _remove(calls, reference)


def _node(pod: dict[str, Any]) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _trino(outputs: Outputs) -> EngineOutput:
    return next(engine for engine in outputs.engines if engine.kind == "trino")


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
    if not _gone(calls, path):
        calls.call("DELETE", path)
        _until(lambda: _gone(calls, path), GONE_SECONDS, f"namespace {reference.namespace} is still there: delete it")


def _gone(calls: Calls, path: str) -> bool:
    try:
        calls.call("GET", path)
    except CallError as error:
        return error.status == 404
    return False


def _until(condition: Callable[[], bool], seconds: float, problem: str) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise MeansError(f"{problem} after {seconds:g} s")
        time.sleep(_POLL)
