"""The watch over HTTP, against a server that streams, refuses and breaks off."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from targets.base import MeansError
from targets.kubernetes.calls import CallError, NoAnswer
from targets.kubernetes.cluster import Cluster
from targets.kubernetes.rights import MissingRight
from targets.kubernetes.watch import ClusterSource, Event, Objects
from tests.unit.kubernetes.served import connected, serving

SLICES = Objects("EndpointSlice", "a", {"kubernetes.io/service-name": "s"})
EVENT = {"type": "ADDED", "object": {"metadata": {"uid": "u", "resourceVersion": "8"}}}


class Server(ThreadingHTTPServer):
    """A list, and a watch of given lines; ``whole`` says whether the answer is properly ended."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.lines, self.whole = 200, [json.dumps(EVENT)], True
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if "watch=true" in self.path and self.server.status == 200:
            self._stream()
        elif "endpointslices" in self.path and self.server.status != 200:
            self._answer(self.server.status, {"message": "no"})
        elif "endpointslices" in self.path:
            self._answer(200, {"metadata": {"resourceVersion": "7"}, "items": []})
        else:
            self._answer(200, {"gitVersion": "v1.34.0"})

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        payload = json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self) -> None:
        self.send_response_only(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for line in self.server.lines:
            data = line.encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if self.server.whole:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with serving(server):
        yield server


@pytest.fixture
def cluster(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with connected(server, tmp_path, monkeypatch) as cluster:
        yield cluster


def events(cluster: Cluster, seen: list[Event]) -> None:
    """Everything that one watch has to tell."""
    source = ClusterSource(cluster)

    async def collect() -> None:
        async with contextlib.aclosing(source.events(SLICES, "7")) as found:
            async for event in found:
                seen.append(event)  # noqa: PERF401 - what was seen before an error counts

    cluster.run(collect())


def test_a_list_names_the_version_to_watch_from(server: Server, cluster: Cluster) -> None:
    assert cluster.run(ClusterSource(cluster).list(SLICES)) == ([], "7")
    assert server.asked[-1] == (
        "/apis/discovery.k8s.io/v1/namespaces/a/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Ds"
    )


def test_a_watch_that_the_server_ends_is_no_error(server: Server, cluster: Cluster) -> None:
    seen: list[Event] = []
    events(cluster, seen)
    assert seen == [("ADDED", EVENT["object"])]
    for part in ("watch=true", "resourceVersion=7", "timeoutSeconds=", "allowWatchBookmarks=true", "labelSelector="):
        assert part in server.asked[-1]


@pytest.mark.parametrize("lines", [[json.dumps(EVENT)], [json.dumps(EVENT), '{"type": "ADD']])
def test_a_watch_that_breaks_off_is_an_error_after_what_it_told(
    server: Server, cluster: Cluster, lines: list[str]
) -> None:
    server.lines, server.whole = lines, False
    seen: list[Event] = []
    with pytest.raises(NoAnswer, match="does not answer"):
        events(cluster, seen)
    assert [kind for kind, _ in seen] == ["ADDED"]


@pytest.mark.parametrize(("status", "error"), [(410, CallError), (500, CallError), (403, MissingRight)])
def test_a_refusal_has_its_status(server: Server, cluster: Cluster, status: int, error: type[MeansError]) -> None:
    server.status = status
    with pytest.raises(error) as caught:
        events(cluster, [])
    assert getattr(caught.value, "status", 403) == status
    with pytest.raises(error):
        cluster.run(ClusterSource(cluster).list(SLICES))


def test_a_server_that_is_gone_is_one_line(server: Server, cluster: Cluster) -> None:
    server.shutdown()
    server.server_close()
    source = ClusterSource(cluster)
    cluster.run(cluster.api._session.aclose())  # type: ignore[union-attr]
    for attempt in (lambda: events(cluster, []), lambda: cluster.run(source.list(SLICES))):
        with pytest.raises(NoAnswer, match="does not answer") as caught:
            attempt()
        assert "\n" not in str(caught.value)
