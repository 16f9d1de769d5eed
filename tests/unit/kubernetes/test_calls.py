"""Requests to an API server that refuses, forgets who we are, has another clock, or is not there."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from targets.kubernetes.calls import CallError, ClusterCalls
from targets.kubernetes.means import FIELD_MANAGER, ObjectRef
from targets.kubernetes.objects import Objects
from targets.kubernetes.rights import MissingRight
from tests.unit.kubernetes.served import connected, serving

PODS = "/api/v1/namespaces/a/pods"
RBAC = 'pods "p" is forbidden: User "runner" cannot patch resource "pods" in API group "" in the namespace "a"'
ADMISSION = 'pods "p" is forbidden: violates PodSecurity "restricted:latest"'


class Server(ThreadingHTTPServer):
    """Answers what it was told to; keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, str, str]] = []
        self.date = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length).decode()
        self.server.asked.append((self.command, self.path, self.headers.get("content-type", ""), body))
        status, answer = self.server.answers.get(self.path.partition("?")[0], (200, {"gitVersion": "v1.34.0"}))
        payload = json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("Date", self.server.date or self.date_time_string())
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def do_PATCH(self) -> None:
        self.do_GET()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with serving(server):
        yield server


@pytest.fixture
def calls(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterCalls]:
    with connected(server, tmp_path, monkeypatch) as cluster:
        yield ClusterCalls(cluster)


def test_a_merge_patch_goes_out_in_our_name(server: Server, calls: ClusterCalls) -> None:
    server.answers[f"{PODS}/p"] = (200, {"metadata": {"name": "p"}})
    found = Objects(calls).merge(ObjectRef("Pod", "p", "a"), {"spec": {"x": None}}, uid="u1")
    assert found == {"metadata": {"name": "p"}}
    method, where, content, body = server.asked[-1]
    assert (method, where) == ("PATCH", f"{PODS}/p?fieldManager={FIELD_MANAGER}")
    assert content == "application/merge-patch+json"
    assert json.loads(body) == {"spec": {"x": None}, "metadata": {"uid": "u1"}}


def test_a_refusal_is_repeated_neither_to_the_server_nor_in_many_lines(server: Server, calls: ClusterCalls) -> None:
    server.answers[PODS] = (403, {"message": "no\nway"})
    asked = len(server.asked)
    with pytest.raises(CallError) as caught:
        calls.call("GET", PODS)
    assert (str(caught.value), caught.value.status) == ("no way", 403)
    assert len(server.asked) == asked + 1


def test_a_missing_right_is_told_from_what_admission_forbids(server: Server, calls: ClusterCalls) -> None:
    ref = ObjectRef("Pod", "p", "a")
    server.answers[f"{PODS}/p"] = (403, {"message": RBAC})
    with pytest.raises(MissingRight, match=r'add to a Role in a of our account: .*verbs: \["patch"\]'):
        Objects(calls).merge(ref, {})
    server.answers[f"{PODS}/p"] = (403, {"message": ADMISSION})
    with pytest.raises(CallError, match=r"Pod/a/p: .*violates PodSecurity"):
        Objects(calls).merge(ref, {})


def test_credentials_that_expired_are_said(server: Server, calls: ClusterCalls) -> None:
    server.answers[PODS] = (401, {"message": "Unauthorized"})
    with pytest.raises(CallError, match="refuses our credentials") as caught:
        calls.call("GET", PODS)
    assert caught.value.status == 401


def test_the_clock_is_the_servers(server: Server, calls: ClusterCalls) -> None:
    server.date = "Thu, 01 Jan 2026 00:00:00 GMT"
    calls.call("GET", "/version")
    assert abs(calls.now() - datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)) < datetime.timedelta(minutes=1)


def test_a_server_that_went_away_is_one_line(server: Server, calls: ClusterCalls) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(CallError, match="does not answer") as caught:
        calls.call("GET", PODS)
    assert caught.value.status is None
    assert "\n" not in str(caught.value)
