"""The near end of a connection: what a client sends early is kept, and one that leaves leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from targets.kubernetes.listener import CHUNK, Client

PATIENCE = 20.0
Deed = Callable[[Client], Awaitable[None]]


def served(deed: Deed, visit: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    """Serve one connection with ``deed`` while ``visit`` is its client; raises what the deed raises."""

    async def run() -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await deed(Client(reader, writer))
                done.set_result(None)
            except Exception as error:  # noqa: BLE001 - handed to the test
                done.set_exception(error)
            finally:
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await visit(reader, writer)
            writer.close()
            await asyncio.wait_for(done, PATIENCE)

    asyncio.run(run())


@pytest.mark.parametrize("sent", [b"hello", b"x" * (3 * CHUNK)], ids=["a little", "more than is kept"])
def test_what_is_sent_early_is_received_later(sent: bytes) -> None:
    ready, received = asyncio.Event(), bytearray()

    async def deed(client: Client) -> None:
        async with client.patience(PATIENCE):
            await ready.wait()
        while data := await client.receive():
            received.extend(data)

    async def visit(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await asyncio.sleep(0)
        ready.set()
        await writer.drain()
        writer.write_eof()

    served(deed, visit)
    assert bytes(received) == sent


def test_work_for_a_client_that_leaves_is_given_up() -> None:
    async def deed(client: Client) -> None:
        async with client.patience(10 * PATIENCE):
            await asyncio.Event().wait()

    async def visit(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"never mind")

    with pytest.raises(TimeoutError):
        served(deed, visit)


def test_patience_ends_by_itself() -> None:
    async def deed(client: Client) -> None:
        async with client.patience(0.05):
            await asyncio.Event().wait()

    async def visit(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""

    with pytest.raises(TimeoutError):
        served(deed, visit)
