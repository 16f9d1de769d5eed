"""The table of unique keys: one request for each insert, and nothing removed that is not its own."""

from __future__ import annotations

import pytest

from engines import Endpoint, EngineError, ErrorClass
from engines.clickhouse import ClickHouseEngine
from engines.trino import TrinoEngine
from tests.unit.engines.servers import Act, FakeServer, Reply, Request, Reset, clickhouse_reply, native


def engine(server: FakeServer) -> ClickHouseEngine:
    return ClickHouseEngine(Endpoint("clickhouse", "127.0.0.1", server.port))


@pytest.mark.parametrize(
    ("act", "error_class"),
    [
        (Reset(), ErrorClass.RESET),
        (Reply(503), ErrorClass.UNAVAILABLE),
        (
            Reply(500, {"X-ClickHouse-Exception-Code": "243"}, b"Code: 243. DB::Exception: full. (NOT_ENOUGH_SPACE)"),
            ErrorClass.ENGINE,
        ),
    ],
)
def test_an_insert_without_success_is_not_tried_again(act: Act, error_class: ErrorClass) -> None:
    with FakeServer(lambda _: act) as server:
        made = engine(server)
        with made.connect() as session, pytest.raises(EngineError) as raised:
            made.key_table("run1").insert(session, 5, deadline=5)
        assert raised.value.error_class is error_class
        assert len(server.requests) == 1
        assert b"INSERT INTO qer_keys_run1.keys (key) VALUES (5)" in server.requests[0].body


@pytest.mark.parametrize("code", [60, 81])
def test_a_table_that_is_gone_holds_nothing(code: int) -> None:
    gone = Reply(404, {"X-ClickHouse-Exception-Code": str(code)}, b"Code: %d. DB::Exception: gone. (GONE)" % code)
    with FakeServer(lambda _: gone) as server:
        made = engine(server)
        with made.connect() as session:
            assert made.key_table("run1").read(session, deadline=5) == {}


def test_any_other_failure_to_read_is_one() -> None:
    with FakeServer(lambda _: Reset()) as server:
        made = engine(server)
        with made.connect() as session, pytest.raises(EngineError):
            made.key_table("run1").read(session, deadline=5)


def test_creating_asks_for_leftovers_and_drops_nothing_else() -> None:
    def answer(request: Request) -> Act:  # a database named 5 is nobody's leftover, whoever says so
        return clickhouse_reply(native(5) if b"SELECT" in request.body else b"")

    with FakeServer(answer) as server:
        made = engine(server)
        with made.connect() as session:
            made.key_table("run1").create(session, deadline=5)
        sent = [request.body.split()[0] for request in server.requests]
    assert sent == [b"SELECT", b"CREATE", b"CREATE"]


@pytest.mark.parametrize("name", ["", "a.b", "a b", "A", "a`", "x" * 65])
def test_a_name_that_would_be_other_sql_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        ClickHouseEngine(Endpoint("clickhouse", "127.0.0.1", 1)).key_table(name)


def test_trino_has_none() -> None:
    assert TrinoEngine(Endpoint("trino", "127.0.0.1", 1)).key_table("run1") is None
