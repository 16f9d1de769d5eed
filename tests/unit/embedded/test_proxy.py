"""The proxy without a disturbance, and its life: starting, ending, a server that is not there."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket

import pytest

from targets.base import MeansError
from targets.embedded.link import DELAYED_BYTES
from targets.embedded.proxy import KINDS, FaultProxy
from tests.unit.embedded.wire import Client, disturbance, proxied, until


def test_forwards_both_ways_and_counts() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as client:
            assert await client.ask(b"hello") == b"hello"
            status = proxy.status()
            assert (status.connections, status.bytes_up, status.bytes_down) == (1, 5, 5)
            assert (status.engine, status.port, status.listening) == ("clickhouse", proxy.port, True)
            assert status.active is None
            assert status.affected == {}
            assert server.accepted == 1

    asyncio.run(scenario())


def test_large_transfer_arrives_unchanged() -> None:
    async def scenario() -> None:
        data = os.urandom(8 * 1024 * 1024)
        async with proxied() as (proxy, _), Client(proxy.port) as client:
            _, echoed = await asyncio.gather(client.send(data), client.receive(len(data)))
            assert hashlib.sha256(echoed).digest() == hashlib.sha256(data).digest()

    asyncio.run(scenario())


def test_half_close_reaches_the_server_and_the_answer_still_comes() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _), Client(proxy.port) as client:
            await client.send(b"last words")
            client.socket.shutdown(socket.SHUT_WR)
            assert await client.receive(1000) == b"last words"  # and then the end, which the server sent after ours

    asyncio.run(scenario())


def test_a_server_that_is_gone_resets_new_clients_at_once() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server):
            with socket.create_server(("127.0.0.1", 0)) as unused:
                proxy.upstream = unused.getsockname()
            async with Client(proxy.port) as client:
                with pytest.raises(ConnectionResetError):
                    await client.receive(1)
            proxy.upstream = server.address
            async with Client(proxy.port) as client:
                assert await client.ask(b"back") == b"back"

    asyncio.run(scenario())


def test_a_server_that_breaks_a_connection_breaks_it_for_its_client_only() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as first, Client(proxy.port) as second:
            await first.ask(b"1")
            await second.ask(b"2")
            raw = server.writers[0].get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            server.writers[0].transport.abort()
            with pytest.raises(ConnectionResetError):
                await first.receive(1)
            assert await second.ask(b"still here") == b"still here"

    asyncio.run(scenario())


def test_a_client_that_vanishes_ends_the_server_side() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server):
            async with Client(proxy.port) as client:
                await client.ask(b"x")
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            await until(server.writers[0].transport.is_closing)

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["", "latency", "blackhole"])
def test_a_server_that_does_not_read_stops_its_client(kind: str) -> None:
    """What the proxy holds is bounded: sockets' own buffers, plus its bytes in flight."""

    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as client:
            await client.ask(b"x")
            server.reads.clear()
            server.writers[0].transport.pause_reading()  # type: ignore[attr-defined]
            if kind:
                await proxy.disturb(disturbance(kind, 30.0))
            sent, quiet, piece = 0, 0, bytes(1024 * 1024)
            while quiet < 20 and sent < 10 * DELAYED_BYTES:
                try:
                    sent += client.socket.send(piece)
                    quiet = 0
                except BlockingIOError:
                    quiet += 1
                    await asyncio.sleep(0.01)
            assert quiet == 20
            assert sent < 4 * DELAYED_BYTES

    asyncio.run(scenario())


def test_stop_resets_clients_and_frees_the_port() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as client:
            await client.ask(b"x")
            port = proxy.port
            await proxy.stop()
            await proxy.stop()
            with pytest.raises(ConnectionResetError):
                await client.receive(1)
            assert not proxy.status().listening
            again = FaultProxy("clickhouse", server.address, ("127.0.0.1", port))
            await again.start()
            await again.stop()

    asyncio.run(scenario())


def test_a_taken_port_is_named() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            host, port = taken.getsockname()
            with pytest.raises(MeansError, match=f"clickhouse.*{host}:{port}"):
                await FaultProxy("clickhouse", ("127.0.0.1", 1), (host, port)).start()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "value", "ttl"),
    [
        ("gremlins", 0.0, 1.0),
        ("latency", 0.0, 1.0),
        ("latency", -1.0, 1.0),
        ("latency", float("nan"), 1.0),
        ("bandwidth", 0.0, 1.0),
        ("bandwidth", float("inf"), 1.0),
        *[(kind, 1.0, 0.0) for kind in KINDS],
    ],
)
def test_senseless_disturbances_are_refused(kind: str, value: float, ttl: float) -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _):
            with pytest.raises(MeansError, match=kind):
                await proxy.disturb(disturbance(kind, value, ttl))
            assert proxy.status().active is None

    asyncio.run(scenario())


def test_a_stopped_proxy_cannot_disturb() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _):
            await proxy.stop()
            with pytest.raises(MeansError, match="not running"):
                await proxy.disturb(disturbance("reset"))

    asyncio.run(scenario())
