"""What each fault should make fire: nothing is left out, and what is named exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.rules import Alert, groups
from components.settings import Settings
from components.site import Site
from faults.base import fault_classes
from faults.expectations import ANY, EFFECTS, LINGERING, expectation
from tests.unit.alerts.server import Monitoring, WatchedTarget
from tests.unit.alerts.struck import struck


@pytest.fixture
def target(tmp_path: Path, monitoring: Monitoring) -> WatchedTarget:
    return WatchedTarget(tmp_path, monitoring)


def test_every_alert_that_is_named_is_one_of_the_stacks() -> None:
    rules = [
        rule
        for group in groups(Site("qer-x", Settings.model_validate({"prometheusRetention": "7d"})))
        for rule in group.rules
    ]
    known = {rule.name for rule in rules if isinstance(rule, Alert)}
    named = {one.alert for effect in EFFECTS.values() for one in effect.must.values()}
    assert named | LINGERING <= known


def test_every_fault_has_been_thought_of() -> None:
    assert set(EFFECTS) == set(fault_classes())


@pytest.mark.parametrize(
    ("name", "engine", "component", "must", "held"),
    [
        ("delete", "trino", "coordinator", "TrinoDown", False),
        ("delete", "trino", "worker", "TrinoWorkersMissing", False),
        ("delete", "trino", "workers", "TrinoWorkersMissing", False),
        ("delete", "clickhouse", "server", "ClickHouseDown", False),
        ("no-endpoints", "trino", "clients", "TrinoDown", True),
        ("no-endpoints", "clickhouse", "clients", "ClickHouseDown", True),
        ("wrong-port", "trino", "clients", "TrinoDown", True),
        ("partition-engine", "trino", "workers", "TrinoWorkersMissing", True),
        ("volume-full", "clickhouse", "server", "ClickHouseVolumeFillingUp", True),
        ("out-of-memory", "trino", "worker", "EngineOutOfMemory", False),
    ],
)
def test_what_must_fire(
    target: WatchedTarget, *, name: str, engine: str, component: str, must: str, held: bool
) -> None:
    found = expectation(struck(target, name, engine, component))
    assert [one.alert for one in found.must] == [must]
    assert found.held == held
    assert found.allows(must)
    assert found.blind == ""


@pytest.mark.parametrize(
    ("name", "engine", "component", "why"),
    [
        ("partition-clients", "clickhouse", "clients", "port of its own"),
        ("wrong-port", "clickhouse", "clients", "port of its own"),
        ("not-ready", "trino", "coordinator", "not ready as well"),
    ],
)
def test_what_no_alert_can_see_says_why(
    target: WatchedTarget, name: str, engine: str, component: str, why: str
) -> None:
    found = expectation(struck(target, name, engine, component))
    assert found.must == ()
    assert why in found.blind


def test_of_an_unknown_fault_nothing_is_expected_and_nothing_held_against_it(target: WatchedTarget) -> None:
    found = expectation(struck(target, "brand-new"))
    assert (found.must, found.may) == ((), ANY)
    assert found.allows("TrinoDown")
