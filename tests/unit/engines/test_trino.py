from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engines import Endpoint, EngineError, ErrorClass, Statistics
from engines.trino import TrinoEngine
from targets.embedded.tls import issue
from tests.unit.engines.servers import (
    Drip,
    FakeServer,
    Refuser,
    Reply,
    Request,
    Reset,
    Stall,
    TrinoScript,
    closed_port,
    silent_port,
)

PASSWORD = "correct horse"


@pytest.fixture
def script() -> TrinoScript:
    return TrinoScript()


@pytest.fixture
def server(script: TrinoScript) -> Iterator[FakeServer]:
    with FakeServer(script) as started:
        yield started


def engine(port: int, **changes: object) -> TrinoEngine:
    return TrinoEngine(Endpoint(**{"kind": "trino", "host": "127.0.0.1", "port": port, "user": "me", **changes}))  # type: ignore[arg-type]


def failure(port: int, deadline: float = 5.0, **changes: object) -> EngineError:
    with engine(port, **changes).connect() as session, pytest.raises(EngineError) as raised:
        session.execute("SELECT 1", deadline=deadline)
    return raised.value


def test_rows_come_as_python_values(server: FakeServer) -> None:
    with engine(server.port).connect() as session:
        answer = session.execute("SELECT 1", deadline=5)
    assert answer.columns == ("n", "m", "d", "s", "f")
    assert answer.rows == ((1, Decimal("2.50"), dt.date(2020, 2, 3), "x", 0.5), (2, None, None, None, None))
    assert answer.query_id == "q1"
    assert answer.engine_seconds == answer.statistics.elapsed_seconds == 0.012


def test_the_coordinators_statistics_come_with_the_answer(server: FakeServer, script: TrinoScript) -> None:
    script.told = {
        "cpuTimeMillis": 20,
        "queuedTimeMillis": 3,
        "processedRows": 5,
        "processedBytes": 40,
        "peakMemoryBytes": 99,
    }
    with engine(server.port).connect() as session:
        answer = session.execute("SELECT 1", deadline=5)
    assert answer.statistics == Statistics(0.012, 0.020, 0.003, 5, 40, 99)


def test_statements_share_a_connection(server: FakeServer) -> None:
    with engine(server.port).connect() as session:
        for _ in range(3):
            session.execute("SELECT 1", deadline=5)
    assert server.connections == 1


def test_headers_name_source_place_and_properties(server: FakeServer) -> None:
    settings = {"catalog": "hive", "schema": "sf1", "join_distribution_type": "BROADCAST"}
    with engine(server.port).connect(source="mine") as session:
        session.execute("SELECT 1", deadline=5, settings=settings)
    sent = server.wait_for("POST")[0].headers
    assert (sent["X-Trino-Source"], sent["X-Trino-User"]) == ("mine", "me")
    assert (sent["X-Trino-Catalog"], sent["X-Trino-Schema"]) == ("hive", "sf1")
    assert "join_distribution_type=BROADCAST" in sent["X-Trino-Session"]
    assert "catalog" not in sent["X-Trino-Session"]


def test_no_proxy_of_the_environment_is_used(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setattr("trino.client.PROXIES", {"http": "http://127.0.0.1:1"})
    with engine(server.port).connect() as session:
        assert session.execute("SELECT 1", deadline=5).rows


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (401, ErrorClass.UNAUTHORIZED),
        (403, ErrorClass.UNAUTHORIZED),
        (404, ErrorClass.PROTOCOL),
        (429, ErrorClass.QUEUE_FULL),
        (500, ErrorClass.PROTOCOL),
        (502, ErrorClass.UNAVAILABLE),
        (503, ErrorClass.UNAVAILABLE),
        (504, ErrorClass.UNAVAILABLE),
        (302, ErrorClass.PROTOCOL),
    ],
)
def test_status_is_told_apart_and_not_tried_again(
    script: TrinoScript, server: FakeServer, status: int, error_class: ErrorClass
) -> None:
    script.instead["POST"] = Reply(status, headers={"Location": "/elsewhere"} if status == 302 else {})
    assert failure(server.port).error_class is error_class
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_poll_is_not_tried_again(script: TrinoScript, server: FakeServer, status: int) -> None:
    script.instead["GET"] = Reply(status)
    assert failure(server.port).error_class is ErrorClass.UNAVAILABLE
    assert [request.method for request in server.requests] == ["POST", "GET"]


def test_a_coordinator_that_forgot_the_query(script: TrinoScript, server: FakeServer) -> None:
    script.instead["GET"] = Reply(404, body=b"Query not found")
    error = failure(server.port)
    assert (error.error_class, error.name) == (ErrorClass.ENGINE, "QUERY_NOT_FOUND")


@pytest.mark.parametrize(
    ("name", "error_class"),
    [
        ("SYNTAX_ERROR", ErrorClass.ENGINE),
        ("QUERY_QUEUE_FULL", ErrorClass.QUEUE_FULL),
        ("EXCEEDED_TIME_LIMIT", ErrorClass.TIMEOUT),
        ("NO_NODES_AVAILABLE", ErrorClass.UNAVAILABLE),
        ("SERVER_STARTING_UP", ErrorClass.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("error_type", ["USER_ERROR", "INTERNAL_ERROR", "EXTERNAL", "INSUFFICIENT_RESOURCES"])
def test_the_engines_own_errors(
    script: TrinoScript, server: FakeServer, name: str, error_class: ErrorClass, error_type: str
) -> None:
    script.error = {"errorName": name, "errorCode": 7, "errorType": error_type, "message": "what it says"}
    error = failure(server.port)
    assert (error.error_class, error.name, error.code, str(error)) == (error_class, name, 7, "what it says")


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"", b"[]", b"{}", b'{"id": 1}', b"null", b"\xff\xfe"])
def test_an_answer_that_is_not_trinos(script: TrinoScript, server: FakeServer, body: bytes) -> None:
    script.instead["POST"] = Reply(body=body)
    assert failure(server.port).error_class is ErrorClass.PROTOCOL
    assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["POST", "GET", "last"])
def test_a_broken_connection_is_not_tried_again(script: TrinoScript, server: FakeServer, method: str) -> None:
    script.instead[method] = Reset()
    assert failure(server.port).error_class is ErrorClass.RESET
    assert len([r for r in server.requests if r.method in ("POST", "GET")]) == {"POST": 1, "GET": 2, "last": 3}[method]


def test_a_connection_broken_within_the_answer(script: TrinoScript, server: FakeServer) -> None:
    script.instead["POST"] = Reply(body=b'{"id": "q1", "stats"', cut=10)
    assert failure(server.port).error_class is ErrorClass.RESET


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
    error = failure(port, deadline, **changes)
    return error, (time.monotonic() - started) / deadline


@pytest.mark.parametrize("act", [Stall(), Drip()])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_deadline_ends_any_wait(script: TrinoScript, server: FakeServer, method: str, act: Stall | Drip) -> None:
    script.instead[method] = act
    error, share = timed_failure(server.port, 0.5)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 0.99 < share < 2


def test_the_deadline_is_for_all_polls_together(script: TrinoScript, server: FakeServer) -> None:
    script.polls, script.poll_delay = 1000, 0.1
    error, share = timed_failure(server.port, 0.5)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 0.99 < share < 2


@pytest.mark.parametrize("act", [Stall(), Drip()])
def test_the_deadline_ends_any_wait_over_tls(script: TrinoScript, tmp_path: Path, act: Stall | Drip) -> None:
    certificates = issue(tmp_path)
    script.instead["POST"] = act
    with FakeServer(script, certificates.server_pem) as server:
        error, share = timed_failure(server.port, 0.5, scheme="https", ca_file=certificates.ca_file)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 0.99 < share < 2


def test_the_deadline_ends_a_tls_handshake(tmp_path: Path) -> None:
    with silent_port() as port:
        error, share = timed_failure(port, 0.5, scheme="https", ca_file=issue(tmp_path).ca_file)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 0.99 < share < 2


def test_a_query_given_up_is_cancelled(script: TrinoScript, server: FakeServer) -> None:
    script.instead["GET"] = Stall()
    assert failure(server.port, 0.3).error_class is ErrorClass.TIMEOUT
    assert server.wait_for("DELETE")[0].path == "/v1/statement/executing/q1/1"


def test_a_query_that_failed_is_not_cancelled(script: TrinoScript, server: FakeServer) -> None:
    script.error = {"errorName": "SYNTAX_ERROR", "errorCode": 1, "errorType": "USER_ERROR", "message": "no"}
    failure(server.port)
    assert server.wait_for("DELETE", limit=0.1) == []


def test_a_session_goes_on_after_a_failure(script: TrinoScript, server: FakeServer) -> None:
    with engine(server.port).connect() as session:
        script.instead["GET"] = Stall()
        with pytest.raises(EngineError):
            session.execute("SELECT 1", deadline=0.2)
        del script.instead["GET"]
        assert len(session.execute("SELECT 1", deadline=5).rows) == 2


def test_a_running_query_is_watched_and_cancelled(script: TrinoScript, server: FakeServer) -> None:
    script.instead["last"] = Stall()
    running = engine(server.port).start("SELECT 1", deadline=5)
    server.wait_for("GET")
    with pytest.raises(EngineError, match="still running"):
        running.wait(0.1)
    assert (running.state(), running.query_id) == ("RUNNING", "q1")
    running.cancel()
    assert len(server.wait_for("DELETE")) == 1


def test_tls_with_the_endpoints_authority(script: TrinoScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    certificates = issue(tmp_path)

    def secure(request: Request) -> Reply:
        reply = script(request)
        assert isinstance(reply, Reply)
        return Reply(reply.status, reply.headers, reply.body.replace(b"http://", b"https://"))

    with FakeServer(secure, certificates.server_pem) as server:
        trusting = engine(server.port, scheme="https", ca_file=certificates.ca_file, password=PASSWORD)
        with trusting.connect() as session:
            assert session.execute("SELECT 1", deadline=5).rows
        assert server.requests[0].headers["Authorization"].startswith("Basic ")


def test_tls_with_another_authority(script: TrinoScript, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with FakeServer(script, issue(tmp_path).server_pem) as server:
        error = failure(server.port, scheme="https", ca_file=issue(tmp_path / "other").ca_file)
    assert (error.error_class, error.name) == (ErrorClass.PROTOCOL, "SSLCertVerificationError")


def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"none\.pem cannot be used: No such file"):
        engine(1, scheme="https", ca_file=tmp_path / "none.pem").connect()


def test_a_password_does_not_cross_the_network_in_the_clear(server: FakeServer) -> None:
    with pytest.raises(EngineError, match="HTTPS only") as raised:
        engine(server.port, password=PASSWORD).connect()
    assert raised.value.error_class is ErrorClass.UNAUTHORIZED
    assert PASSWORD not in str(raised.value)
    assert server.requests == []


def test_an_echoed_password_is_masked(script: TrinoScript, tmp_path: Path) -> None:
    certificates = issue(tmp_path)
    script.instead["POST"] = Reply(401, body=f"{PASSWORD} is wrong".encode())
    with FakeServer(script, certificates.server_pem) as server:
        error = failure(server.port, scheme="https", ca_file=certificates.ca_file, password=PASSWORD)
    assert "is wrong" in str(error)
    assert PASSWORD not in str(error)


def info(starting: bool) -> Reply:
    return Reply(body=b'{"nodeVersion": {"version": "476"}, "starting": %s}' % str(starting).lower().encode())


def test_health_of_a_coordinator() -> None:
    with FakeServer(lambda r: info(starting=False) if r.path == "/v1/info" else Reply(body=b"3")) as server:
        health = engine(server.port).health()
    assert (health.live, health.starting, health.version, health.active_nodes) == (True, False, "476", 3)


def test_health_of_one_that_starts() -> None:
    with FakeServer(lambda _: info(starting=True)) as server:
        health = engine(server.port).health()
    assert (health.live, health.starting, health.active_nodes) == (True, True, None)


def test_health_without_the_node_count() -> None:
    with FakeServer(lambda r: info(starting=False) if r.path == "/v1/info" else Reply(404)) as server:
        assert engine(server.port).health().active_nodes is None


@pytest.mark.parametrize("act", [Stall(), Drip(), Reset(), Reply(body=b"hello"), Reply(503)])
def test_health_of_what_does_not_answer(act: Stall | Drip | Reset | Reply) -> None:
    with FakeServer(lambda _: act) as server:
        health = engine(server.port).health(timeout=0.3)
    assert not health.live
    assert health.detail


def test_the_probe_needs_no_catalog() -> None:
    assert "tpch" not in engine(1, catalogs=("tpch",)).probe.sql
