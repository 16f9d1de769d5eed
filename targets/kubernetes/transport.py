"""How this process reaches the Services of a stack: through the API, through the nodes, or from within.

* **port-forward** goes through the API server and needs nothing else; it chooses a ready pod for every connection.
* **node-port** goes to a node and its kube-proxy, as clients outside the cluster would; the Service must have one.
* **in-cluster** uses cluster DNS, as clients inside the cluster do.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kr8s.asyncio.objects import Node
from typing_extensions import override

from targets.base import BadOutputs, TargetError
from targets.kubernetes.cluster import FAILURES, Cluster
from targets.kubernetes.forward import PortForward
from targets.kubernetes.listener import Client, LocalPort, NoEndpoint, until_first

AUTO, PORT_FORWARD, NODE_PORT, IN_CLUSTER = "auto", "port-forward", "node-port", "in-cluster"
CHOICES = (AUTO, PORT_FORWARD, NODE_PORT, IN_CLUSTER)
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_CONNECT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service; ``node_port`` where every node has it too."""

    namespace: str
    service: str
    port: int
    node_port: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where this process connects to."""

    host: str
    port: int


class Transport(Protocol):
    """Leads to Services while it is open."""

    @property
    def name(self) -> str:
        """One of ``CHOICES`` but ``auto``."""
        ...

    def address(self, service: ServicePort) -> Address:
        """Where to connect to from now on."""
        ...

    def close(self) -> None:
        """Release what was opened; may be called twice."""
        ...


def inside() -> bool:
    """Whether this process runs in a pod with a ServiceAccount."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and TOKEN.is_file()


def choose(wanted: str, cluster: Cluster, engines: Mapping[str, ServicePort]) -> Transport:
    """The transport for these engines.

    Args:
        wanted: one of ``CHOICES``; ``auto`` takes what is nearest to the engines.
        cluster: connected.
        engines: kind to its Service.

    Raises:
        BadOutputs: node ports are wanted and the document has none.
        TargetError: the wanted transport does not work from here.
    """
    if wanted == IN_CLUSTER and not inside():
        raise TargetError(
            "this is no pod with a ServiceAccount, so --transport in-cluster cannot work; use --in-cluster"
        )
    if wanted == IN_CLUSTER or (wanted == AUTO and inside()):
        return Within()
    missing = [kind for kind, service in engines.items() if service.node_port is None]
    if wanted == NODE_PORT and missing:
        raise BadOutputs(
            f"the outputs document has no nodePort for {missing[0]}; set {missing[0]}NodePort and run pulumi up, "
            "or use --transport port-forward"
        )
    if wanted == NODE_PORT or (wanted == AUTO and engines and not missing):
        try:
            return _through_nodes(cluster, engines)
        except TargetError:
            if wanted == NODE_PORT:
                raise
    return Forwards(cluster)


class Within:
    """Cluster DNS; nothing to open."""

    name = IN_CLUSTER

    def address(self, service: ServicePort) -> Address:
        """See ``Transport``."""
        return Address(f"{service.service}.{service.namespace}.svc", service.port)

    def close(self) -> None:
        """See ``Transport``."""


class Forwards:
    """A port-forward for each Service."""

    name = PORT_FORWARD

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ports: list[LocalPort] = []

    def address(self, service: ServicePort) -> Address:
        """See ``Transport``."""
        return self._open(PortForward(self._cluster, service.namespace, service.service, service.port))

    def close(self) -> None:
        """See ``Transport``."""
        while self._ports:
            self._ports.pop().stop()

    def _open(self, port: LocalPort) -> Address:
        port.start()
        self._ports.append(port)
        return Address("127.0.0.1", port.local_port)


class NodePorts(Forwards):
    """The node ports of Services that have one, port-forwards for others (the monitoring's)."""

    name = NODE_PORT

    def __init__(self, cluster: Cluster, hosts: Sequence[str]) -> None:
        super().__init__(cluster)
        self._hosts = hosts

    @override
    def address(self, service: ServicePort) -> Address:
        if service.node_port is None:
            return super().address(service)
        return self._open(NodeRelay(self._cluster, self._hosts, service.node_port))


class NodeRelay(LocalPort):
    """A local port whose every connection goes to a node that answers *now*.

    A client that kept to one node's address would take that node's loss for the engine's. The certificate names of the
    engines hold this machine's loopback address and none of a node's.
    """

    def __init__(self, cluster: Cluster, hosts: Sequence[str], port: int) -> None:
        super().__init__(cluster)
        self._hosts = list(hosts)
        self._port = port

    @override
    async def _tunnel(self, client: Client) -> None:
        async with client.patience(_CONNECT_SECONDS * len(self._hosts)):
            node_reader, node_writer = await self._connect()
        node = Client(node_reader, node_writer)
        try:
            await until_first(asyncio.create_task(_copy(client, node)), asyncio.create_task(_copy(node, client)))
        finally:
            node_writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for host in list(self._hosts):
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(host, self._port)
            except (OSError, TimeoutError):
                # Asked last from now on: the next connection should not wait for it again.
                self._hosts.remove(host)
                self._hosts.append(host)
        raise NoEndpoint


async def _copy(source: Client, sink: Client) -> None:
    while data := await source.receive():
        sink.writer.write(data)
        await sink.writer.drain()


def _through_nodes(cluster: Cluster, engines: Mapping[str, ServicePort]) -> NodePorts:
    """Node ports at the addresses where every engine's port can be connected to."""
    try:
        hosts = cluster.run(_addresses(cluster))
    except (*FAILURES, TimeoutError) as error:
        raise TargetError(
            f"the nodes' addresses cannot be listed ({error}); give yourself the right to list nodes, "
            "or use --transport port-forward"
        ) from None
    ports = [service.node_port for service in engines.values() if service.node_port is not None]
    answering = cluster.run(_answering(hosts, ports))
    if not answering:
        shown = ", ".join(str(port) for port in ports)
        raise TargetError(
            f"no node answers on port {shown} ({', '.join(hosts) or 'no addresses'}); see whether clientCidrs and "
            "firewalls admit this machine, or use --transport port-forward"
        )
    return NodePorts(cluster, answering)


async def _addresses(cluster: Cluster) -> list[str]:
    """Addresses of all nodes, those for use inside the cluster first: a runner near it can use them."""
    found: list[tuple[str, str]] = []
    async for node in Node.list(api=cluster.api):
        manifest: Mapping[str, Any] = node.raw if isinstance(node, Node) else node
        found += [(one["type"], one["address"]) for one in manifest["status"].get("addresses") or []]
    order = ("InternalIP", "ExternalIP")
    return [address for kind in order for type_, address in found if type_ == kind]


async def _answering(hosts: Sequence[str], ports: Sequence[int]) -> list[str]:
    """The hosts where every port takes a connection."""

    async def answers(host: str, port: int) -> bool:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    results = await asyncio.gather(*(asyncio.gather(*(answers(host, port) for port in ports)) for host in hosts))
    return [host for host, all_ports in zip(hosts, results, strict=True) if all(all_ports)]
