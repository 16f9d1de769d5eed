"""What the way to an engine costs, and that a way that does not work costs the run nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engines import Endpoint
from targets.overhead import FEWEST_ROUNDS, measure_overhead
from tests.unit.fakes import Script, ScriptedEngine


class Counted(ThreadingHTTPServer):
    connections = 0
    paths: list[str]
    refusing = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Counted

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if self.server.refusing:
            self.server.refusing -= 1
            self.connection.close()
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Quiet."""


@contextmanager
def served() -> Iterator[tuple[Counted, ScriptedEngine]]:
    with Counted(("127.0.0.1", 0), Handler) as server:
        server.paths = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        engine = ScriptedEngine(Script())
        engine.endpoint = Endpoint("scripted", "127.0.0.1", server.server_address[1])
        try:
            yield server, engine
        finally:
            server.shutdown()


def test_each_round_has_a_connection_of_its_own_and_one_more_request() -> None:
    with served() as (server, engine):
        overhead = measure_overhead(engine, rounds=8)
        assert overhead is not None
        assert (overhead.engine, overhead.rounds) == ("scripted", 8)
        assert server.connections == 8
        assert server.paths == ["/"] * 16
        for spread in (overhead.connect, overhead.round_trip):
            assert 0 < spread.low <= spread.median <= spread.high <= spread.largest


def test_rounds_that_fail_are_left_out() -> None:
    with served() as (server, engine):
        server.refusing = 2
        overhead = measure_overhead(engine, rounds=FEWEST_ROUNDS + 2)
        assert overhead is not None
        assert overhead.rounds == FEWEST_ROUNDS


def test_an_engine_that_does_not_answer_has_no_figure() -> None:
    assert measure_overhead(ScriptedEngine(Script())) is None
