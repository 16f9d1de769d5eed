from __future__ import annotations

import errno
import http.client
import socket
import ssl
import time
from pathlib import Path

import pytest
import urllib3.util.connection

from engines import Endpoint, EngineError, ErrorClass, Session, engine_class, shorten, transport_failure, within
from engines._deadline import http_session, remaining, tls_context
from targets.embedded.tls import issue
from tests.unit.engines.servers import FakeServer, Reply, closed_port

ENDPOINT = Endpoint(kind="x", host="h", port=1, user="me", password="correct horse")


def test_a_deadline_within_another_cannot_extend_it() -> None:
    with within(10), within(1000):
        assert remaining() <= 10
    with within(1000), within(10):
        assert remaining() <= 10


def test_nothing_is_left_after_the_deadline() -> None:
    with within(0), pytest.raises(TimeoutError):
        remaining()


def test_only_the_given_authority_is_trusted(tmp_path: Path) -> None:
    certificates = issue(tmp_path)
    context = tls_context(certificates.ca_file)
    with FakeServer(lambda _: Reply(), certificates.server_pem) as server, http_session(context) as http:
        assert http.get(f"https://127.0.0.1:{server.port}/").ok
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("kind", ["trino", "clickhouse"])
def test_a_refused_connection_is_not_tried_again(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = []
    create = urllib3.util.connection.create_connection

    def counting(*args: object, **kwargs: object) -> socket.socket:
        dialled.append(args)
        return create(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib3.util.connection, "create_connection", counting)
    with closed_port() as port, connect(kind, port) as session, pytest.raises(EngineError):
        session.execute("SELECT 1", deadline=5)
    assert len(dialled) == 1


def connect(kind: str, port: int) -> Session:
    return engine_class(kind)(Endpoint(kind=kind, host="127.0.0.1", port=port, user="me")).connect()


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        (TimeoutError("slow"), ErrorClass.TIMEOUT),
        (ConnectionRefusedError(), ErrorClass.REFUSED),
        (OSError(errno.EHOSTUNREACH, "no route"), ErrorClass.REFUSED),
        (socket.gaierror(-2, "unknown name"), ErrorClass.REFUSED),
        (ConnectionResetError(), ErrorClass.RESET),
        (BrokenPipeError(), ErrorClass.RESET),
        (http.client.RemoteDisconnected("gone"), ErrorClass.RESET),
        (http.client.IncompleteRead(b""), ErrorClass.RESET),
        (ssl.SSLEOFError(), ErrorClass.RESET),
        (ssl.SSLCertVerificationError(), ErrorClass.PROTOCOL),
        (http.client.BadStatusLine("?"), ErrorClass.PROTOCOL),
    ],
)
def test_the_deepest_cause_counts(error: Exception, error_class: ErrorClass) -> None:
    middle = RuntimeError("wrapped")
    middle.__cause__ = error
    outermost = ValueError(middle)
    assert transport_failure(outermost) == (error_class, error)


@pytest.mark.parametrize("error", [ValueError("bad JSON"), FileNotFoundError("cache"), KeyError("id")])
def test_what_is_not_the_connections_fault(error: Exception) -> None:
    assert transport_failure(error) is None


def test_an_error_that_is_its_own_cause() -> None:
    error = ValueError()
    error.args = (error,)
    assert transport_failure(error) is None


def test_messages_are_one_line_short_and_without_credentials() -> None:
    text = shorten("correct horse\n and bWU6Y29ycmVjdCBob3JzZQ== " + "x" * 5000, ENDPOINT)
    assert text.startswith("*** and *** x")
    assert "\n" not in text
    assert len(text) <= 400


def test_every_adapter_is_registered() -> None:
    assert engine_class("trino").title == "Trino"
    assert engine_class("clickhouse").title == "ClickHouse"
    with pytest.raises(KeyError):
        engine_class("presto")


@pytest.mark.parametrize("kind", ["trino", "clickhouse"])
def test_a_session_costs_no_request_and_little_time(kind: str) -> None:
    with closed_port() as port:
        engine = engine_class(kind)(Endpoint(kind=kind, host="127.0.0.1", port=port, user="me"))
        started = time.process_time()
        for _ in range(50):
            engine.connect().close()
        assert time.process_time() - started < 1


@pytest.mark.parametrize("kind", ["trino", "clickhouse"])
def test_a_probe_has_one_answer_and_fits_its_deadline(kind: str) -> None:
    probe = engine_class(kind)(Endpoint(kind=kind, host="127.0.0.1", port=1)).probe
    assert probe.expected
    assert probe.period <= {"trino": 0.5, "clickhouse": 0.05}[kind]
    assert probe.deadline > probe.period
