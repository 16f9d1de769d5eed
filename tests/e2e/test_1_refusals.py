"""What cannot work is said in one line before anything is made; the same stack, repaired, then lives its life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.pulumi_stack import ROOT, PulumiStack, kubectl


@pytest.fixture
def settings(stack: PulumiStack) -> Iterator[dict[str, object]]:
    before = dict(stack.settings)
    yield stack.settings
    stack.settings.clear()
    stack.settings.update(before)


def assert_refused(stack: PulumiStack, line: str, **environment: str) -> None:
    done = stack.up(**environment)
    assert done.status != 0
    assert [one for one in done.text.splitlines() if line in one], done.text
    assert "Traceback" not in done.text
    # Nothing of it was made: not here, and not in the cluster.
    assert set(stack.resources()) <= {"pulumi:pulumi:Stack"}
    assert stack.prefix not in kubectl("get", "namespaces", "-o", "name")


def test_no_cluster(stack: PulumiStack, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"
        "contexts: [{name: gone, context: {cluster: gone, user: gone}}]\nusers: [{name: gone, user: {}}]\n"
        "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n"
    )
    assert_refused(stack, "cannot be reached", KUBECONFIG=str(config))


def test_no_kubeconfig(stack: PulumiStack, tmp_path: Path) -> None:
    assert_refused(stack, "cannot be reached", KUBECONFIG=str(tmp_path / "none"))


def test_wrong_context(stack: PulumiStack, settings: dict[str, object]) -> None:
    settings["kubeContext"] = "nowhere"
    assert_refused(stack, "the cluster of context nowhere cannot be reached")


def test_missing_definitions(stack: PulumiStack, settings: dict[str, object]) -> None:
    if "monitoring.coreos.com" in kubectl("get", "customresourcedefinitions", "-o", "name"):
        pytest.skip("this cluster has them")
    settings |= {"monitoringEnabled": False, "monitoringCrds": "existing"}
    assert_refused(stack, "no custom resource definition for PrometheusRule, ServiceMonitor")


def test_namespace_of_somebody_else(stack: PulumiStack, settings: dict[str, object]) -> None:
    settings["namespacePrefix"] = "occupied"
    kubectl("create", "namespace", "occupied-trino")
    try:
        assert_refused(stack, "namespace occupied-trino exists and is not this stack's")
    finally:
        kubectl("delete", "namespace", "occupied-trino")


def test_namespaces_that_should_exist(stack: PulumiStack, settings: dict[str, object]) -> None:
    settings["namespacesOwned"] = False
    assert_refused(stack, "does not exist, and namespacesOwned is false")


def test_no_storage_class(stack: PulumiStack, settings: dict[str, object]) -> None:
    settings["clickhouseStorageClass"] = "nvme"
    assert_refused(stack, "storage class nvme (clickhouseStorageClass) does not exist; there are ")


def test_too_little_memory(stack: PulumiStack, settings: dict[str, object]) -> None:
    settings |= {"clickhouseMemoryRequest": "900Gi", "clickhouseMemoryLimit": "900Gi"}
    assert_refused(stack, "no node takes clickhouse (921600 Mi")


def test_no_chart_repository(stack: PulumiStack, settings: dict[str, object]) -> None:
    settings["monitoringChartRepository"] = "http://127.0.0.1:1"
    assert_refused(stack, "the chart repository http://127.0.0.1:1 (monitoringChartRepository) cannot be reached")


def test_bad_setting(stack: PulumiStack, settings: dict[str, object]) -> None:
    settings["trinoWorkers"] = 0
    assert_refused(stack, "query-engine-reliability:trinoWorkers = '0': must be at least 1")


def test_the_production_example_previews(stack: PulumiStack, settings: dict[str, object]) -> None:
    example = yaml.safe_load((ROOT / "Pulumi.production.yaml").read_text())["config"]
    # This cluster has neither that room nor that storage class.
    settings |= {key.split(":")[1]: value for key, value in example.items()} | {"preflight": False}
    changes = stack.changes()
    assert f"create kubernetes:autoscaling/v2:HorizontalPodAutoscaler {stack.prefix}-trino-workers" in changes
