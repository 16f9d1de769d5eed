"""Statements as plain HTTP: what is read from a connection, and what becomes of connections that misbehave."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.arrivals import Constant
from benchmarks.load import ClientKind, LoadRun, LoadSpec, run_load
from benchmarks.mixture import Mixture
from benchmarks.processes import in_this_process
from benchmarks.statements import Statement, probe_statement
from benchmarks.wirelane import parse
from engines import Answer, Endpoint, Engine, EngineError, ErrorClass, Outcome, WireResponse, engine_class


def native(value: int) -> bytes:
    """One column, one row, in ClickHouse's Native format."""
    return bytes([1, 1, 1]) + b"x" + bytes([6]) + b"UInt64" + struct.pack("<Q", value)


def answer(body: bytes, *, status: str = "200 OK", head: str = "X-ClickHouse-Query-Id: q-1") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    head = b"HTTP/1.1 200 OK\r\nX-ClickHouse-Query-Id: q-1\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


RIGHT = native(499_500)


@pytest.mark.parametrize("whole", [answer(RIGHT), chunked(RIGHT), answer(b""), chunked(b"0\r\n\r\n" * 9)])
def test_an_answer_is_read_once_it_is_whole(whole: bytes) -> None:
    for size in range(len(whole)):
        assert parse(bytearray(whole[:size])) is None
    response = parse(bytearray(whole))
    assert response is not None and response.status == 200
    assert response.body in {RIGHT, b"", b"0\r\n\r\n" * 9}


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    whole = bytearray(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert parse(whole) is None
    response = parse(whole, ended=True)
    assert response is not None and response.body == b"abc"


def test_interim_answers_are_passed_over() -> None:
    response = parse(bytearray(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(RIGHT)))
    assert response is not None and response.status == 200


@pytest.mark.parametrize("text", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_not_http_is_told(text: bytes) -> None:
    with pytest.raises(ValueError, match="not HTTP"):
        parse(bytearray(text))


def clickhouse(port: int) -> Engine:
    return engine_class("clickhouse")(Endpoint("clickhouse", "127.0.0.1", port, user="me", password="very secret"))


def test_requests_hold_statement_settings_and_credentials_but_do_not_show_them() -> None:
    wire = clickhouse(1).wire()
    assert wire is not None
    request = wire.request("SELECT 1", deadline=2.5, settings={"database": "sf1"})
    head, _, body = request.payload.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /?max_execution_time=4&")
    assert b"database=sf1" in head.splitlines()[0]
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b"SELECT 1\nFORMAT Native"
    assert b"Authorization: Basic bWU6dmVyeSBzZWNyZXQ=" in head
    assert "Basic" not in repr(request) and "secret" not in repr(request)


@pytest.mark.parametrize(
    ("status", "headers", "body", "error_class", "name"),
    [
        (404, b"x-clickhouse-exception-code: 60", b"Code: 60. DB: x. (UNKNOWN_TABLE) (v)", "engine", "UNKNOWN_TABLE"),
        (403, b"x-clickhouse-exception-code: 516", b"wrong password", "unauthorized", "CODE_516"),
        (503, b"", b"try later", "unavailable", "HTTPStatus"),
        (200, b"content-type: text/html", b"<html>", "protocol", "NotClickHouse"),
        (200, b"x-clickhouse-query-id: q", RIGHT[:-3], "protocol", "StreamFailureError"),
        (200, b"x-clickhouse-query-id: q", RIGHT[:-3] + b"Code: 241. DB::E: m (MEMORY_LIMIT_EXCEEDED)", "engine", None),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_the_right_error(
    status: int, headers: bytes, body: bytes, error_class: str, name: str | None
) -> None:
    wire = clickhouse(1).wire()
    assert wire is not None
    with pytest.raises(EngineError) as caught:
        wire.answer(WireResponse(status, headers, body))
    assert caught.value.error_class is ErrorClass(error_class)
    assert name is None or caught.value.name == name


Handler = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def load(handler: Handler, *, deadline: float = 5.0, count: int = 40, statement: Statement | None = None) -> LoadRun:
    """Load on a server that answers connection by connection, in this very loop's process."""
    connections = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            await handler(connections, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, which is its right
        finally:
            writer.transport.abort()

    def conduct(port: int) -> LoadRun:
        engine = clickhouse(port)
        spec = LoadSpec(
            Constant(rate=400, duration=count / 400), deadline=deadline, max_in_flight=2, client=ClientKind.WIRE
        )
        return run_load(engine, Mixture([statement or probe_statement(engine.probe)]), spec, in_this_process)

    async def served() -> LoadRun:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        async with server:
            return await asyncio.to_thread(conduct, server.sockets[0].getsockname()[1])

    return asyncio.run(served())


async def requests(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


def test_connections_are_kept_and_every_answer_is_counted() -> None:
    seen: list[int] = []

    async def handler(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await requests(reader)
            seen.append(number)
            writer.write(chunked(RIGHT))

    run = load(handler)
    assert run.outcomes[Outcome.OK] == run.offered == 40
    assert len(seen) == 40 and len(set(seen)) <= 2


def test_answers_are_judged_by_their_rows_and_parsed_once_for_the_same_bytes() -> None:
    judged: list[Answer] = []

    def judge(found: Answer) -> str:
        judged.append(found)
        return "" if found.rows in {((499_500,),), ((7,),)} else f"got {found.rows}"

    bodies = [native(499_500), native(7), native(8)]

    async def handler(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = number
        while True:
            await requests(reader)
            writer.write(answer(bodies[turn % 3]))
            turn += 1

    run = load(handler, statement=Statement("q", "SELECT x", judge))
    wrong = run.outcomes[Outcome.WRONG]
    assert wrong == pytest.approx(40 / 3, abs=2)
    assert run.outcomes[Outcome.OK] == 40 - wrong
    assert "got ((8,),)" in run.problems[0]
    assert len(judged) == 2 + wrong, "right answers are known by their bytes, wrong ones are judged each time"


def test_a_connection_that_breaks_fails_its_statement_only() -> None:
    async def handler(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requests(reader)
        writer.write(answer(RIGHT)[:30] if number % 2 else answer(RIGHT))
        await writer.drain()
        if number % 2:
            return
        await requests(reader)

    run = load(handler)
    assert run.offered == run.sent == 40
    assert set(run.errors) == {"reset"}
    assert 0 < run.outcomes[Outcome.OK] < 40


def test_a_server_that_closes_after_each_answer_costs_connections_not_answers() -> None:
    async def handler(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requests(reader)
        writer.write(answer(RIGHT, head="X-ClickHouse-Query-Id: q\r\nConnection: close"))
        await writer.drain()
        await reader.read()

    run = load(handler)
    assert run.outcomes[Outcome.OK] == 40


def test_a_body_that_ends_with_its_connection_is_an_answer() -> None:
    async def handler(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requests(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nX-ClickHouse-Query-Id: q\r\n\r\n" + RIGHT)
        writer.write_eof()
        await reader.read()

    run = load(handler, count=10)
    assert run.outcomes[Outcome.OK] == 10


def test_no_answer_within_the_deadline_is_a_timeout_and_ends_the_connection() -> None:
    async def handler(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await requests(reader)
        await reader.read()  # until the client has had enough

    run = load(handler, deadline=0.2, count=4)
    assert run.outcomes[Outcome.OK] == 0
    assert run.errors.get("timeout", 0) + run.dropped == 4
    assert run.errors["timeout"] >= 2


def test_nobody_listening_is_refused() -> None:
    async def free() -> int:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = int(server.sockets[0].getsockname()[1])
        server.close()
        await server.wait_closed()
        return port

    engine = clickhouse(asyncio.run(free()))
    spec = LoadSpec(Constant(rate=100, duration=0.05), client=ClientKind.WIRE)
    run = run_load(engine, Mixture([probe_statement(engine.probe)]), spec, in_this_process)
    assert run.errors == {"refused": 5}
