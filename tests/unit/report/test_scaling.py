"""Scaling in every form of the report, and what its verdict is."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.openloop import Attempt
from engines import Outcome
from faults.scale_record import ScaleRecord, Step, Way
from runner.report.headline import answers, headline
from runner.report.html import render_html
from runner.report.junit import render_junit
from runner.report.markdown import render_markdown
from runner.results import Results, Verdict
from runner.scaling import scaling
from tests.unit.report.sample import HOSTILE, empty_results


def attempts(*outcomes: Outcome) -> list[Attempt]:
    return [
        Attempt(n, "Q1", float(n), float(n), n + 0.5, one, "" if one is Outcome.OK else "reset")
        for n, one in enumerate(outcomes)
    ]


def record(**changes: object) -> ScaleRecord:
    made = ScaleRecord("trino/workers/autoscaling", "trino", "workers", "adds a worker", 1.79e9, 120.0)
    made.complete, made.before, made.after = True, "1 workers", "2 workers"
    made.steps = [
        Step(Way.OUT, "decided", 21.0),
        Step(Way.OUT, "latency recovered", None),
        Step(Way.IN, "pod gone", 47.5),
    ]
    made.rate = 4.0
    made.calm, made.out = attempts(Outcome.OK), attempts(Outcome.OK, Outcome.FAILED)
    made.back = attempts(Outcome.OK, Outcome.OK)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def results(made: ScaleRecord) -> Results:
    item = scaling(made)
    return empty_results(scalings=(item,), verdict=item.verdict)


def test_a_query_that_failed_on_the_way_out_is_reported_and_one_on_the_way_in_fails() -> None:
    item = scaling(record())
    assert (item.verdict, item.reason) == (Verdict.PASS, "")
    assert (item.answers_out.failed, item.errors, item.rate_per_second) == (1, {"reset": 1}, 4.0)
    item = scaling(record(back=attempts(Outcome.OK, Outcome.FAILED)))
    assert (item.verdict, item.reason) == (Verdict.FAIL, "1 answers failed while less was there again")


def test_a_wrong_answer_anywhere_fails() -> None:
    assert scaling(record(calm=attempts(Outcome.WRONG))).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"complete": False, "reason": "not within its limit: out decided"}, Verdict.INCONCLUSIVE, "out decided"),
        ({"back": []}, Verdict.INCONCLUSIVE, "nothing was answered on the way in"),
        ({"skipped": True, "reason": "no autoscaler"}, Verdict.SKIPPED, "no autoscaler"),
    ],
)
def test_what_was_not_shown_is_no_pass(changes: dict[str, object], verdict: Verdict, reason: str) -> None:
    item = scaling(record(**changes))
    assert item.verdict is verdict
    assert reason in item.reason


def test_every_report_has_it() -> None:
    document = results(record())
    assert Results.model_validate_json(document.to_json()) == document
    html, text = render_html(document), render_markdown(document)
    for shown in ("trino/workers/autoscaling", "decided 21.0", "pod gone 47.5", "1 workers → 2 workers"):
        assert shown in html.replace("\N{NO-BREAK SPACE}", " ")
        assert shown in text.replace("\N{NO-BREAK SPACE}", " ")
    (case,) = ET.fromstring(render_junit(document)).iterfind("testsuite[@name='scaling']/testcase")  # noqa: S314 - ours
    assert case.get("name") == "trino/workers/autoscaling"
    assert headline(document) == "1 of 1 scaling passed."
    assert answers(document).failed == 1
    assert 'href="#scaling"' in html
    assert 'href="#scaling"' not in render_html(empty_results())


def test_hostile_texts_do_no_harm() -> None:
    html = render_html(results(record(evidence=[HOSTILE], reason=HOSTILE, after=HOSTILE)))
    assert "<script>alert('x')" not in html
