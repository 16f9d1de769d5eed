"""The whole program, the chart included, rendered to YAML by the real CLI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.e2e.pulumi_stack import ROOT, PulumiStack
from tests.stack.test_objects import KUBERNETES, rules, stack

pytestmark = pytest.mark.stack

SANDBOX = Path(os.environ.get("SANDBOX", ROOT.parent / "shared" / "sandbox"))
CONFIGURATIONS: dict[str, dict[str, object]] = {
    "default": {},
    "production": {**stack("production"), "preflight": False},
}
# Without their own file system, network or process ids these could not do what they are for.
PRIVILEGED = ("node-exporter",)


@pytest.fixture(scope="module")
def chart() -> Path:
    """A chart archive on this machine: rendering needs no network."""
    found = sorted((SANDBOX / "charts").glob("kube-prometheus-stack-*.tgz"))
    if not found:
        pytest.skip("no chart archive here")
    return found[0]


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def rendered(request: pytest.FixtureRequest, chart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """All objects, of the chart and ours."""
    if shutil.which("pulumi") is None:
        pytest.skip("the Pulumi CLI is not on the PATH")
    directory = tmp_path_factory.mktemp("rendered")
    (directory / "state").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_BACKEND_URL", f"file://{directory / 'state'}")
        patch.setenv("PULUMI_CONFIG_PASSPHRASE", "throwaway")
        patch.setenv("KUBECONFIG", str(directory / "none"))  # whatever cluster there is, rendering asks none
        settings = {
            **CONFIGURATIONS[request.param],
            "renderDirectory": str(directory / "yaml"),
            "monitoringChart": str(chart),
            "monitoringChartRepository": "",
        }
        made = PulumiStack("render", directory / "project", settings)
        made.create()
        made.must_up()
    files = sorted((directory / "yaml").rglob("*.yaml"))
    yield [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]
    shutil.rmtree(directory)  # secrets are in it in plain text


def test_the_chart_is_there(rendered: list[dict[str, Any]]) -> None:
    kinds = {one["kind"] for one in rendered}
    assert {"Prometheus", "Alertmanager", "DaemonSet", "PrometheusRule", "ServiceMonitor"} <= kinds
    assert len(rendered) > 100


def test_every_object_is_valid_for_kubernetes(rendered: list[dict[str, Any]]) -> None:
    for manifest in rendered:
        if "monitoring.coreos.com" not in manifest["apiVersion"]:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_every_object_keeps_to_the_rules_for_all(rendered: list[dict[str, Any]]) -> None:
    assert [line for manifest in rendered for line in rules.violations(manifest, rules.FOR_ALL)] == []


def test_ours_keep_to_all_rules(rendered: list[dict[str, Any]]) -> None:
    ours = [
        one for one in rendered if not {"release", "helm.sh/chart", "chart"} & set(one["metadata"].get("labels", {}))
    ]
    assert len(ours) > 30
    assert [line for manifest in ours for line in rules.violations(manifest)] == []


def test_pods_that_the_operator_makes_are_bounded_too(rendered: list[dict[str, Any]]) -> None:
    for manifest in rendered:
        if manifest["kind"] in {"Prometheus", "Alertmanager"}:
            resources = manifest["spec"]["resources"]
            assert {"cpu", "memory"} <= set(resources["limits"]) & set(resources["requests"])


def test_only_what_must_see_the_node_is_privileged(rendered: list[dict[str, Any]]) -> None:
    for manifest in rendered:
        spec = rules.pod_spec(manifest) or {}
        if any(spec.get(flag) for flag in ("hostNetwork", "hostPID", "hostIPC")):
            assert manifest["metadata"]["name"].endswith(PRIVILEGED)
