"""Every disturbance, proven from the client's side and by the proxy's counters."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from targets.embedded.proxy import KINDS, FaultProxy
from tests.unit.embedded.wire import PATIENCE, Client, disturbance, proxied, until

VALUES = {"latency": 0.05, "bandwidth": 100_000.0}


async def works(proxy: FaultProxy) -> bool:
    async with Client(proxy.port) as client:
        return await client.ask(b"works") == b"works"


def test_latency_delays_each_way_on_open_and_new_connections() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _), Client(proxy.port) as old:
            await old.ask(b"x")
            status = await proxy.disturb(disturbance("latency", 0.1))
            assert status.active == disturbance("latency", 0.1)
            async with Client(proxy.port) as new:
                for client in (old, new):
                    started = time.monotonic()
                    assert await client.ask(b"slow") == b"slow"
                    assert time.monotonic() - started >= 0.2
            assert proxy.status().affected == {"latency": 4}  # one chunk each way, on two connections

    asyncio.run(scenario())


def test_latency_keeps_order_and_delays_chunks_side_by_side() -> None:
    async def scenario() -> None:
        count, delay = 40, 0.1
        async with proxied() as (proxy, _), Client(proxy.port) as client:
            await proxy.disturb(disturbance("latency", delay))
            started = time.monotonic()
            for number in range(count):
                await client.send(b"%04d" % number)
                await asyncio.sleep(0.002)  # so that they are chunks of their own
            echoed = await client.receive(4 * count)
            assert echoed == b"".join(b"%04d" % number for number in range(count))
            assert time.monotonic() - started < count * delay / 2  # one after the other would take count * 2 * delay

    asyncio.run(scenario())


def test_latency_delays_the_end_of_a_stream() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as client:
            await client.ask(b"x")
            await proxy.disturb(disturbance("latency", 0.15))
            started = time.monotonic()
            server.writers[0].close()
            assert await client.receive(1) == b""
            assert time.monotonic() - started >= 0.15

    asyncio.run(scenario())


def test_what_is_in_flight_arrives_at_once_when_latency_ends() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _), Client(proxy.port) as client:
            await proxy.disturb(disturbance("latency", 1000.0, ttl=2000.0))
            await client.send(b"ab")
            await until(lambda: proxy.status().affected.get("latency"))
            await proxy.restore()
            await client.send(b"cd")
            assert await client.receive(4) == b"abcd"

    asyncio.run(scenario())


def test_bandwidth_limits_each_direction_for_all_connections_together() -> None:
    async def scenario() -> None:
        rate, size = 400_000.0, 100_000
        async with proxied() as (proxy, _), Client(proxy.port) as one, Client(proxy.port) as other:
            await proxy.disturb(disturbance("bandwidth", rate))
            started = time.monotonic()
            echoed = await asyncio.gather(one.ask(bytes(size)), other.ask(bytes(size)))
            assert list(echoed) == [bytes(size)] * 2
            taken = time.monotonic() - started
            assert taken >= 0.9 * 2 * size / rate
            status = proxy.status()
            assert (status.bytes_up, status.bytes_down) == (2 * size, 2 * size)
            assert status.affected["bandwidth"] > 4

    asyncio.run(scenario())


def test_bandwidth_lets_the_rest_go_when_it_ends() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _), Client(proxy.port) as client:
            await proxy.disturb(disturbance("bandwidth", 10.0))
            await client.send(bytes(50_000))  # 5000 s at this rate
            await until(lambda: proxy.status().affected.get("bandwidth"))
            await proxy.restore()
            assert await client.receive(50_000) == bytes(50_000)

    asyncio.run(scenario())


def test_blackhole_holds_everything_and_delivers_it_afterwards() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as old:
            await old.ask(b"x")
            await proxy.disturb(disturbance("blackhole"))
            await old.send(b"request")
            async with Client(proxy.port) as new:  # the kernel accepts
                await new.send(b"another")
                assert await old.hears_nothing()
                assert await new.hears_nothing()
                assert (server.accepted, server.received) == (1, 1)
                assert proxy.status().affected == {"blackhole": 2}
                await proxy.restore()
                assert await old.receive(7) == b"request"
                assert await new.receive(7) == b"another"

    asyncio.run(scenario())


def test_blackhole_holds_answers_and_ends_of_streams_too() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as client:
            await client.ask(b"x")
            await proxy.disturb(disturbance("blackhole"))
            server.writers[0].write(b"answer")
            server.writers[0].close()
            assert await client.hears_nothing()
            await proxy.restore()
            assert await client.receive(100) == b"answer"

    asyncio.run(scenario())


def test_a_server_that_dies_behind_a_blackhole_is_noticed_afterwards() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as client:
            await client.ask(b"x")
            await proxy.disturb(disturbance("blackhole"))
            server.writers[0].transport.abort()
            assert await client.hears_nothing()
            await proxy.restore()
            with contextlib.suppress(ConnectionResetError):
                assert await client.receive(1) == b""

    asyncio.run(scenario())


def test_a_client_that_gives_up_in_a_blackhole_never_reaches_the_server() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server):
            await proxy.disturb(disturbance("blackhole"))
            async with Client(proxy.port) as client:
                await client.send(b"in vain")
                assert await client.hears_nothing()
            await asyncio.sleep(0)
            await until(lambda: not proxy.open_connections)
            await proxy.restore()
            assert await works(proxy)
            assert server.accepted == 1

    asyncio.run(scenario())


def test_reset_breaks_open_and_new_connections() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, server), Client(proxy.port) as old:
            await old.ask(b"x")
            status = await proxy.disturb(disturbance("reset"))
            assert status.affected == {"reset": 1}
            with pytest.raises(ConnectionResetError):
                await old.receive(1)
            with pytest.raises(ConnectionResetError):
                async with Client(proxy.port) as new:
                    await new.receive(1)
            assert proxy.status().affected == {"reset": 2}
            assert server.accepted == 1

    asyncio.run(scenario())


def test_refused_resets_open_connections_and_refuses_new_ones() -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _), Client(proxy.port) as old:
            await old.ask(b"x")
            port = proxy.port
            status = await proxy.disturb(disturbance("refused"))
            assert not status.listening
            with pytest.raises(ConnectionResetError):
                await old.receive(1)
            for _ in range(3):
                with pytest.raises(ConnectionRefusedError):
                    await works(proxy)
            assert status.affected == {"refused": 2}  # the open connection, and the proxy's own attempt
            status = await proxy.restore()
            assert (status.listening, status.port) == (True, port)
            assert await works(proxy)

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_a_disturbance_ends_by_itself(kind: str) -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _):
            started = time.monotonic()
            await proxy.disturb(disturbance(kind, VALUES.get(kind, 0.0), ttl=0.2))
            assert proxy.status().active is not None
            await until(lambda: proxy.status().active is None)
            assert time.monotonic() - started >= 0.2
            assert proxy.status().listening
            assert await works(proxy)

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_restore_may_be_repeated(kind: str) -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _):
            await proxy.restore()
            await proxy.disturb(disturbance(kind, VALUES.get(kind, 0.0)))
            for _ in range(2):
                status = await proxy.restore()
                assert (status.active, status.listening) == (None, True)
            assert await works(proxy)

    asyncio.run(scenario())


@pytest.mark.parametrize(("first", "second"), list(zip(KINDS, KINDS[1:] + KINDS[:1], strict=True)))
def test_a_disturbance_replaces_the_one_before(first: str, second: str) -> None:
    async def scenario() -> None:
        async with proxied() as (proxy, _):
            await proxy.disturb(disturbance(first, VALUES.get(first, 0.0), ttl=0.05))
            await proxy.disturb(disturbance(second, VALUES.get(second, 0.0), ttl=PATIENCE))
            started = time.monotonic()
            await until(lambda: time.monotonic() - started > 0.1)  # the first one's end must not end the second
            status = proxy.status()
            assert status.active is not None
            assert status.active.kind == second
            assert status.listening == (second != "refused")
            await proxy.restore()
            assert await works(proxy)

    asyncio.run(scenario())
