from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from engines import Endpoint, EngineError, ErrorClass, Statistics
from engines.clickhouse import ClickHouseEngine
from engines.tpch import TpchQuery
from targets.embedded.tls import issue
from tests.unit.engines.servers import (
    Act,
    Drip,
    FakeServer,
    OnlyProgress,
    Refuser,
    Reply,
    Request,
    Reset,
    Stall,
    clickhouse_reply,
    closed_port,
    native,
    silent_port,
)

PASSWORD = "correct horse"


class ClickHouseScript:
    def __init__(self) -> None:
        self.act: Act = clickhouse_reply(native(1))

    def __call__(self, _: Request) -> Act:
        return self.act


@pytest.fixture
def script() -> ClickHouseScript:
    return ClickHouseScript()


@pytest.fixture
def server(script: ClickHouseScript) -> Iterator[FakeServer]:
    with FakeServer(script) as started:
        yield started


def engine(port: int, **changes: object) -> ClickHouseEngine:
    settings = {"kind": "clickhouse", "host": "127.0.0.1", "port": port, "user": "me", "password": PASSWORD, **changes}
    return ClickHouseEngine(Endpoint(**settings))  # type: ignore[arg-type]


def failure(port: int, deadline: float = 5.0, sql: str = "SELECT 1", **changes: object) -> EngineError:
    with engine(port, **changes).connect() as session, pytest.raises(EngineError) as raised:
        session.execute(sql, deadline=deadline)
    return raised.value


def exception(code: int, name: str, status: int = 500) -> Reply:
    body = f"Code: {code}. DB::Exception: what it says. ({name}) (version 26.9.1.1 (official build))\n"
    return Reply(status, {"X-ClickHouse-Exception-Code": str(code)}, body.encode())


def parameters(request: Request) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.path).query)


def test_a_session_costs_no_request(server: FakeServer) -> None:
    with engine(server.port).connect():
        assert server.requests == []


def test_one_statement_is_one_request(server: FakeServer) -> None:
    with engine(server.port).connect() as session:
        answer = session.execute("SELECT 1 AS n", deadline=5)
    assert (answer.columns, answer.rows, answer.query_id) == (("n",), ((1,),), "q1")
    assert answer.engine_seconds == answer.statistics.elapsed_seconds == 0.012
    assert len(server.requests) == 1


def test_the_servers_summary_comes_with_the_answer(server: FakeServer, script: ClickHouseScript) -> None:
    with engine(server.port).connect() as session:
        assert session.execute("SELECT 1", deadline=5).statistics == Statistics(0.012, None, None, 7, 56, None)
        script.act = clickhouse_reply(
            native(1),
            headers={"X-ClickHouse-Summary": '{"memory_usage":"123"}', "X-ClickHouse-Format": "Native"},
        )
        assert session.execute("SELECT 1", deadline=5).statistics == Statistics(peak_memory_bytes=123)


def test_statements_share_a_connection(server: FakeServer) -> None:
    with engine(server.port).connect() as session:
        for _ in range(3):
            session.execute("SELECT 1", deadline=5)
    assert server.connections == 1


def test_sessions_do_not_share_connections(server: FakeServer) -> None:
    adapter = engine(server.port)
    for _ in range(2):
        with adapter.connect() as session:
            session.execute("SELECT 1", deadline=5)
    assert server.connections == 2


def test_settings_and_database_are_sent(server: FakeServer) -> None:
    with engine(server.port).connect() as session:
        session.execute("SELECT 1", deadline=5, settings={"database": "sf1", "join_use_nulls": "1"})
    sent = parameters(server.requests[0])
    assert (sent["database"], sent["join_use_nulls"]) == (["sf1"], ["1"])


def test_no_proxy_of_the_environment_is_used(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with engine(server.port).connect() as session:
        assert session.execute("SELECT 1", deadline=5).rows == ((1,),)


def test_a_statement_without_rows(script: ClickHouseScript, server: FakeServer) -> None:
    script.act = clickhouse_reply(b"")
    with engine(server.port).connect() as session:
        answer = session.execute("CREATE TABLE t (n Int8) ENGINE = Memory", deadline=5)
    assert (answer.columns, answer.rows) == ((), ())


def test_a_file_is_streamed(server: FakeServer, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "data").write_bytes(content)
    with engine(server.port).connect() as session:
        session.insert_file("sf1.orders", tmp_path / "data", deadline=5)
    assert server.requests[0].body == content
    assert parameters(server.requests[0])["query"] == ["INSERT INTO sf1.orders FORMAT Parquet"]


@pytest.mark.parametrize(
    ("named", "error_class"),
    [
        ((62, "SYNTAX_ERROR"), ErrorClass.ENGINE),
        ((60, "UNKNOWN_TABLE"), ErrorClass.ENGINE),
        ((159, "TIMEOUT_EXCEEDED"), ErrorClass.TIMEOUT),
        ((202, "TOO_MANY_SIMULTANEOUS_QUERIES"), ErrorClass.QUEUE_FULL),
        ((516, "AUTHENTICATION_FAILED"), ErrorClass.UNAUTHORIZED),
    ],
)
@pytest.mark.parametrize("sql", ["SELECT 1", "CREATE DATABASE d"])
def test_the_engines_own_errors(
    script: ClickHouseScript, server: FakeServer, sql: str, named: tuple[int, str], error_class: ErrorClass
) -> None:
    code, name = named
    script.act = exception(code, name)
    error = failure(server.port, sql=sql)
    assert (error.error_class, error.name, error.code) == (error_class, name, code)
    assert str(error) == f"Code: {code}. DB::Exception: what it says. ({name})"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (401, ErrorClass.UNAUTHORIZED),
        (403, ErrorClass.UNAUTHORIZED),
        (404, ErrorClass.PROTOCOL),
        (429, ErrorClass.QUEUE_FULL),
        (502, ErrorClass.UNAVAILABLE),
        (503, ErrorClass.UNAVAILABLE),
        (504, ErrorClass.UNAVAILABLE),
    ],
)
def test_status_is_told_apart_and_not_tried_again(
    script: ClickHouseScript, server: FakeServer, status: int, error_class: ErrorClass
) -> None:
    script.act = Reply(status, body=b"from a gateway")
    assert failure(server.port).error_class is error_class
    assert len(server.requests) == 1


@pytest.mark.parametrize("act", [Reset(), OnlyProgress(), clickhouse_reply(native(1) * 9, cut=5)])
@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT 1 LIMIT 0", "INSERT INTO t VALUES (1)", "DROP TABLE t"])
def test_a_broken_connection_is_not_tried_again(
    script: ClickHouseScript, server: FakeServer, sql: str, act: Act
) -> None:
    script.act = act
    assert failure(server.port, sql=sql).error_class is ErrorClass.RESET
    assert len(server.requests) == 1


def test_an_insert_of_a_file_is_not_tried_again(script: ClickHouseScript, server: FakeServer, tmp_path: Path) -> None:
    script.act = Reset()
    (tmp_path / "data").write_bytes(b"x")
    with engine(server.port).connect() as session, pytest.raises(EngineError) as raised:
        session.insert_file("t", tmp_path / "data", deadline=5)
    assert raised.value.error_class is ErrorClass.RESET
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "act",
    [
        Reply(body=b"<html>hello</html>"),
        Reply(body=native(1)),
        clickhouse_reply(b"<html>hello</html>"),
        clickhouse_reply(b"\x01\x01\x01n\x05NoSuc\x01"),
    ],
)
def test_an_answer_that_is_not_clickhouses(script: ClickHouseScript, server: FakeServer, act: Reply) -> None:
    script.act = act
    assert failure(server.port).error_class is ErrorClass.PROTOCOL
    assert len(server.requests) == 1


def test_nobody_listens() -> None:
    with closed_port() as port:
        error = failure(port)
    assert (error.error_class, error.name) == (ErrorClass.REFUSED, "ConnectionRefusedError")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_refused_at_once_is_not_tried_again(tmp_path: Path, scheme: str) -> None:
    with Refuser() as port:
        error = failure(port.port, scheme=scheme, ca_file=issue(tmp_path).ca_file)
        assert port.connections == 1
    assert error.error_class is ErrorClass.RESET


def timed_failure(port: int, deadline: float, **changes: object) -> tuple[EngineError, float]:
    started = time.monotonic()
    error = failure(port, deadline, **changes)  # type: ignore[arg-type]
    return error, (time.monotonic() - started) / deadline


@pytest.mark.parametrize("act", [Stall(), Drip(), clickhouse_reply(native(1), delay=60)])
@pytest.mark.parametrize("sql", ["SELECT 1", "DROP TABLE t"])
def test_the_deadline_ends_any_wait(script: ClickHouseScript, server: FakeServer, sql: str, act: Act) -> None:
    script.act = act
    error, share = timed_failure(server.port, 0.5, sql=sql)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 0.99 < share < 2


@pytest.mark.parametrize("act", [Stall(), Drip()])
def test_the_deadline_ends_any_wait_over_tls(script: ClickHouseScript, tmp_path: Path, act: Stall | Drip) -> None:
    certificates = issue(tmp_path)
    script.act = act
    with FakeServer(script, certificates.server_pem) as server:
        error, share = timed_failure(server.port, 0.5, scheme="https", ca_file=certificates.ca_file)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 0.99 < share < 2


def test_the_deadline_ends_a_tls_handshake(tmp_path: Path) -> None:
    with silent_port() as port:
        error, share = timed_failure(port, 0.5, scheme="https", ca_file=issue(tmp_path).ca_file)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 0.99 < share < 2


def test_a_session_goes_on_after_a_failure(script: ClickHouseScript, server: FakeServer) -> None:
    with engine(server.port).connect() as session:
        good, script.act = script.act, Stall()
        with pytest.raises(EngineError):
            session.execute("SELECT 1", deadline=0.2)
        script.act = good
        assert session.execute("SELECT 1", deadline=5).rows == ((1,),)


def test_tls_with_the_endpoints_authority(script: ClickHouseScript, tmp_path: Path) -> None:
    certificates = issue(tmp_path)
    with FakeServer(script, certificates.server_pem) as server:
        trusting = engine(server.port, scheme="https", ca_file=certificates.ca_file)
        with trusting.connect() as session:
            assert session.execute("SELECT 1", deadline=5).rows == ((1,),)


def test_tls_with_another_authority(script: ClickHouseScript, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with FakeServer(script, issue(tmp_path).server_pem) as server:
        error = failure(server.port, scheme="https", ca_file=issue(tmp_path / "other").ca_file)
    assert (error.error_class, error.name) == (ErrorClass.PROTOCOL, "SSLCertVerificationError")


def test_an_echoed_password_is_masked(script: ClickHouseScript, server: FakeServer) -> None:
    script.act = Reply(500, body=f"{PASSWORD} and bWU6Y29ycmVjdCBob3JzZQ==".encode())
    error = failure(server.port)
    assert "*** and ***" in str(error)


def test_a_running_query_is_watched_and_cancelled(script: ClickHouseScript, server: FakeServer) -> None:
    stalled, answered = Stall(), script.act
    waiting = "SELECT sleep"

    def by_statement(request: Request) -> Act:
        return stalled if request.body.startswith(waiting.encode()) else answered

    with FakeServer(by_statement) as other:
        running = engine(other.port).start(waiting, deadline=0.5)
        assert running.state() == "RUNNING"
        running.cancel()
        with pytest.raises(EngineError):
            running.wait(5)
        killed = [r.body.decode() for r in other.requests if r.body.startswith(b"KILL")]
    own = f"'{running.query_id}'"
    assert killed == [f"KILL QUERY WHERE query_id = {own} OR Settings['log_comment'] = {own} ASYNC"]


def test_health_of_a_server(script: ClickHouseScript) -> None:
    with FakeServer(lambda r: Reply(body=b"Ok.\n") if r.path == "/ping" else script.act) as server:
        health = engine(server.port).health()
    assert (health.live, health.version) == (True, "1")


def test_health_with_refused_credentials() -> None:
    refused = exception(516, "AUTHENTICATION_FAILED", 403)
    with FakeServer(lambda r: Reply(body=b"Ok.\n") if r.path == "/ping" else refused) as server:
        health = engine(server.port).health()
    assert (health.live, health.version) == (True, "")
    assert "AUTHENTICATION_FAILED" in health.detail


@pytest.mark.parametrize("act", [Stall(), Drip(), Reset(), Reply(503)])
def test_health_of_what_does_not_answer(act: Act) -> None:
    with FakeServer(lambda _: act) as server:
        health = engine(server.port).health(timeout=0.3)
    assert not health.live
    assert health.detail


@pytest.mark.parametrize(("known", "extra"), [(1, {"query_plan_optimize_join_order_limit": "0"}), (0, {})])
def test_joins_are_made_as_written_where_the_server_can_be_told(
    script: ClickHouseScript, server: FakeServer, known: int, extra: dict[str, str]
) -> None:
    script.act = clickhouse_reply(native(known))
    adapter = engine(server.port)
    assert adapter.tpch_sql(TpchQuery(1, "SELECT 1"), 1) == ("SELECT 1", {"database": "sf1"})
    assert server.requests == [], "only where it matters"
    for _ in range(2):
        assert adapter.tpch_sql(TpchQuery(5, "SELECT 5"), 1) == ("SELECT 5", {"database": "sf1", **extra})
    assert len(server.requests) == 1


def test_a_server_that_cannot_be_asked_is_told_nothing_and_asked_again(
    script: ClickHouseScript, server: FakeServer
) -> None:
    adapter = engine(server.port)
    script.act = exception(202, "TOO_MANY_SIMULTANEOUS_QUERIES")
    assert adapter.tpch_sql(TpchQuery(8, ""), 1)[1] == {"database": "sf1"}
    script.act = clickhouse_reply(native(1))
    assert "query_plan_optimize_join_order_limit" in adapter.tpch_sql(TpchQuery(8, ""), 1)[1]
