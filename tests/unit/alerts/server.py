"""A Prometheus, an Alertmanager and a Grafana in one small server that does what a test tells it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from targets.base import MonitoringAccess, MonitoringEndpoint
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine

NAMESPACE = "qer-one-trino"
CLICKHOUSE = "qer-one-clickhouse"
ENGINES = {"trino": NAMESPACE, "clickhouse": CLICKHOUSE}
OURS = {"part_of": "query-engine-reliability"}


def rule(name: str, hold: float = 0.0, *, interval: float = 1.0, health: str = "ok") -> dict[str, Any]:
    return {"interval": interval, "rules": [{"name": name, "duration": hold, "health": health}]}


@dataclass
class Monitoring:
    """What the parts say. ``spans``: when each alert was on, as (alert, state, start, end) by the server's clock.

    ``lines``: series of metrics, as (words of the query, labels, value at a moment by the server's clock).
    ``ahead``: seconds that its clock is ahead of ours. ``refused``: paths answered with 403. ``gone``: nobody answers.
    """

    url: str = ""
    ahead: float = 0.0
    groups: list[dict[str, Any]] = field(default_factory=list)
    spans: list[tuple[dict[str, str], str, float, float]] = field(default_factory=list)
    lines: list[tuple[str, dict[str, str], Callable[[float], float | None]]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    scrapes: list[dict[str, Any]] = field(default_factory=list)
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)
    posted: list[dict[str, Any]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    spoilt: dict[str, Any] = field(default_factory=dict)
    gone: bool = False
    requests: list[tuple[str, str]] = field(default_factory=list)

    def now(self) -> float:
        return time.time() + self.ahead

    def on(self, name: str, state: str, start: float, end: float, namespace: str = NAMESPACE, **labels: str) -> None:
        """An alert of the stack's rules; moments in seconds since now, by the server's clock."""
        now = self.now()
        found = {"alertname": name, "namespace": namespace, **OURS, **labels}
        self.spans.append((found, state, now + start, now + end))

    def endpoint(self, part: str) -> MonitoringEndpoint:
        return MonitoringEndpoint(part, self.url, "admin", "grafanas-own")

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        self.requests.append((method, path))
        if path in self.refused:
            return 403, {"message": "Permissions needed: annotations:create"}
        if path in self.spoilt:
            return 200, self.spoilt[path]
        if path.startswith("/api/v1/"):
            return 200, {"status": "success", "data": self._prometheus(path, query)}
        if path.startswith("/api/v2/"):
            return 200, self._alertmanager(method, path, body)
        return 200, self._grafana(method, path, body)

    def _prometheus(self, path: str, query: dict[str, str]) -> Any:
        now = self.now()
        if path == "/api/v1/alerts":
            on = [(labels, state) for labels, state, start, end in self.spans if start <= now < end]
            return {"alerts": [{"labels": labels, "state": state} for labels, state in on]}
        if path == "/api/v1/rules":
            return {"groups": self.groups}
        if path == "/api/v1/targets":
            return {"activeTargets": self.scrapes}
        if path == "/api/v1/query":
            return {"resultType": "scalar", "result": [now, f"{now:.3f}"]}
        if not query["query"].startswith("ALERTS"):
            self.queries.append(query)
            found = [(labels, value) for words, labels, value in self.lines if words in query["query"]]
            return {"result": [self._line(labels, value, query) for labels, value in found]}
        return {"result": [self._series(span, query) for span in self.spans]}

    @staticmethod
    def _line(labels: dict[str, str], value: Callable[[float], float | None], query: dict[str, str]) -> dict[str, Any]:
        first, last, step = (float(query[name]) for name in ("start", "end", "step"))
        points = [first + number * step for number in range(int((last - first) / step) + 1)]
        found = [[at, str(value(at))] for at in points if value(at) is not None]
        return {"metric": labels, "values": found}

    @staticmethod
    def _series(span: tuple[dict[str, str], str, float, float], query: dict[str, str]) -> dict[str, Any]:
        labels, state, start, end = span
        first, last, step = (float(query[name]) for name in ("start", "end", "step"))
        points = [first + number * step for number in range(int((last - first) / step) + 1)]
        values = [[at, "1"] for at in points if start <= at < end]
        return {"metric": {"__name__": "ALERTS", "alertstate": state, **labels}, "values": values}

    def _alertmanager(self, method: str, path: str, body: Any) -> Any:
        if path == "/api/v2/alerts":
            if method == "POST":
                self.posted += body
                return ""
            state = "suppressed" if self.silences else "active"
            now = self.now()
            return [
                {"labels": {**labels, "prometheus": "m/p"}, "status": {"state": state}}
                for labels, kind, start, end in self.spans
                if kind == "firing" and start <= now < end
            ]
        if path == "/api/v2/receivers":
            return [{"name": "null"}]
        if method == "POST":
            identity = body.get("id") or f"silence-{len(self.silences) + 1}"
            self.silences[identity] = {**body, "id": identity, "status": {"state": "active"}}
            return {"silenceID": identity}
        if method == "DELETE":
            self.silences[path.rpartition("/")[2]]["status"] = {"state": "expired"}
            return ""
        return list(self.silences.values())

    def _grafana(self, method: str, path: str, body: Any) -> Any:
        if method == "POST":
            identity = len(self.annotations) + 1
            self.annotations[identity] = body
            return {"id": identity, "message": "Annotation added"}
        identity = int(path.rpartition("/")[2])
        if method == "DELETE":
            del self.annotations[identity]
        else:
            self.annotations[identity] |= body
        return {"message": "done"}


@contextmanager
def serving() -> Iterator[Monitoring]:
    """Let it answer for as long as the context lasts."""
    made = Monitoring()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            text = self.rfile.read(length)
            if made.gone:
                self.close_connection = True
                return
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, found = made.answer(self.command, parts.path, query, json.loads(text) if text else None)
            body = found.encode() if isinstance(found, str) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - as http.server wants them

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class WatchedTarget(FakeTarget, MonitoringAccess):
    """A target with a scripted engine and monitoring."""

    def __init__(
        self,
        directory: Path,
        monitoring: Monitoring,
        parts: tuple[str, ...] = ("prometheus", "alertmanager", "grafana"),
    ) -> None:
        super().__init__(directory, [ScriptedEngine(Script())])
        (engine,) = self.outputs.engines
        both = tuple(engine.model_copy(update={"kind": kind, "namespace": where}) for kind, where in ENGINES.items())
        self.outputs = self.outputs.model_copy(update={"engines": both})
        self._monitoring, self._parts = monitoring, parts

    def monitoring_parts(self) -> list[MonitoringEndpoint]:
        return [self._monitoring.endpoint(part) for part in self._parts]
