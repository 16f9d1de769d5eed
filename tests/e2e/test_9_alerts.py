"""Monitoring that is tested: a test alert arrives, faults raise their alerts, and these are resolved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clean import READY_SECONDS, all_ready, leftovers
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import PulumiStack, runner

pytestmark = pytest.mark.full

MINUTES = 60.0


@pytest.fixture(scope="module")
def stack(new_stack: Callable[[str], PulumiStack]) -> PulumiStack:
    made = new_stack("alerts")
    made.must_up()
    eventually(lambda: all_ready(made), READY_SECONDS, "all pods Ready")
    return made


def results(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "results.json").read_text())
    return found


def test_monitoring_works_and_a_test_alert_arrives(document: Path, stack: PulumiStack, tmp_path: Path) -> None:
    done = runner("check", "--target", str(document), "--output", str(tmp_path), timeout=15 * MINUTES)
    mine = {one["name"]: one for one in results(tmp_path)["checks"] if one["engine"] == "monitoring"}
    failed = {name: one["reason"] for name, one in mine.items() if one["status"] != "PASS"}
    assert failed == {}, done.text
    assert "QueryEngineReliabilityTest" in mine["monitoring/alert_delivered"]["evidence"][0]["received"]
    assert leftovers(stack) == []


@pytest.mark.parametrize(("engine", "alert"), [("clickhouse", "ClickHouseDown"), ("trino", "TrinoDown")])
def test_a_fault_raises_its_alert_which_is_resolved_and_nobody_is_called(
    document: Path, stack: PulumiStack, tmp_path: Path, engine: str, alert: str
) -> None:
    component = "server" if engine == "clickhouse" else "coordinator"
    options = ("--engine", engine, "--component", component, "--alerts", "--silence", "--yes")
    where = ("--target", str(document), "--output", str(tmp_path))
    done = runner("fault", "scale-to-zero", *where, *options, timeout=20 * MINUTES)
    (experiment,) = results(tmp_path)["experiments"]
    (expected,) = experiment["alerts"]["expected"]
    assert (expected["name"], expected["outcome"]) == (alert, "fired"), done.text
    assert 0 < expected["fired_seconds"] <= expected["needs_seconds"]
    assert expected["resolved_seconds"] is not None, done.text
    seen = [one for one in experiment["alerts"]["seen"] if one["name"] == alert]
    assert all(one["silenced"] and one["notified_seconds"] is not None for one in seen)
    assert [one["name"] for one in experiment["alerts"]["seen"] if one["role"] == "unexpected"] == []
    metrics = experiment["metrics"]
    assert (metrics["not_measured"], metrics["missing"]) == ("", []), metrics
    assert {"memory", "queries running", "queries failed"} < {one["measure"] for one in metrics["series"]}
    assert all(any(value is not None for value in one["values"]) for one in metrics["series"])
    assert metrics["start_seconds"] < experiment["window"][0]
    assert leftovers(stack) == []


def test_a_short_outage_shows_nothing_and_takes_no_longer(document: Path, tmp_path: Path) -> None:
    options = ("--engine", "clickhouse", "--component", "server", "--yes")
    where = ("--target", str(document), "--output", str(tmp_path))
    done = runner("fault", "delete-now", *where, *options, timeout=15 * MINUTES)
    (experiment,) = results(tmp_path)["experiments"]
    assert experiment["alerts"]["expected"][0]["outcome"] in {"not due", "fired"}, done.text
    assert not experiment["alerts"]["asked"]


def test_without_prometheus_the_run_goes_on(document: Path, tmp_path: Path) -> None:
    outputs = json.loads(document.read_text())
    for part in outputs["monitoring"]:
        if part["part"] == "prometheus":
            part["service"] = "nobody"
    changed = tmp_path / "outputs.json"
    changed.write_text(json.dumps(outputs))
    options = ("--engine", "clickhouse", "--component", "server", "--yes")
    where = ("--target", str(changed), "--output", str(tmp_path))
    done = runner("fault", "delete-now", *where, *options, timeout=15 * MINUTES)
    (experiment,) = results(tmp_path)["experiments"]
    assert "prometheus" in experiment["alerts"]["not_measured"], done.text
    assert "prometheus" in experiment["metrics"]["not_measured"], done.text
    assert experiment["injection"]["confirmed"]
    assert "Traceback" not in done.text
