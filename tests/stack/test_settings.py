"""Every setting is declared once more in Pulumi.yaml, and a bad value is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from components.loader import BadSetting, load
from components.settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = "query-engine-reliability"


def declared() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    return config


def stack_file(name: str) -> dict[str, str]:
    config = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    return {key: str(value) if not isinstance(value, bool) else str(value).lower() for key, value in config.items()}


def settings(**raw: str) -> Settings:
    return load(PROJECT, {f"{PROJECT}:{key}": value for key, value in raw.items()})


def test_the_project_declares_every_setting_and_no_other() -> None:
    assert set(declared()) == {field.alias for field in Settings.model_fields.values()}


@pytest.mark.parametrize("key", sorted(declared()))
def test_the_declared_default_is_the_loaders(key: str) -> None:
    loaded = Settings().model_dump(by_alias=True, mode="json")
    assert declared()[key]["default"] == loaded[key]


@pytest.mark.parametrize("key", sorted(declared()))
def test_the_declared_type_is_the_loaders(key: str) -> None:
    types = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    value = Settings().model_dump(by_alias=True, mode="json")[key]
    assert type(value) is types[declared()[key]["type"]]
    assert declared()[key]["description"]


@pytest.mark.parametrize("name", ["dev", "production"])
def test_the_stack_files_load(name: str) -> None:
    assert isinstance(load(PROJECT, stack_file(name)), BaseModel)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"trinoWorkers": "0"}, "trinoWorkers = '0': must be at least 1"),
        ({"trinoWorkers": "many"}, "trinoWorkers = 'many': must be a whole number"),
        ({"trinoWorker": "3"}, "trinoWorker: there is no such setting; did you mean trinoWorkers?"),
        ({"trinoVersion": "368"}, "trinoVersion = '368': must be at least 424"),
        ({"trinoTag": "latest"}, "trinoTag = 'latest': must name a version"),
        ({"trinoJvm": "slow"}, "trinoJvm = 'slow': must be 'auto', 'fast-start' or 'throughput'"),
        ({"trinoUser": "shutdown"}, "trinoUser = 'shutdown': must not be one of"),
        ({"trinoWorkerMemoryLimit": "512Mi"}, "must be at least 1Gi"),
        ({"trinoWorkerMemoryRequest": "5Gi"}, "trinoWorkerMemoryRequest = 5Gi: must not be above the limit, 1Gi"),
        ({"trinoCoordinatorCpuRequest": "lots"}, "trinoCoordinatorCpuRequest = 'lots': must be an amount of CPU"),
        ({"trinoCatalogs": "{}"}, "trinoCatalogs: "),
        ({"trinoCatalogs": '{"pg": {"connection-url": "x"}}'}, "catalog pg needs connector.name"),
        (
            {"trinoCatalogs": '{"pg": {"connector.name": "postgresql", "connection-password": "hunter2"}}'},
            "pg.connection-password must be {secret: NAME, key: KEY}",
        ),
        ({"trinoEgress": '["10.0.0.0/8"]'}, "trinoEgress.0 = '10.0.0.0/8': must match"),
        ({"trinoMinWorkers": "9"}, "trinoMinWorkers = 9: must not be above trinoMaxWorkers"),
        ({"trinoNodePort": "8443"}, "trinoNodePort = '8443': must be 0 (none) or from 30000 to 32767"),
        ({"trinoNodePort": "30443"}, "trinoNodePort leads nowhere while networkPolicies keep everybody out"),
        ({"trinoNodePort": "30443", "clickhouseNodePort": "30443"}, "clickhouseNodePort = 30443: must not be trino"),
        ({"clientCidrs": '["10.0.0.1/8"]'}, "must be a network like 10.0.0.0/8"),
        ({"clickhouseVersion": "latest"}, "clickhouseVersion = 'latest': must match"),
        ({"clickhouseStorageSize": "large"}, "clickhouseStorageSize = 'large': "),
        ({"clickhouseStorageOnDestroy": "keep"}, "set namespacesOwned to false"),
        ({"clickhouseExistingClaim": "mine"}, "set namespacesOwned to false"),
        ({"namespacePrefix": "Prod"}, "namespacePrefix = 'Prod': must match"),
        ({"faultsNode": "perhaps"}, "faultsNode = 'perhaps': must be true or false"),
        ({"faultsImage": "nicolaka/netshoot"}, "faultsImage = 'nicolaka/netshoot': must name a tag or a digest"),
        ({"faultsImage": "registry:5000/netshoot:latest"}, "must name a version, not latest"),
        ({"monitoringChartVersion": "88"}, "monitoringChartVersion = '88': must match"),
        ({"monitoringValues": "{"}, "monitoringValues: is not JSON"),
        ({"availabilityObjective": "100"}, "availabilityObjective = '100': must match"),
        ({"availabilityObjective": "0.999"}, "availabilityObjective = '0.999': must match"),
        ({"runbookUrl": "https://wiki.example/x#y"}, "runbookUrl = 'https://wiki.example/x#y': must match"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_key(raw: dict[str, str], message: str) -> None:
    with pytest.raises(BadSetting) as caught:
        settings(**raw)
    line = str(caught.value)
    assert line.startswith(f"{PROJECT}:")
    assert message in line
    assert "\n" not in line
    assert "hunter2" not in line


def test_settings_of_other_namespaces_are_left_alone() -> None:
    assert load(PROJECT, {"kubernetes:context": "x"}) == Settings()
