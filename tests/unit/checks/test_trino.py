from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines import Endpoint
from engines.trino import TrinoEngine
from runner.checks import catalogue, run_check
from runner.results import CheckResult, Verdict
from tests.unit.engines.servers import Act, FakeServer, Reply, Request, Reset
from tests.unit.fakes import FakeTarget


def run(tmp_path: Path, name: str, server: FakeServer, version: str = "476") -> CheckResult:
    engine = TrinoEngine(Endpoint(kind="trino", host="127.0.0.1", port=server.port, user="me", catalogs=("tpch",)))
    target = FakeTarget(tmp_path, [engine])
    outputs = target.outputs.engines[0].model_copy(update={"version": version})
    target.outputs = target.outputs.model_copy(update={"engines": (outputs,)})
    (entry,) = [entry for entry in catalogue("trino") if entry.name == name]
    return run_check(target, "trino", entry)


def info(**changes: object) -> Reply:
    told = {"nodeVersion": {"version": "476"}, "coordinator": True, "starting": False, **changes}
    return Reply(body=json.dumps(told).encode())


def test_info_passes(tmp_path: Path) -> None:
    with FakeServer(lambda _: info()) as server:
        assert run(tmp_path, "info", server).status is Verdict.PASS


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (info(starting=True), "still starting"),
        (info(coordinator=False), "no coordinator"),
        (info(nodeVersion={"version": "424"}), "version 424, the outputs document says 476"),
        (Reply(body=b"<html>"), "no answer over HTTP: JSONDecodeError"),
        (Reply(body=b"{}"), "not of the form expected"),
        (Reset(), "no answer over HTTP: ConnectionError"),
    ],
)
def test_info_fails(tmp_path: Path, act: Act, reason: str) -> None:
    with FakeServer(lambda _: act) as server:
        result = run(tmp_path, "info", server)
    assert result.status is Verdict.FAIL
    assert reason in result.reason
    assert result.evidence


def page(request: Request, state: str, following: str | None, **parts: object) -> Reply:
    following = following and f"http://{request.headers['Host']}{following}"
    body = {"id": "q1", "stats": {"state": state}, **({"nextUri": following} if following else {}), **parts}
    return Reply(body=json.dumps(body).encode())


class Statement:
    """Three pages, as told."""

    def __init__(self, data: object = None, last: str = "FINISHED", following: str = "/v1/next") -> None:
        self.data = [[325]] if data is None else data
        self.last = last
        self.following = following

    def __call__(self, request: Request) -> Reply:
        if request.method == "POST":
            return page(request, "QUEUED", self.following)
        if request.path == "/v1/next":
            return page(request, "RUNNING", "/v1/last", data=self.data)
        return page(request, self.last, None)


def test_statement_protocol_passes(tmp_path: Path) -> None:
    with FakeServer(Statement()) as server:
        result = run(tmp_path, "statement_protocol", server)
        assert [request.method for request in server.requests] == ["POST", "GET", "GET"]
    assert result.status is Verdict.PASS
    assert "data [[325]]" in result.evidence[1].received


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (Statement(data=[[24]]), "gave [(24,)]"),
        (Statement(last="FAILED"), "the last state was FAILED"),
        (Statement(following="/v1/next?again"), "no end after"),
    ],
)
def test_statement_protocol_fails(tmp_path: Path, statement: Statement, reason: str) -> None:
    def loops(request: Request) -> Reply:
        if request.path == "/v1/next?again":
            return page(request, "RUNNING", "/v1/next?again")
        return statement(request)

    with FakeServer(loops) as server:
        result = run(tmp_path, "statement_protocol", server)
    assert result.status is Verdict.FAIL
    assert reason in result.reason


def test_a_statement_that_leads_to_another_server(tmp_path: Path) -> None:
    def elsewhere(request: Request) -> Reply:
        body = {"id": "q1", "stats": {"state": "QUEUED"}, "nextUri": "http://127.0.0.1:1/v1/next"}
        return Reply(body=json.dumps(body).encode()) if request.method == "POST" else Reply(404)

    with FakeServer(elsewhere) as server:
        result = run(tmp_path, "statement_protocol", server)
    assert "leads elsewhere" in result.reason


@pytest.mark.parametrize("name", ["syntax_error", "unknown_table", "type_mismatch"])
def test_an_error_of_another_name_fails(tmp_path: Path, name: str) -> None:
    error = {"errorName": "GENERIC_INTERNAL_ERROR", "errorCode": 65536, "errorType": "INTERNAL_ERROR", "message": "?"}
    with FakeServer(lambda r: page(r, "FAILED", None, error=error, infoUri="")) as server:
        result = run(tmp_path, name, server)
    assert result.status is Verdict.FAIL
    assert "refused as engine: GENERIC_INTERNAL_ERROR 65536: ?" in result.reason


def test_an_error_that_does_not_come_fails(tmp_path: Path) -> None:
    with FakeServer(lambda r: page(r, "FINISHED", None, infoUri="")) as server:
        result = run(tmp_path, "syntax_error", server)
    assert result.status is Verdict.FAIL
    assert "was answered" in result.reason
