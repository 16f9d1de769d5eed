"""The monitoring that the program makes: the chart's values, scrapes that are let through, rules, dashboards."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components.dashboards import queries
from components.rules import groups
from components.settings import Settings
from components.site import Site
from tests.stack.program import Registered, run
from tests.unit.monitoring.promql import metrics

SITE = Site("qer-test", Settings())


@pytest.fixture(scope="module")
def default() -> Registered:
    return run()


def test_monitoring_is_one_release_of_an_exact_version(default: Registered) -> None:
    (release,) = default.of_type("kubernetes:helm.sh/v3:Release").values()
    assert release["version"] == "88.5.3"
    values = release["values"]
    assert values["prometheusOperator"]["namespaces"]["additional"] == ["qer-test-trino", "qer-test-clickhouse"]
    assert values["prometheus"]["prometheusSpec"]["serviceMonitorSelectorNilUsesHelmValues"] is False
    assert values["grafana"]["admin"]["existingSecret"] == "grafana-credentials"
    assert "pw-" not in json.dumps(values)


@pytest.mark.parametrize("part", ["prometheus", "grafana", "alertmanager", "nodeExporter", "kubeStateMetrics"])
def test_each_part_of_monitoring_can_be_off(default: Registered, part: str) -> None:
    def values(registered: Registered) -> dict[str, Any]:
        (release,) = registered.of_type("kubernetes:helm.sh/v3:Release").values()
        found: dict[str, Any] = release["values"]
        return found

    assert values(default)[part]["enabled"] is True
    without = run(**{f"{part}Enabled": False})
    assert values(without)[part]["enabled"] is False
    assert len(without.outputs["outputs"]["monitoring"]) == len(default.outputs["outputs"]["monitoring"]) - 1


def test_configured_chart_values_win() -> None:
    registered = run(monitoringValues={"prometheus": {"prometheusSpec": {"retention": "1h"}}})
    (release,) = registered.of_type("kubernetes:helm.sh/v3:Release").values()
    spec = release["values"]["prometheus"]["prometheusSpec"]
    assert spec["retention"] == "1h"
    assert spec["scrapeInterval"] == "15s"


def test_an_air_gapped_chart_needs_no_repository() -> None:
    registered = run(monitoringChart="/charts/kps.tgz", monitoringChartRepository="")
    (release,) = registered.of_type("kubernetes:helm.sh/v3:Release").values()
    assert release["chart"] == "/charts/kps.tgz"
    assert "repositoryOpts" not in release


def test_monitors_are_made_where_an_operator_takes_them(default: Registered) -> None:
    assert default.one("ServiceMonitor", "trino")
    kinds = {one["kind"] for one in run(monitoringEnabled=False).manifests()}
    assert not kinds & {"ServiceMonitor", "PrometheusRule"}
    existing = run(monitoringEnabled=False, monitoringCrds="existing")
    assert existing.one("PrometheusRule", "query-engines")
    assert not existing.of_type("kubernetes:helm.sh/v3:Release")


def test_prometheus_may_reach_what_it_scrapes_with_the_credentials_it_needs(default: Registered) -> None:
    for name, engine, port in (
        ("trino", "trino", 8443),
        ("trino-workers", "trino", 8443),
        ("clickhouse",) * 2 + (9363,),
    ):
        monitor = default.one("ServiceMonitor", name)
        (endpoint,) = monitor["spec"]["endpoints"]
        services = [
            one
            for one in default.manifests()
            if one["kind"] == "Service"
            and one["metadata"]["namespace"] == monitor["metadata"]["namespace"]
            and monitor["spec"]["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
            and endpoint["port"] in {port["name"] for port in one["spec"]["ports"]}
        ]
        assert [one["metadata"]["name"] for one in services] == [name]
        (chosen,) = [one for one in services[0]["spec"]["ports"] if one["name"] == endpoint["port"]]
        assert chosen["port"] == port
        rules = default.one("NetworkPolicy", engine)["spec"]["ingress"]
        (ours,) = [rule for rule in rules if "qer-test-monitoring" in json.dumps(rule)]
        assert [one["port"] for one in ours["ports"]] == [port]
        assert ours["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}


@pytest.mark.parametrize("name", ["trino", "trino-workers"])
def test_trino_is_scraped_over_tls_as_a_user_of_its_own(default: Registered, name: str) -> None:
    (endpoint,) = default.one("ServiceMonitor", name)["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["path"]) == ("https", "/metrics")
    login = default.one("Secret", endpoint["basicAuth"]["password"]["name"])["stringData"]
    assert login[endpoint["basicAuth"]["username"]["key"]] == "metrics"
    assert endpoint["basicAuth"]["password"]["key"] in login
    authority = endpoint["tlsConfig"]["ca"]["secret"]
    assert authority["key"] in default.one("Secret", authority["name"])["stringData"]
    assert "insecureSkipVerify" not in endpoint["tlsConfig"]
    (kept,) = endpoint["metricRelabelings"]
    read = {m for group in groups(SITE) for rule in group.rules for m in metrics(rule.expression)}
    read |= {m for _, _, expression in queries(SITE) for m in metrics(expression)}
    assert all(re.fullmatch(kept["regex"], one) for one in read if one.startswith("trino_"))


def test_rules_are_the_stacks_own_and_can_be_off(default: Registered) -> None:
    spec = default.one("PrometheusRule", "query-engines")["spec"]
    assert "qer-test-trino" in json.dumps(spec)
    without = run(rulesEnabled=False)
    assert "PrometheusRule" not in {one["kind"] for one in without.manifests()}
    assert without.one("ServiceMonitor", "trino")


def shown(registered: Registered) -> dict[str, dict[str, Any]]:
    """Dashboards by the name of their ConfigMap."""
    maps = [one for one in registered.manifests() if one["kind"] == "ConfigMap"]
    return {one["metadata"]["name"]: one for one in maps if one["metadata"]["labels"].get("grafana_dashboard") == "1"}


def test_dashboards_lie_where_grafanas_sidecar_looks(default: Registered) -> None:
    found = shown(default)
    assert len(found) == 4
    (release,) = default.of_type("kubernetes:helm.sh/v3:Release").values()
    sidecar = release["values"]["grafana"]["sidecar"]["dashboards"]
    assert {one["metadata"]["namespace"] for one in found.values()} == {sidecar["searchNamespace"]}
    assert all(json.loads(text)["panels"] for one in found.values() for text in one["data"].values())


def test_dashboards_are_made_for_a_grafana_that_is_there() -> None:
    assert not shown(run(dashboardsEnabled=False))
    assert not shown(run(grafanaEnabled=False))
    assert not shown(run(monitoringEnabled=False))
    elsewhere = shown(run(monitoringEnabled=False, monitoringCrds="existing"))
    assert {one["metadata"]["namespace"] for one in elsewhere.values()} == {"qer-test-trino"}
