"""JUnit: what a CI makes of a run."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from runner.report.junit import render_junit
from runner.results import Answers, Results, Verdict
from tests.unit.report.sample import empty_results, sample_results


def tree(results: Results) -> ET.Element:
    return ET.fromstring(render_junit(results))  # noqa: S314 - our own document


def suite(name: str) -> ET.Element:
    found = tree(sample_results()).find(f"testsuite[@name='{name}']")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("functionality", {"tests": "30", "failures": "2", "errors": "1", "skipped": "2"}),
        ("tpch", {"tests": "44", "failures": "1", "errors": "0", "skipped": "0"}),
        ("load", {"tests": "2", "failures": "0", "errors": "0", "skipped": "0"}),
        ("experiments", {"tests": "16", "failures": "3", "errors": "1", "skipped": "2"}),
        ("slo", {"tests": "19", "failures": "2", "errors": "1", "skipped": "2"}),
    ],
)
def test_each_part_is_a_suite_whose_numbers_are_those_of_its_cases(name: str, numbers: dict[str, str]) -> None:
    found = suite(name)
    assert {key: found.attrib[key] for key in numbers} == numbers
    assert len(found.findall("testcase")) == int(numbers["tests"])
    for tag, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert len(found.findall(f"testcase/{tag}")) == int(numbers[key])
    assert float(found.attrib["time"]) >= 0
    assert found.attrib["timestamp"] == "2026-09-21T14:13:20"


def test_the_root_sums_up_its_suites() -> None:
    root = tree(sample_results())
    for key in ("tests", "failures", "errors", "skipped"):
        assert int(root.attrib[key]) == sum(int(child.attrib[key]) for child in root)


def test_reasons_are_told() -> None:
    experiments = suite("experiments")
    skipped = experiments.find("testcase[@name='clickhouse/server/partition']/skipped")
    inconclusive = experiments.find("testcase[@name='trino/clients/refused']/error")
    failed = experiments.find("testcase[@name='clickhouse/clients/blackhole']/failure")
    assert skipped is not None
    assert skipped.attrib["message"] == "no means to do that here"
    assert inconclusive is not None
    assert inconclusive.attrib == {"message": "no proof", "type": "INCONCLUSIVE"}
    assert failed is not None
    assert failed.text == "2 wrong answers"


def test_evidence_and_measures_are_in_the_output() -> None:
    checks, experiments = suite("functionality"), suite("experiments")
    assert "> POST http://127.0.0.1:8080/v1/statement" in (checks.findtext("testcase/system-out") or "")
    assert "RTO 21.64 ± 0.25 s" in (experiments.findtext("testcase/system-out") or "")


def test_names_are_unique_within_a_suite() -> None:
    for found in tree(sample_results()):
        names = [(case.attrib["classname"], case.attrib["name"]) for case in found]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("answers", "tag"), [(Answers(ok=5, wrong=1), "failure"), (Answers(failed=9), "error"), (Answers(ok=5), None)]
)
def test_a_load_run_fails_on_wrong_answers_and_is_open_without_any(answers: Answers, tag: str | None) -> None:
    load = sample_results().loads[0].model_copy(update={"answers": answers})
    case = tree(empty_results(loads=(load,), verdict=Verdict.FAIL)).find("testsuite/testcase")
    assert case is not None
    assert [child.tag for child in case if child.tag != "system-out"] == ([tag] if tag else [])


def test_an_empty_run_is_an_empty_document() -> None:
    root = tree(empty_results())
    assert len(root) == 0
    assert root.attrib["tests"] == "0"
