"""The checks of monitoring, against a Prometheus, an Alertmanager and a Grafana that follow a script."""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runner.checks import monitoring
from runner.results import CheckResult, Verdict
from targets.base import MonitoringEndpoint
from targets.contract import Outputs

OUTPUTS = Outputs.model_validate(
    {
        "target": "kubernetes",
        "stack": "qer-test",
        "engines": [
            {
                "kind": "trino",
                "title": "Trino",
                "version": "476",
                "namespace": "trino-ns",
                "service": "trino",
                "port": 8443,
                "scheme": "https",
                "user": "qer",
                "workloads": [
                    {"role": "coordinator", "kind": "Deployment", "name": "c", "replicas": 1},
                    {"role": "worker", "kind": "Deployment", "name": "w", "replicas": 1},
                ],
            }
        ],
        "monitoring": [
            {"part": part, "namespace": "monitoring-ns", "service": f"m-{part}", "port": 9090}
            for part in ("prometheus", "alertmanager", "grafana", "kube-state-metrics", "node-exporter")
        ],
    }
)
PASSWORD = "grafanas-own"


def target(health: str) -> dict[str, Any]:
    return {"labels": {"namespace": "trino-ns", "job": "trino"}, "health": health, "lastError": ""}


def own(part: str, health: str = "up") -> dict[str, Any]:
    labels = {"namespace": "monitoring-ns", "job": part, "service": f"m-{part}"}
    return {"labels": labels, "health": health, "lastError": "" if health == "up" else "connection refused"}


EXPORTERS = [own("kube-state-metrics"), own("node-exporter")]


def sample(value: str, **metric: str) -> dict[str, Any]:
    return {"data": {"result": [{"metric": metric, "value": [0, value]}]}}


HEALTHY: dict[str, Any] = {
    "/api/v1/targets": {"data": {"activeTargets": [target("up"), target("up"), *EXPORTERS]}},
    "/api/v1/rules": {
        "data": {
            "groups": [
                {"rules": [{"name": "Down", "query": 'absent(up{namespace="trino-ns"} == 1)', "health": "ok"}]},
            ]
        }
    },
    "/api/v1/query": sample("2", namespace="trino-ns"),
    "/api/v1/alertmanagers": {"data": {"activeAlertmanagers": [{"url": "http://a/api/v2/alerts"}]}},
    "/-/ready": "OK",
    "/-/healthy": "OK",
    "/api/v2/receivers": [{"name": "null"}],
    "/metrics": 'kube_pod_info{namespace="trino-ns",pod="a"} 1\nnode_memory_MemAvailable_bytes 7e+09\n',
    "/api/health": {"database": "ok"},
    "/api/datasources": [{"type": "prometheus"}],
}


@dataclass
class Scripted:
    """One server that plays all parts; a path that is not in the script is a 503."""

    script: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(HEALTHY))
    url: str = ""

    def run(self, name: str) -> CheckResult:
        named = ("prometheus", "alertmanager", "kube-state-metrics", "node-exporter")
        parts = {part: MonitoringEndpoint(part, self.url) for part in named}
        parts["grafana"] = MonitoringEndpoint("grafana", self.url, "admin", PASSWORD)
        entry = next(one for one in monitoring.catalogue() if one.name == name)
        return monitoring.run(entry, monitoring.Monitoring(OUTPUTS, parts), settle_seconds=0)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    made = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
            refused = path == "/api/datasources" and self.headers.get("Authorization") != f"Basic {login}"
            answer = made.script.get(path)
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(401 if refused else 503 if answer is None else 200)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


NAMES = (
    "engines_scraped",
    "rules_loaded",
    "samples_kept",
    "alertmanager_connected",
    "grafana_ready",
    "prometheus_healthy",
    "alertmanager_healthy",
    "kube_state_metrics_healthy",
    "node_exporter_healthy",
    "parts_scraped",
    "every_node_measured",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_healthy_monitoring_passes(scripted: Scripted, name: str) -> None:
    result = scripted.run(name)
    assert (result.status, result.reason) == (Verdict.PASS, "")
    assert result.evidence
    assert PASSWORD not in result.model_dump_json()


@pytest.mark.parametrize(
    ("name", "path", "answer", "reason"),
    [
        ("engines_scraped", "/api/v1/targets", {"data": {"activeTargets": [target("up")]}}, "1 of 2 targets are up"),
        (
            "engines_scraped",
            "/api/v1/targets",
            {"data": {"activeTargets": [target("up"), target("down")]}},
            "1 of 2 targets are up",
        ),
        ("rules_loaded", "/api/v1/rules", {"data": {"groups": []}}, "no alerting rule is about trino-ns"),
        (
            "rules_loaded",
            "/api/v1/rules",
            {"data": {"groups": [{"rules": [{"name": "Bad", "query": "trino-ns", "health": "err"}]}]}},
            "rules that fail: Bad",
        ),
        ("samples_kept", "/api/v1/query", {"data": {"result": []}}, "gave nothing"),
        ("samples_kept", "/api/v1/query", sample("0"), "gave nothing"),
        ("alertmanager_connected", "/api/v1/alertmanagers", {"data": {"activeAlertmanagers": []}}, "no Alertmanager"),
        ("alertmanager_connected", "/-/ready", None, "no answer over HTTP"),
        ("grafana_ready", "/api/health", {"database": "failing"}, "database: failing"),
        ("grafana_ready", "/api/datasources", [{"type": "loki"}], "no Prometheus data source"),
        ("engines_scraped", "/api/v1/targets", {"data": {}}, "not of the form expected"),
        ("prometheus_healthy", "/-/healthy", None, "no answer over HTTP"),
        (
            "prometheus_healthy",
            "/api/v1/rules",
            {"data": {"groups": [{"rules": [{"name": "Bad", "health": "err", "lastError": "many-to-many"}]}]}},
            "1 of 1 rules fail: Bad: many-to-many",
        ),
        ("alertmanager_healthy", "/-/healthy", None, "no answer over HTTP"),
        ("alertmanager_healthy", "/api/v2/receivers", [], "no receiver"),
        ("kube_state_metrics_healthy", "/metrics", 'kube_pod_info{namespace="other"} 1', "no pod of trino-ns"),
        ("node_exporter_healthy", "/metrics", "go_info 1", "no memory of its node"),
        ("parts_scraped", "/api/v1/targets", {"data": {"activeTargets": EXPORTERS[:1]}}, "not scraped: node-exporter"),
        (
            "parts_scraped",
            "/api/v1/targets",
            {"data": {"activeTargets": [*EXPORTERS, own("grafana", "down")]}},
            "1 of 3 targets are not up: grafana connection refused",
        ),
        ("every_node_measured", "/api/v1/query", {"data": {"result": []}}, "0 of 0 nodes"),
    ],
)
def test_what_is_wrong_is_said(scripted: Scripted, name: str, path: str, answer: object, reason: str) -> None:
    scripted.script[path] = answer
    result = scripted.run(name)
    assert result.status is Verdict.FAIL
    assert reason in result.reason


def test_a_wrong_password_of_grafana_fails(scripted: Scripted) -> None:
    parts = {"grafana": MonitoringEndpoint("grafana", scripted.url, "admin", "wrong")}
    entry = next(one for one in monitoring.catalogue() if one.name == "grafana_ready")
    result = monitoring.run(entry, monitoring.Monitoring(OUTPUTS, parts), settle_seconds=0)
    assert result.status is Verdict.FAIL


def test_a_check_is_repeated_until_it_passes(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "POLL_SECONDS", 0.01)
    scripted.script["/api/v1/alertmanagers"] = {"data": {"activeAlertmanagers": []}}
    timer = threading.Timer(0.1, scripted.script.update, [HEALTHY])
    timer.start()
    parts = {part: MonitoringEndpoint(part, scripted.url) for part in ("prometheus", "alertmanager")}
    entry = next(one for one in monitoring.catalogue() if one.name == "alertmanager_connected")
    result = monitoring.run(entry, monitoring.Monitoring(OUTPUTS, parts), settle_seconds=30)
    timer.join()
    assert result.status is Verdict.PASS
