"""Every object that the program makes, in several configurations: Kubernetes 1.34's schemas and our own rules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.stack.program import run

ROOT = Path(__file__).parents[2]
KUBERNETES = "1.34"


def _load_rules() -> ModuleType:
    # The policy pack is a program of its own, with an environment of its own: not a package of this project.
    spec = importlib.util.spec_from_file_location("policy_rules", ROOT / "policy" / "rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["policy_rules"] = module
    spec.loader.exec_module(module)
    return module


rules = _load_rules()


def stack(name: str) -> dict[str, object]:
    config = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    return {key.split(":")[1]: value for key, value in config.items()}


CONFIGURATIONS: dict[str, dict[str, object]] = {
    "default": {},
    "dev": stack("dev"),
    "production": stack("production"),
    "first system's Trino": {"trinoVersion": 424, "trinoJvm": "throughput"},
    "existing everything": {
        "namespacesOwned": False,
        "monitoringEnabled": False,
        "monitoringCrds": "existing",
        "trinoTlsSecret": "mine",
        "clickhouseStorageOnDestroy": "keep",
    },
    "catalogs with secrets": {
        "trinoCatalogs": {
            "tpch": {"connector.name": "tpch"},
            "ch": {
                "connector.name": "clickhouse",
                "connection-url": "jdbc:clickhouse://clickhouse.x.svc:8123/",
                "connection-password": {"secret": "db", "key": "password"},
            },
        },
        "trinoEgress": ["10.0.0.0/8:5432"],
        "clientNamespaces": ["team"],
    },
    "faults": {"faultsNode": True, "faultsNetwork": True, "networkPolicies": False},
}


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    made = run(**CONFIGURATIONS[request.param]).manifests()
    assert len(made) > 20
    return made


def test_every_object_is_valid_for_kubernetes(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        if "monitoring.coreos.com" not in manifest["apiVersion"]:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_every_object_keeps_to_the_rules(manifests: list[dict[str, Any]]) -> None:
    found = [line for manifest in manifests for line in rules.violations(manifest)]
    assert found == []


def bad_deployment(**container: object) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "bad", "labels": {}},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x:1", **container}]}}},
    }


@pytest.mark.parametrize(
    ("manifest", "line"),
    [
        (bad_deployment(), "has_requests_and_limits: container c has no cpu in its requests"),
        (bad_deployment(), "has_probes: container c has no livenessProbe"),
        (bad_deployment(), "is_restricted: container c lacks readOnlyRootFilesystem"),
        (bad_deployment(securityContext={"privileged": True}), "is_restricted: container c is privileged"),
        (bad_deployment(), "has_labels: label app.kubernetes.io/name is missing"),
        (bad_deployment(), "leaves_lost_nodes_soon: stays on a node that is unreachable for five minutes"),
        (bad_deployment(image="x"), "has_pinned_images: image x does not name a version"),
        (bad_deployment(image="host:5000/x:latest"), "has_pinned_images: image host:5000/x:latest"),
        (bad_deployment(env=[{"name": "DB_PASSWORD", "value": "x"}]), "has_no_plain_environment: environment variable"),
        (
            {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "connection-password=hunter2"}},
            "has_no_plain_secret: a holds connection-password in the open",
        ),
        (
            {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "-----BEGIN EC PRIVATE KEY-----"}},
            "has_no_plain_secret: a holds a private key",
        ),
    ],
)
def test_each_rule_can_fail(manifest: dict[str, Any], line: str) -> None:
    found = [one.split(": ", 1)[1] for one in rules.violations(manifest)]
    assert [one for one in found if one.startswith(line)]
