"""Faults on the network of an engine's pods, in the pods' own network namespaces; see ``faults.rules``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from faults import rules
from faults.base import NotPossible
from faults.privileged import (
    NETEM,
    TBF,
    PrivilegedFault,
    container_ports,
    engine_output,
    running,
    stack_control,
)
from faults.rules import Rules, firewall
from targets.base import Target
from targets.kubernetes.faultpod_means import FaultScript
from targets.kubernetes.forward import container_port
from targets.kubernetes.listener import NoEndpoint
from targets.kubernetes.means import PodView
from targets.kubernetes.transport import NODE_PORT

LOSS_PERCENT = 10


class _ClientFault(PrivilegedFault):
    """Strikes what clients send to the pods behind the Service, whatever way they come; see ``rules.from_clients``.

    The kubelet's probes pass, unless clients come through a NodePort: then both come from the node's address, and a
    probe by the network on the very port that clients use fails too, as it does when a node loses its pods.
    """

    verdict: ClassVar[str]

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        stack_control(target)
        return ["clients"]

    @property
    @override
    def role(self) -> str:
        return self.control.roles(self.engine)[0]

    @override
    def choose(self) -> Sequence[PodView]:
        return running(self.control, self.engine, self.role)

    @override
    def script(self, pod: PodView) -> FaultScript:
        port = self._port(pod)
        incoming, outgoing = rules.from_clients(port, spare_node=self.target.transport != NODE_PORT)
        own = [one.ip for role in self.control.roles(self.engine) for one in self.control.pods(self.engine, role)]
        peers = sorted({ip for ip in own if ip})
        return firewall(
            self.name, Rules(self.verdict, incoming, outgoing, peers), probe=rules.unreachable("127.0.0.1", port)
        )

    def _port(self, pod: PodView) -> int:
        service = self.control.service(self.engine)
        try:
            port = engine_output(self.target, self.engine).port
            return container_port(self.control.read(service), self.control.read(pod.ref), port)
        except NoEndpoint:
            raise NotPossible(f"{service} leads to no port of {pod.ref}") from None


class PartitionClients(_ClientFault):
    """No packet passes between clients and the engine's port."""

    name: ClassVar[str] = "partition-clients"
    summary: ClassVar[str] = "packets between clients and engine are dropped, the engine's own traffic passes"
    verdict: ClassVar[str] = rules.DROP


class PodReset(_ClientFault):
    """Every connection of a client is reset, new ones too."""

    name: ClassVar[str] = "pod-reset"
    summary: ClassVar[str] = "connections of clients are reset (TCP RST) at the pod, new ones too"
    verdict: ClassVar[str] = rules.RESET


class PartitionEngine(PrivilegedFault):
    """No packet passes between the coordinator and any worker; clients reach the coordinator."""

    name: ClassVar[str] = "partition-engine"
    summary: ClassVar[str] = "packets between coordinator and workers are dropped"

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        _need_workers(target, engine)
        return ["workers"]

    @property
    @override
    def role(self) -> str:
        return "coordinator"

    @override
    def script(self, pod: PodView) -> FaultScript:
        workers = [worker for worker in running(self.control, self.engine, "worker") if worker.ip]
        incoming, outgoing = rules.between_peers()
        port = min(container_ports(self.control.read(workers[0].ref), workers[0].container).values())
        return firewall(
            self.name,
            Rules(rules.DROP, incoming, outgoing, [worker.ip for worker in workers]),
            probe=rules.unreachable(workers[0].ip, port),
        )


class IsolateWorker(PrivilegedFault):
    """One worker is cut off from coordinator and other workers; the kubelet still finds it healthy."""

    name: ClassVar[str] = "isolate-worker"
    summary: ClassVar[str] = "one worker's packets to and from the rest of the engine are dropped"

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        _need_workers(target, engine)
        return ["worker"]

    @override
    def script(self, pod: PodView) -> FaultScript:
        coordinator = running(self.control, self.engine, "coordinator")[0]
        ports = container_ports(self.control.read(coordinator.ref), coordinator.container)
        ports |= container_ports(self.control.read(pod.ref), pod.container)
        incoming, outgoing = rules.of_engine(list(ports.values()))
        return firewall(
            self.name,
            Rules(rules.DROP, incoming, outgoing),
            probe=rules.unreachable(coordinator.ip, min(ports.values())),
        )


class DnsRefused(PrivilegedFault):
    """The pod's DNS queries are refused."""

    name: ClassVar[str] = "dns-refused"
    summary: ClassVar[str] = "the pod's DNS queries (port 53) are refused"

    @override
    def script(self, pod: PodView) -> FaultScript:
        # Engines keep names for long: without a query of ours there might be none.
        found = Rules(rules.REFUSE, outgoing=rules.of_names(), then=rules.ASK_A_NAME)
        return firewall(self.name, found, probe=rules.nameless())


class PodBandwidth(PrivilegedFault):
    """The pod sends few bytes per second: to all together on its network, and on its loopback (port-forwards)."""

    name: ClassVar[str] = "pod-bandwidth"
    summary: ClassVar[str] = "throughput of the pod limited (tbf), port-forwards included"
    needs: ClassVar[str] = TBF

    @override
    def script(self, pod: PodView) -> FaultScript:
        rate = round(self.tuning.bandwidth)
        return rules.shaping(self.name, f"tbf rate {rate}bps burst $((mtu * 2)) latency 1s", "overlimits")


class PodLatency(PrivilegedFault):
    """Whatever the pod sends is late: on its network, and on its loopback (port-forwards, both directions)."""

    name: ClassVar[str] = "pod-latency"
    summary: ClassVar[str] = "delay added to every packet that the pod sends (netem), port-forwards included"
    needs: ClassVar[str] = NETEM

    @override
    def script(self, pod: PodView) -> FaultScript:
        return rules.shaping(self.name, f"netem delay {self.tuning.latency * 1000:g}ms limit 100000", "packets")


class PodLoss(PrivilegedFault):
    """One in ten packets that the pod sends is lost."""

    name: ClassVar[str] = "pod-loss"
    summary: ClassVar[str] = f"{LOSS_PERCENT} % of the packets that the pod sends are lost (netem)"
    needs: ClassVar[str] = NETEM

    @override
    def script(self, pod: PodView) -> FaultScript:
        return rules.shaping(self.name, f"netem loss {LOSS_PERCENT}% limit 100000", "dropped")


def _need_workers(target: Target, engine: str) -> None:
    if "worker" not in stack_control(target).roles(engine):
        raise NotPossible(f"{engine} has no workers")
