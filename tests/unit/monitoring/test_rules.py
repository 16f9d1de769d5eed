"""Prometheus' own tool on every rule: it fires or records when it should, and only then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.monitoring import promtool
from tests.unit.monitoring.cases import ALERTING, ALL, RECORDING, described
from tests.unit.monitoring.model import ALERTS, RECORDED, AlertCase, Case


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    assert len(promtool.rules_file(tmp_path)) == 4
    status, text = promtool.run("check", "rules", "rules.yaml", directory=tmp_path)
    assert status == 0, text
    assert "SUCCESS" in text


@pytest.mark.parametrize("rule", sorted({case.rule for case in ALL}))
def test_the_rule_does_what_its_cases_say(rule: str, tmp_path: Path) -> None:
    cases = [case for case in ALL if case.rule == rule]
    for step in sorted({case.step for case in cases}):
        status, text = promtool.tried([case for case in cases if case.step == step], tmp_path)
        assert status == 0, text


@pytest.mark.parametrize("case", [ALERTING[1], ALERTING[0], RECORDING[0]], ids=described)
def test_a_wrong_expectation_is_found(case: Case, tmp_path: Path) -> None:
    wrong = (
        replace(case, fires=() if case.fires else ({},)) if isinstance(case, AlertCase) else replace(case, value=0.5)
    )
    status, text = promtool.tried([wrong], tmp_path)
    assert status != 0, text


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_every_alert_has_cases_in_which_it_fires_and_in_which_it_does_not(name: str) -> None:
    fires = [bool(case.fires) for case in ALERTING if case.rule == name]
    assert fires.count(True) >= 1
    assert fires.count(False) >= 1


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_series_has_cases_of_different_values(name: str) -> None:
    engines = {case.engine for case in RECORDING if case.rule == name}
    assert engines
    for engine in engines:
        values = {case.value for case in RECORDING if case.rule == name and case.engine == engine}
        assert len(values) >= 2 or name == "engine:workers_expected:count"


def test_the_cases_are_about_rules_that_there_are() -> None:
    assert {case.rule for case in ALL} == {*ALERTS, *RECORDED}
