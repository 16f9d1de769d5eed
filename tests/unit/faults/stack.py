"""A stack on Kubernetes that a test holds in its hands: pods, objects, fault pods, switches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from targets.base import MeansError
from targets.contract import EngineOutput, Outputs, Workload
from targets.kubernetes.faultpod_means import FaultPod, FaultPods, FaultReport, FaultScript
from targets.kubernetes.means import NodeView, ObjectRef, PodView, Revert, StackControl, Switches
from tests.unit.fakes import FakeTarget

M = TypeVar("M")
Manifest = dict[str, Any]
TRINO, CLICKHOUSE = "qer-x-trino", "qer-x-clickhouse"


def pod(name: str, role: str, ip: str, **changes: Any) -> PodView:
    namespace = CLICKHOUSE if role == "server" else TRINO
    made = PodView(
        name, namespace, f"uid-{name}", role, "node1", ip, True, False, "engine", f"containerd://{name}", "then"
    )
    return replace(made, **changes)


def container(*ports: tuple[str, int], **more: object) -> Manifest:
    listed = [{"name": name, "containerPort": port} for name, port in ports]
    return {"name": "engine", "ports": listed, "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}}, **more}


def of_pod(ports: Sequence[tuple[str, int]], labels: Mapping[str, str] = {}, **more: object) -> Manifest:
    return {"metadata": {"labels": dict(labels)}, "spec": {"containers": [container(*ports, **more)]}}


@dataclass
class FakeControl:
    """Follows what a test puts in; remembers what is done to it."""

    by_role: dict[tuple[str, str], list[PodView]]
    objects: dict[ObjectRef, Manifest] = field(default_factory=dict)
    ready: list[str] = field(default_factory=list)
    executed: list[tuple[str, str]] = field(default_factory=list)
    answer: Callable[[str, str], str] = lambda _pod, _command: ""
    lacking: set[str] = field(default_factory=set)
    deleted: list[ObjectRef] = field(default_factory=list)
    patched: list[tuple[ObjectRef, Mapping[str, Any]]] = field(default_factory=list)
    back: list[Revert] = field(default_factory=list)
    seen: list[NodeView] = field(default_factory=list)

    def roles(self, engine: str) -> Sequence[str]:
        return [role for kind, role in self.by_role if kind == engine]

    def workload(self, engine: str, role: str) -> ObjectRef:
        return ObjectRef("Deployment", f"{engine}-{role}", f"qer-x-{engine}")

    def service(self, engine: str) -> ObjectRef:
        return ObjectRef("Service", engine, f"qer-x-{engine}")

    def pods(self, engine: str, role: str) -> Sequence[PodView]:
        return self.by_role[engine, role]

    def endpoints(self, service: ObjectRef) -> Sequence[str]:
        return self.ready

    def nodes(self) -> Sequence[NodeView]:
        return self.seen

    def read(self, ref: ObjectRef) -> Mapping[str, Any]:
        if ref not in self.objects:
            raise MeansError(f"{ref} does not exist")
        return self.objects[ref]

    def exists(self, ref: ObjectRef) -> bool:
        return ref in self.objects

    def find(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[ObjectRef]:
        return [ref for ref in self.objects if (ref.kind, ref.namespace) == (kind, namespace)]

    def patch(self, ref: ObjectRef, patch: Mapping[str, Any], *, subresource: str = "") -> Mapping[str, Any]:
        self.patched.append((ref, patch))
        return self.objects[ref]

    def create(self, manifest: Mapping[str, Any]) -> ObjectRef:
        raise NotImplementedError

    def delete(self, ref: ObjectRef, *, grace: int | None = None, uid: str | None = None) -> None:
        self.deleted.append(ref)

    def evict(self, pod: ObjectRef, *, dry_run: bool = False) -> None:
        raise NotImplementedError

    def exec(self, pod: ObjectRef, command: Sequence[str], *, container: str = "", timeout: float = 15.0) -> str:
        self.executed.append((pod.name, " ".join(command)))
        return self.answer(pod.name, " ".join(command))

    def allowed(self, verb: str, resource: str, namespace: str | None, *, group: str = "") -> bool:
        return resource not in self.lacking

    def require(self, verb: str, resource: str, namespace: str | None, *, group: str = "") -> None:
        if resource in self.lacking:
            raise MeansError(f"no right to {verb} {resource}")

    def judge(self, ref: ObjectRef) -> None:
        if str(ref) in self.lacking:
            raise MeansError(f"{ref} is not ours to strike")

    def put_back(self, revert: Revert) -> None:
        self.back.append(revert)

    def is_back(self, revert: Revert) -> bool:
        return revert in self.back


@dataclass
class FakeFaultPods:
    """Fault pods that do nothing but say what a test has them say."""

    has: frozenset[str] = frozenset({"nftables", "tbf", "netem"})
    problem: str = ""
    struck: list[tuple[str, PodView, FaultScript, float]] = field(default_factory=list)
    said: FaultReport = field(default_factory=lambda: FaultReport({"matched": 4}, ("in vain",), 1))
    looked: list[str] = field(default_factory=list)
    sees: str = ""

    def require(self) -> None:
        if self.problem:
            raise MeansError(self.problem)

    def strike(self, key: str, pod: PodView, script: FaultScript, *, ttl: float) -> FaultPod:
        self.struck.append((key, pod, script, ttl))
        return FaultPod(ObjectRef("Pod", "fault", "qer-x-faults"), "u", key, pod.ref, pod.uid, pod.node, active=True)

    def find(self, key: str) -> Sequence[FaultPod]:
        return [self.strike(*one[:3], ttl=one[3]) for one in list(self.struck) if one[0] == key]

    def report(self, key: str) -> FaultReport:
        return self.said

    def end(self, key: str) -> None:
        self.struck = [one for one in self.struck if one[0] != key]

    def clean(self, key: str, targets: Sequence[PodView]) -> str:
        return "" if any(one[0] == key for one in self.struck) else "no rule is left"

    def look(self, node: str, script: str) -> str:
        self.looked.append(script)
        return self.sees

    def features(self, node: str) -> frozenset[str]:
        return self.has

    def tidy(self) -> None:
        """Nothing was left."""


@dataclass
class FakeSwitches:
    """Armed keys."""

    keys: dict[str, Sequence[Revert]] = field(default_factory=dict)

    def require(self) -> None:
        """It may be armed."""

    def arm(
        self, key: str, reverts: Sequence[Revert], *, ttl: float, subject: str = "", avoid_node: str = ""
    ) -> ObjectRef:
        self.keys[key] = reverts
        return ObjectRef("Pod", "switch", "qer-x-runner")

    def armed(self, key: str) -> bool:
        return key in self.keys

    def disarm(self, key: str) -> None:
        self.keys.pop(key, None)


class FakeStack(FakeTarget):
    """A coordinator, two workers and a ClickHouse server."""

    def __init__(self, directory: Path, *, transport: str = "port-forward") -> None:
        self._directory, self._engines, self._transport = directory, (), transport
        self.outputs = Outputs(
            target="kubernetes",
            stack="qer-x",
            engines=(_engine("trino", 8443, "coordinator", "worker"), _engine("clickhouse", 8123, "server")),
        )
        self.coordinator = pod("coordinator-1", "coordinator", "10.0.0.1")
        self.workers = [pod("worker-1", "worker", "10.0.0.2"), pod("worker-2", "worker", "fd00::2")]
        self.server = pod("clickhouse-0", "server", "10.0.1.1")
        self.control = FakeControl(
            {
                ("trino", "coordinator"): [self.coordinator],
                ("trino", "worker"): self.workers,
                ("clickhouse", "server"): [self.server],
            }
        )
        self.fault_pods: FakeFaultPods | None = FakeFaultPods()
        self.switches = FakeSwitches()
        trino = of_pod([("http", 8080), ("https", 8443)], {"app.kubernetes.io/component": "worker", "tier": "q"})
        for one in (self.coordinator, *self.workers):
            self.control.objects[one.ref] = trino
        self.control.objects[self.server.ref] = of_pod([("http", 8123), ("native", 9000)])
        for kind, port, name in (("trino", 8443, "https"), ("clickhouse", 8123, "http")):
            self.control.objects[self.control.service(kind)] = {
                "spec": {"ports": [{"port": port, "targetPort": name}], "selector": {"a": "b"}}
            }
            for role, replicas in (("coordinator", 1), ("worker", 2), ("server", 1)):
                self.control.objects[self.control.workload(kind, role)] = {"spec": {"replicas": replicas}}

    @property
    @override
    def transport(self) -> str:
        return self._transport

    @override
    def means(self, protocol: type[M]) -> M | None:
        found: dict[type, object | None] = {
            StackControl: self.control,
            FaultPods: self.fault_pods,
            Switches: self.switches,
        }
        return found.get(protocol)  # type: ignore[return-value]


def _engine(kind: str, port: int, *roles: str) -> EngineOutput:
    return EngineOutput(
        kind=kind,
        title=kind,
        version="1",
        namespace=f"qer-x-{kind}",
        service=kind,
        port=port,
        scheme="http",
        user="u",
        workloads=tuple(Workload(role=role, kind="Deployment", name=f"{kind}-{role}", replicas=1) for role in roles),
    )
