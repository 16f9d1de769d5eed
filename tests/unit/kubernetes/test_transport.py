"""Which way leads to the engines, and that it leads there."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from targets.base import BadOutputs, TargetError
from targets.kubernetes import transport
from targets.kubernetes.cluster import Cluster
from targets.kubernetes.transport import Address, Forwards, NodePorts, NodeRelay, ServicePort, Within, choose, inside

T = TypeVar("T")


class LoopOnly:
    """A cluster with a loop and nothing behind it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 15.0) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = LoopOnly()
    yield cast("Cluster", made)
    made.close()


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data.upper())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def listening(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    with Server((host, port), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def ask(port: int, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(text)
        answer = client.recv(100)
    if not answer:  # closed or reset, depending on which side was faster
        raise ConnectionResetError
    return answer


def engines(node_port: int | None) -> dict[str, ServicePort]:
    return {"trino": ServicePort("ns", "trino", 8443, node_port)}


def nodes_at(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    async def addresses(_: Cluster) -> list[str]:
        return list(hosts)

    monkeypatch.setattr(transport, "_addresses", addresses)


def test_outside_without_node_ports_everything_is_forwarded(cluster: Cluster) -> None:
    assert isinstance(choose("auto", cluster, engines(None)), Forwards)
    assert choose("port-forward", cluster, engines(30000)).name == "port-forward"


def test_node_ports_that_answer_are_taken(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as port:
        nodes_at(monkeypatch, "127.0.0.1")
        chosen = choose("auto", cluster, engines(port))
        assert chosen.name == "node-port"
        address = chosen.address(engines(port)["trino"])
        assert address.host == "127.0.0.1"
        assert ask(address.port, b"hello") == b"HELLO"
        chosen.close()
        chosen.close()


def test_node_ports_that_do_not_answer_are_left_unless_they_are_wanted(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes_at(monkeypatch, "127.0.0.1")
    assert choose("auto", cluster, engines(1)).name == "port-forward"
    with pytest.raises(TargetError, match=r"no node answers on port 1 \(127.0.0.1\).*clientCidrs"):
        choose("node-port", cluster, engines(1))


def test_node_ports_that_the_stack_has_not_are_refused(cluster: Cluster) -> None:
    with pytest.raises(BadOutputs, match="no nodePort for trino; set trinoNodePort and run pulumi up"):
        choose("node-port", cluster, engines(None))


def test_each_connection_goes_to_a_node_that_answers(cluster: Cluster) -> None:
    with listening("127.0.0.2") as port:
        with NodeRelay(cluster, ["127.0.0.1", "127.0.0.2"], port) as relay:
            assert ask(relay.local_port, b"one") == b"ONE"
        with NodeRelay(cluster, ["127.0.0.1"], port) as relay, pytest.raises(ConnectionError):
            ask(relay.local_port, b"two")


def test_a_service_without_a_node_port_is_forwarded_beside_them(cluster: Cluster) -> None:
    ports = NodePorts(cluster, ["127.0.0.1"])
    address = ports.address(ServicePort("monitoring", "prometheus", 9090))
    assert address.host == "127.0.0.1"
    ports.close()
    with pytest.raises(ConnectionRefusedError):
        ask(address.port, b"gone")


def test_a_pod_uses_cluster_names(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not inside()
    with pytest.raises(TargetError, match="no pod with a ServiceAccount"):
        choose("in-cluster", cluster, engines(None))
    token = tmp_path / "token"
    token.write_text("t")
    monkeypatch.setattr(transport, "TOKEN", token)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    chosen = choose("auto", cluster, engines(30000))
    assert isinstance(chosen, Within)
    assert chosen.address(engines(30000)["trino"]) == Address("trino.ns.svc", 8443)
    assert choose("port-forward", cluster, engines(None)).name == "port-forward"
