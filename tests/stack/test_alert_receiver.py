"""The way of test alerts: a route in Alertmanager that leads to a Service, and to it alone."""

from __future__ import annotations

from typing import Any

import pytest

from components.alert_receiver import with_test_route
from components.settings import Settings
from components.site import Site
from targets.contract import RECEIVER, RECEIVER_PORT, TEST_ALERT
from targets.kubernetes.means import STACK_LABEL
from targets.kubernetes.receiver import manifest
from tests.stack.program import run
from tests.unit.kubernetes.api import OUTPUTS


def config(**alertmanager: Any) -> Any:
    values = with_test_route({"alertmanager": {"enabled": True, **alertmanager}}, Site("qer-x", Settings()))
    return values["alertmanager"]


def test_a_test_alert_goes_to_the_service_at_once_and_everything_else_nowhere() -> None:
    found = config()["config"]
    first = found["route"]["routes"][0]
    assert (first["receiver"], first["matchers"]) == (RECEIVER, [f'alertname="{TEST_ALERT}"'])
    assert (first["group_wait"], first["group_by"]) == ("0s", ["..."])
    assert found["route"]["receiver"] == "null"
    (null, ours) = found["receivers"]
    assert null == {"name": "null"}
    (webhook,) = ours["webhook_configs"]
    assert webhook["url"] == f"http://{RECEIVER}.qer-x-runner.svc:{RECEIVER_PORT}/"


def test_every_route_leads_to_a_receiver_that_is_there() -> None:
    found = config()["config"]
    names = {one["name"] for one in found["receivers"]}
    assert {found["route"]["receiver"], *(one["receiver"] for one in found["route"]["routes"])} <= names


def test_somebodys_own_configuration_is_left_alone() -> None:
    mine = {"route": {"receiver": "pager"}, "receivers": [{"name": "pager"}]}
    assert config(config=mine)["config"] == mine


def test_the_service_selects_the_pod_that_a_runner_starts() -> None:
    registered = run()
    service = registered.one("Service", RECEIVER)
    stack = service["metadata"]["labels"][STACK_LABEL]
    pod = manifest(OUTPUTS, "x", "marker")["metadata"]["labels"] | {STACK_LABEL: stack}
    assert service["spec"]["selector"].items() <= pod.items()
    assert service["metadata"]["namespace"].endswith("-runner")


def test_without_monitoring_there_is_none() -> None:
    registered = run(monitoringEnabled=False)
    with pytest.raises(AssertionError):
        registered.one("Service", RECEIVER)
