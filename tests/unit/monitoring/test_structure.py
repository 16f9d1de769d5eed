"""What holds for every rule and needs no promtool: PromQL that parses, metrics that exist, links that lead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.rules import Alert, Recording, groups
from components.settings import Settings
from components.site import Site
from tests.unit.monitoring import promql
from tests.unit.monitoring.exposed import SHOWN
from tests.unit.monitoring.model import ALERTS, CLICKHOUSE, RECORDED, SITE, TRINO

ROOT = Path(__file__).parents[3]
GROUPS = groups(SITE)
RULES = [rule for group in GROUPS for rule in group.rules]
NAMESPACES = {TRINO, CLICKHOUSE, f"{TRINO}|{CLICKHOUSE}"}
UNITS = {"bool", "count", "rate1m", "rate5m", "ratio", "ratio_rate5m", "max", "mean5m", "p95_5m"}


def headings(document: str) -> set[str]:
    """Anchors of a Markdown document's headings, as forges make them."""
    lines = (ROOT / "docs" / document).read_text().splitlines()
    return {line.lstrip("# ").lower().replace(" ", "-") for line in lines if line.startswith("#")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_expression_reads_only_metrics_that_are_shown(rule: Alert | Recording) -> None:
    assert promql.metrics(rule.expression) <= SHOWN | set(RECORDED) | promql.BUILT_IN


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_series_is_of_this_stack(rule: Alert | Recording) -> None:
    """One Prometheus may hold the series of several stacks."""
    for selector in promql.selectors(rule.expression):
        (namespace,) = [one.value for one in selector.matchers.matchers if one.name == "namespace"]
        assert namespace in NAMESPACES


def test_what_a_rule_reads_is_recorded_before() -> None:
    there: set[str] = set()
    for rule in RULES:
        assert {name for name in promql.metrics(rule.expression) if name.startswith("engine:")} <= there
        if isinstance(rule, Recording):
            there.add(rule.name)


@pytest.mark.parametrize("alert", ALERTS.values(), ids=list(ALERTS))
def test_every_alert_leads_to_its_paragraph(alert: Alert) -> None:
    address, anchor = alert.annotations("docs/runbook.md")["runbook_url"].split("#")
    assert address == "docs/runbook.md"
    assert anchor in headings("runbook.md")
    assert alert.annotations("https://wiki.example/x")["runbook_url"] == f"https://wiki.example/x#{anchor}"


@pytest.mark.parametrize("alert", ALERTS.values(), ids=list(ALERTS))
def test_every_alert_says_what_it_is(alert: Alert) -> None:
    assert alert.severity in {"critical", "warning"}
    assert alert.summary.endswith(".")
    assert alert.description.endswith(".")
    assert re.fullmatch(r"\d+[sm]", alert.hold)


def test_the_runbook_has_no_paragraph_of_an_alert_that_is_gone() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    assert set(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == set(ALERTS)


@pytest.mark.parametrize("rule", [one for one in RULES if isinstance(one, Recording)], ids=lambda rule: rule.name)
def test_every_recorded_series_is_documented_with_its_unit(rule: Recording) -> None:
    level, _, operation = rule.name.split(":")
    assert level == "engine"
    assert operation in UNITS or operation.startswith("ratio_avg")
    rows = [
        line for line in (ROOT / "docs" / "monitoring.md").read_text().splitlines() if line.startswith("| `engine:")
    ]
    wanted = "engine:unserved:ratio_avgWINDOW" if ":ratio_avg" in rule.name else rule.name
    assert [row for row in rows if f"`{wanted}`" in row and rule.unit in row]


def test_required_alerts_are_there() -> None:
    required = "TrinoDown TrinoWorkersMissing TrinoQueueing TrinoQueryErrors ClickHouseDown ClickHouseReadOnly "
    required += "ClickHouseTooManyParts EngineOutOfMemory ErrorBudgetBurnFast ErrorBudgetBurnSlow"
    assert set(required.split()) <= set(ALERTS)


def windows(retention: str) -> set[str]:
    site = Site("x", Settings(prometheus_retention=retention))
    names = {rule.name for group in groups(site) for rule in group.rules}
    return {name.rpartition("avg")[2] for name in names if ":ratio_avg" in name} | (names & {"ErrorBudgetBurnSlow"})


def test_windows_longer_than_prometheus_remembers_are_left_out() -> None:
    assert windows("30m") == set()
    assert windows("1h") == {"5m", "1h"}
    assert windows("6h") == {"5m", "30m", "1h", "6h"}
    assert windows("24h") == {"5m", "30m", "1h", "2h", "6h", "1d", "ErrorBudgetBurnSlow"}
    assert "3d" in windows("1w")


def test_the_objective_sets_the_limits() -> None:
    site = Site("x", Settings(availability_objective="99.5"))
    (fast,) = [rule for group in groups(site) for rule in group.rules if rule.name == "ErrorBudgetBurnFast"]
    assert "> 0.072 and" in fast.expression


def test_the_limits_of_workers_and_queue_follow_from_the_settings() -> None:
    site = Site("x", Settings(trino_workers=7, trino_query_concurrency=50, trino_query_queue=10))
    rules = {rule.name: rule.expression for group in groups(site) for rule in group.rules}
    assert rules["TrinoWorkersMissing"].endswith("< 7")
    assert rules["TrinoQueueing"].endswith("> 5")
