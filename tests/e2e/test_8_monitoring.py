"""The monitoring of a real stack: targets up, rules loaded, every panel with data, an alert that fires and resolves."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from components.dashboards import queries
from components.rules import Alert, groups
from components.settings import Settings
from components.site import Site
from targets.base import MonitoringAccess
from targets.contract import Outputs
from targets.kubernetes import KubernetesTarget
from targets.kubernetes.target import KubernetesTarget as Target
from tests.e2e.clean import all_ready
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import PulumiStack, kubectl

READY_SECONDS = 300
SEEN_SECONDS = 180  # a release that is Ready has not found its targets yet, and rates want two scrapes
FIRING_SECONDS = 150
ROUNDS = 30
CREATE = "CREATE TABLE IF NOT EXISTS qer.watched (id UInt32) ENGINE = MergeTree ORDER BY id"
INSERT = "INSERT INTO qer.watched SELECT number FROM numbers(100)"


def measured(what: str, figure: object) -> None:
    """Print a figure, for the record."""
    sys.stderr.write(f"\nmeasured: {what}: {figure}\n")


@pytest.fixture(scope="module")
def stack(new_stack: Callable[[str], PulumiStack]) -> PulumiStack:
    """A stack with its monitoring, up."""
    made = new_stack("watched")
    made.must_up()
    eventually(lambda: all_ready(made), READY_SECONDS, "the engines' pods Ready")
    return made


@pytest.fixture(scope="module")
def site(stack: PulumiStack) -> Site:
    """The stack as its program sees it."""
    return Site(stack.prefix, Settings.model_validate(stack.settings))


@pytest.fixture(scope="module")
def target(stack: PulumiStack) -> Iterator[Target]:
    """The runner's way to the stack."""
    with KubernetesTarget(Outputs.model_validate(stack.outputs())) as opened:
        yield opened


class Prometheus:
    """The stack's Prometheus, asked through the runner's transport."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def ask(self, path: str, **query: str) -> Any:
        """GET a path of its API: ``data`` of the answer."""
        access = self._target.means(MonitoringAccess)
        assert access is not None
        (url,) = [part.url for part in access.monitoring_parts() if part.part == "prometheus"]
        with requests.Session() as http:
            http.trust_env = False
            answer = http.get(url + path, params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()["data"]

    def series(self, expression: str) -> list[dict[str, Any]]:
        """Samples of an instant query."""
        found: list[dict[str, Any]] = self.ask("/api/v1/query", query=expression)["result"]
        return found

    def firing(self, alert: str) -> bool:
        """Whether an alert of this name fires."""
        return bool(self.series(f'ALERTS{{alertname="{alert}",alertstate="firing"}}'))


@pytest.fixture(scope="module")
def prometheus(target: Target) -> Prometheus:
    """It answers; whether it has scraped anything is for the tests."""
    found = Prometheus(target)

    def answers() -> bool:
        try:
            return bool(found.series("vector(1)"))
        except requests.RequestException:
            return False

    eventually(answers, READY_SECONDS, "Prometheus answers")
    return found


def load(target: Target) -> None:
    """Queries on both engines, inserts on one: a bounded load that moves every counter that panels show."""
    for engine in target.engines():
        with engine.connect() as session:
            if engine.endpoint.kind == "clickhouse":
                session.execute(CREATE, deadline=60)
            for _ in range(ROUNDS):
                session.execute(engine.probe.sql, deadline=60)
                if engine.endpoint.kind == "clickhouse":
                    session.execute(INSERT, deadline=60)


def test_every_node_of_both_engines_is_scraped(prometheus: Prometheus, site: Site) -> None:
    wanted = {"trino": 1, "trino-workers": site.settings.fewest_workers, "clickhouse": 1}
    jobs = "|".join(wanted)

    def up() -> dict[str, int]:
        found = prometheus.series(f'count by (job) (up{{namespace=~"{site.prefix}-.*",job=~"{jobs}"}} == 1)')
        return {one["metric"]["job"]: int(one["value"][1]) for one in found}

    eventually(lambda: up() == wanted, SEEN_SECONDS, f"{wanted} targets up")
    measured("targets up", up())


def test_every_rule_is_loaded_and_none_fails(prometheus: Prometheus, site: Site) -> None:
    names = sorted(rule.name for group in groups(site) for rule in group.rules)

    def ours() -> list[dict[str, Any]]:
        loaded = prometheus.ask("/api/v1/rules")["groups"]
        return [rule for group in loaded if group["name"].startswith("query-engines.") for rule in group["rules"]]

    eventually(lambda: len(ours()) == len(names), SEEN_SECONDS, f"{len(names)} rules")
    assert sorted(rule["name"] for rule in ours()) == names
    eventually(lambda: all(rule["health"] == "ok" for rule in ours()), SEEN_SECONDS, "all rules were evaluated")
    measured("rules", len(names))


def test_every_query_of_every_panel_returns_series_after_a_load(
    prometheus: Prometheus, target: Target, site: Site
) -> None:
    asked, began = queries(site), time.monotonic()
    eventually(lambda: prometheus.series('ClickHouseProfileEvents_Query{job="clickhouse"}'), SEEN_SECONDS, "a scrape")

    def without() -> list[str]:
        load(target)
        return [f"{board}: {panel}: {text}" for board, panel, text in asked if not prometheus.series(text)]

    empty = without()
    while empty and time.monotonic() - began < SEEN_SECONDS:
        empty = without()
    panels = {(board, panel) for board, panel, _ in asked}
    measured(
        "panels with data, all panels", (len(panels) - len({tuple(e.split(": ")[:2]) for e in empty}), len(panels))
    )
    assert empty == []


def test_nothing_fires_while_all_is_well(prometheus: Prometheus, site: Site) -> None:
    alerts = {rule.name for group in groups(site) for rule in group.rules if isinstance(rule, Alert)}
    # What was missed while the stack came up counts until its short window is over.
    lasting = {name for name in alerts if name.startswith("ErrorBudgetBurn")}
    eventually(
        lambda: not [name for name in alerts - lasting if prometheus.firing(name)], SEEN_SECONDS, "no alert fires"
    )


def test_an_alert_fires_while_its_engine_is_gone_and_resolves_after(prometheus: Prometheus, stack: PulumiStack) -> None:
    scale = ("scale", "statefulset/clickhouse", "-n", stack.namespace("clickhouse"))
    began = time.monotonic()
    kubectl(*scale, "--replicas=0")
    try:
        eventually(lambda: prometheus.firing("ClickHouseDown"), FIRING_SECONDS, "ClickHouseDown fires")
        measured("seconds from the loss of ClickHouse to its alert", round(time.monotonic() - began, 1))
        assert not prometheus.firing("TrinoDown")
    finally:
        kubectl(*scale, "--replicas=1")
    back = time.monotonic()
    eventually(lambda: not prometheus.firing("ClickHouseDown"), FIRING_SECONDS, "ClickHouseDown is resolved")
    measured("seconds from ClickHouse's return to the end of its alert", round(time.monotonic() - back, 1))


def test_rules_can_be_switched_off(stack: PulumiStack, tmp_path: Path) -> None:
    stack.settings["rulesEnabled"] = False
    assert stack.changes() == [
        f"delete kubernetes:monitoring.coreos.com/v1:PrometheusRule {stack.prefix}-query-engines-prometheusrule"
    ]
