"""The Kubernetes target without a cluster: what is refused, and in which words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runner.targets import open_target
from targets.base import BadOutputs, TargetError
from targets.contract import Outputs
from targets.kubernetes import KubernetesTarget
from tests.unit.kubernetes.test_monitoring_checks import OUTPUTS

UNREACHABLE = (
    "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"
    "contexts: [{name: gone, context: {cluster: gone, user: gone}}]\nusers: [{name: gone, user: {}}]\n"
    "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n"
)


def test_a_document_of_a_stack_makes_a_kubernetes_target(tmp_path: Path) -> None:
    document = tmp_path / "outputs.json"
    document.write_text(OUTPUTS.to_json())
    assert isinstance(open_target(str(document), engines=None), KubernetesTarget)


def test_an_engine_that_is_not_in_the_document_is_refused() -> None:
    with pytest.raises(BadOutputs, match="has no engine clickhouse; it has trino"):
        KubernetesTarget(OUTPUTS, ("clickhouse",))


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(UNREACHABLE)
    monkeypatch.setenv("KUBECONFIG", str(config))
    with pytest.raises(TargetError) as caught, KubernetesTarget(OUTPUTS):
        pytest.fail("it opened")
    assert "cannot be reached" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_context_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(UNREACHABLE)
    monkeypatch.setenv("KUBECONFIG", str(config))
    outputs = Outputs.model_validate({**OUTPUTS.model_dump(), "kube_context": "nowhere"})
    with pytest.raises(TargetError, match="context nowhere cannot be reached"), KubernetesTarget(outputs):
        pytest.fail("it opened")


def test_closing_a_target_that_was_never_open_is_harmless() -> None:
    target = KubernetesTarget(OUTPUTS)
    target.close()
    target.close()


@contextmanager
def api_server(status: int, body: dict[str, object]) -> Iterator[str]:
    """An API server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, user: str = "{token: t}") -> str:
    """What opening a target says with such a kubeconfig."""
    config = tmp_path / "kubeconfig"
    config.write_text(UNREACHABLE.replace("https://127.0.0.1:1", server).replace("user: {}", f"user: {user}"))
    monkeypatch.setenv("KUBECONFIG", str(config))
    with pytest.raises(TargetError) as caught, KubernetesTarget(OUTPUTS):
        pytest.fail("it opened")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_expired_credentials_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with api_server(401, {"kind": "Status", "code": 401, "message": "Unauthorized"}) as url:
        said = refusal(tmp_path, monkeypatch, url)
    assert "refuses our credentials (Unauthorized): expired, or of another cluster; renew them" in said


def test_credentials_without_rights_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with api_server(403, {"kind": "Status", "code": 403, "message": "forbidden: no"}) as url:
        assert "does not let us in (forbidden: no)" in refusal(tmp_path, monkeypatch, url)


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (
            "{client-certificate: /none/c.crt, client-key: /none/c.key}",
            "cannot be used (its certificate or key file: no such",
        ),
        (
            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, 'echo gone >&2; exit 1']}}",
            "exited with non-zero code 1: gone); correct KUBECONFIG, or log in again",
        ),
        ("{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-command}}", "no such file"),
    ],
)
def test_credentials_that_cannot_be_read_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str, told: str
) -> None:
    assert told in refusal(tmp_path, monkeypatch, "https://127.0.0.1:1", user)


def test_a_kubeconfig_that_is_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\n" not in refusal(tmp_path, monkeypatch, "https://127.0.0.1:1", "}{")
