"""Load in the reports: the generator's part in it, invalid runs, and searches for the saturation rate."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from runner.report.figures import saturation_figure
from runner.report.html import render_html
from runner.report.junit import render_junit
from runner.report.markdown import render_markdown
from runner.results import Results, Verdict
from runner.slo import Slo, evaluate_load, evaluate_saturation
from tests.unit.benchmarks.calibration.test_calibration import figures
from tests.unit.report.loads import INVALID, generator, load, saturation, step
from tests.unit.report.sample import empty_results


def results(**changes: object) -> Results:
    return empty_results(**changes)


def test_the_page_tells_what_the_generator_did() -> None:
    page = render_html(results(loads=(load(),)))
    assert "23\N{NO-BREAK SPACE}ms" in page, "the lag's 99th percentile"
    assert "Late &gt; 2 ms" in page
    assert "&lt;b&gt;point&lt;/b&gt;" in page and "<b>point" not in page
    assert "dash&lt;b&gt;boards" in page
    assert "bottleneck" not in page


def test_the_page_tells_how_many_jobs_made_the_load() -> None:
    assert "4 Jobs × 2" in render_html(results(loads=(load(generator=generator(jobs=4, processes=2)),)))
    assert "Jobs ×" not in render_html(results(loads=(load(generator=generator(processes=2)),)))


def test_an_invalid_run_is_said_to_be_invalid_everywhere() -> None:
    invalid = load(generator=generator(invalid=INVALID))
    whole = results(loads=(invalid,), verdict=Verdict.INCONCLUSIVE)
    assert INVALID in render_html(whole)
    assert INVALID in render_markdown(whole)
    case = ET.fromstring(render_junit(whole)).find("testsuite/testcase/error")  # noqa: S314 - our own
    assert case is not None and INVALID in (case.text or "")


def test_an_invalid_run_meets_no_objective() -> None:
    verdicts = {
        item.objective: item.verdict for item in evaluate_load(Slo(), load(generator=generator(invalid=INVALID)))
    }
    assert verdicts == {
        "wrong answers": Verdict.PASS,
        "the generator keeps the schedule": Verdict.INCONCLUSIVE,
        "availability": Verdict.INCONCLUSIVE,
        "dropped arrivals": Verdict.INCONCLUSIVE,
    }
    assert {item.verdict for item in evaluate_load(Slo(), load())} == {Verdict.PASS}


def test_wrong_answers_of_an_invalid_run_still_fail() -> None:
    invalid = load(generator=generator(invalid=INVALID), answers={"ok": 999, "wrong": 1})
    assert evaluate_load(Slo(), invalid)[0].verdict is Verdict.FAIL


@pytest.mark.parametrize(("limit", "verdict"), [(0.05, Verdict.PASS), (0.04, Verdict.FAIL)])
def test_the_percentile_can_be_an_objective(limit: float, verdict: Verdict) -> None:
    slo = Slo.model_validate({"load": {"p99_seconds": limit}})
    found = {item.objective: item for item in evaluate_load(slo, load())}["p99 in seconds"]
    assert found.verdict is verdict
    assert found.measured == "0.0432"


def test_a_search_is_shown_with_every_step() -> None:
    page = render_html(results(saturations=(saturation(),)))
    assert page.count("<td>search</td>") == 4 and page.count("<td>warm-up</td>") == 1
    assert "347/s" in page and "No load run" not in page
    text = render_markdown(results(saturations=(saturation(),)))
    assert "## Saturation" in text and "347/s" in text and "361/s" in text
    case = ET.fromstring(render_junit(results(saturations=(saturation(),)))).find("testsuite/testcase")  # noqa: S314
    assert (
        case is not None
        and case.get("name") == "saturation"
        and "361/s: p99 770 ms, misses" in (case.findtext("system-out") or "")
    )


def test_the_figure_marks_each_rate_with_its_outcome() -> None:
    drawn = saturation_figure("s", saturation(), "Saturation")
    assert drawn is not None
    for words in ("347/s: p99 310 ms, meets", "361/s: p99 770 ms, misses", "limit 500"):
        assert words in drawn.replace("\N{NO-BREAK SPACE}", " ")
    assert drawn.count("<circle") == 3, "no warm-up, and nothing without a latency"


def test_a_search_without_an_answer_has_no_figure() -> None:
    nothing = saturation(
        steps=(step(200, None, "misses"),), rate_per_second=None, verdict=Verdict.FAIL, reason="all failed"
    )
    assert saturation_figure("s", nothing, "Saturation") is None
    assert "all failed" in render_html(results(saturations=(nothing,), verdict=Verdict.FAIL))
    found = evaluate_saturation(nothing)
    assert (found.verdict, found.measured) == (Verdict.FAIL, "none (all failed)")


def test_the_calibration_is_shown_where_there_is_one() -> None:
    shown = results(loads=(load(),), calibration=figures())
    for text in (render_html(shown), render_markdown(shown)):
        assert "Calibration" in text and "0.009 s" in text
    assert "Calibration" not in render_html(results(loads=(load(),)))
    unmeasured = results(loads=(load(),), calibration=figures(locust=None, locust_reason="not <i>installed</i>"))
    assert "not &lt;i&gt;installed" in render_html(unmeasured)
