"""The Kubernetes target without a cluster: what is refused, and in which words."""

from __future__ import annotations

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
