"""Power runs over restarts and throughput tests, in every report and in the verdict."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from runner.report.headline import headline, parts
from runner.report.html import render_html
from runner.report.junit import render_junit
from runner.report.markdown import render_markdown
from runner.report.tpch import power_line, throughput_line, told
from runner.results import Results, Throughput, Verdict
from runner.slo import Slo, evaluate_throughput
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import empty_results
from tests.unit.report.tpch_sample import repeated, throughput


def page(**parts_: object) -> Node:
    return parse(render_html(empty_results(**parts_))).by_id("tpch")


def tally(results: Results) -> tuple[int, int, int]:
    found = next(part.tally for part in parts(results) if part.key == "benchmarks")
    return found.passed, found.failed, found.skipped


def test_a_power_run_shows_intervals_restarts_and_what_the_engine_told() -> None:
    section = page(benchmarks=(repeated("clickhouse"),))
    assert "95 %: 450 ms – 550 ms" in section.text
    assert "95 %: 11.0 s – 13.0 s" in section.text
    assert "ClickHouse (chDB): over 3 restarts" in section.text
    assert "killed, back after 9.50 s (median); caches: page cache dropped" in section.text
    assert "What the engines tell of their queries" in section.text
    assert "5 MiB" in section.text
    assert "3 MiB" in section.text
    figure = section.one("svg", "tpch")
    assert len(figure.all("line", "whisker")) == 22 * 3
    assert "interval 400 ms – 600 ms" in figure.all("rect", "bar")[0].one("title").text


def test_without_intervals_none_are_spoken_of() -> None:
    plain = repeated("clickhouse")
    queries = tuple(query.model_copy(update={"interval": None, "statistics": ()}) for query in plain.queries)
    section = page(benchmarks=(plain.model_copy(update={"queries": queries, "restarts": ()}),))
    assert "Bootstrap" not in section.text
    assert "Started anew" not in section.text
    assert "What the engines tell" not in section.text


def test_the_overhead_is_what_the_client_waited_longer() -> None:
    query = (
        repeated("clickhouse")
        .queries[0]
        .model_copy(update={"seconds": (1.0, 2.0, 4.0), "engine_seconds": (0.9, None, 3.0)})
    )
    found = told(query)
    assert found.overhead == pytest.approx(0.55)
    assert found.elapsed == pytest.approx(1.95)
    assert (found.cpu, found.queued, found.rows) == (0.7, None, 6_001_215)


def test_a_throughput_test_is_shown_stream_by_stream() -> None:
    section = page(throughputs=(throughput("clickhouse"),))
    assert "No benchmark" not in section.text
    assert "Queries per hour are not QphH" in section.text
    assert "2 refresh functions (RF1 400 ms, RF2 400 ms)" in section.text
    figure = section.one("svg", "streams")
    boxes = figure.all("rect", "bar")
    assert len(boxes) == 6 + 2
    assert [len(row.all("rect")) for row in figure.all("g", "stream")] == [3, 3, 2]
    assert len(figure.all("rect", "unchecked")) == 2
    assert [float(box.attributes["width"].rstrip("%")) for box in boxes[:3]] == pytest.approx(
        [100 / 1.02 * share for share in (1 / 6, 2 / 6, 3 / 6)], rel=1e-2
    )


def test_why_there_was_no_refresh_is_said_everywhere() -> None:
    results = empty_results(throughputs=(throughput("trino", refresh=False),))
    reason = "no refresh functions: the catalog cannot be written"
    assert reason in parse(render_html(results)).by_id("tpch").text
    assert reason in render_markdown(results)
    assert reason in throughput_line(results.throughputs[0])


def test_markdown_has_both_tests() -> None:
    text = render_markdown(empty_results(benchmarks=(repeated("trino"),), throughputs=(throughput("trino", wrong=3),)))
    assert "95\N{NO-BREAK SPACE}%: 450\N{NO-BREAK SPACE}ms" in text
    assert "- Trino: intervals over 3 restarts" in text
    assert "## TPC-H throughput" in text
    assert "| Trino | 2 | 3 / 1 / 2 |" in text
    assert "- Trino, stream 1, Q3: rows: engine 3, oracle 4" in text
    assert text.count("not comparable to published TPC-H results") == 2


def test_answers_that_could_not_be_compared_are_not_counted_as_right() -> None:
    results = empty_results(throughputs=(throughput("trino", wrong=3),), verdict=Verdict.FAIL)
    assert tally(results) == (3, 1, 2)
    assert "Q3 on trino, stream 1" in headline(results)
    suites = ET.fromstring(render_junit(results))  # noqa: S314 - our own document
    suite = suites.find("testsuite[@name='throughput']")
    assert suite is not None
    numbers = {key: suite.attrib[key] for key in ("tests", "failures", "skipped")}
    assert numbers == {"tests": "8", "failures": "1", "skipped": "2"}


def test_a_test_that_did_not_come_to_its_streams_failed() -> None:
    broken = throughput("trino").model_copy(update={"streams": (), "refreshes": (), "problem": "loading failed: gone"})
    results = empty_results(throughputs=(broken,), verdict=Verdict.FAIL)
    assert tally(results) == (0, 1, 0)
    assert "loading failed: gone" in parse(render_html(results)).by_id("tpch").text
    assert "loading failed: gone" in render_junit(results)
    assert throughput_line(broken) == "Trino: loading failed: gone"


@pytest.mark.parametrize(
    ("item", "verdicts"),
    [
        (throughput("trino"), [Verdict.PASS, Verdict.PASS]),
        (throughput("trino", refresh=False), [Verdict.PASS]),
        (throughput("trino", wrong=3), [Verdict.FAIL, Verdict.PASS]),
        (throughput("trino").model_copy(update={"problem": "loading failed"}), [Verdict.FAIL]),
    ],
)
def test_objectives_on_throughput(item: Throughput, verdicts: list[Verdict]) -> None:
    assert [result.verdict for result in evaluate_throughput(Slo(), item)] == verdicts


def test_a_failed_refresh_function_misses_an_objective_and_nothing_compared_shows_nothing() -> None:
    item = throughput("trino")
    runs = (item.refreshes[0].model_copy(update={"problem": "orders changed by +149 rows, not +150"}),)
    failed = item.model_copy(update={"refreshes": runs})
    assert [result.verdict for result in evaluate_throughput(Slo(), failed)] == [Verdict.PASS, Verdict.FAIL]
    assert "orders changed by" in parse(render_html(empty_results(throughputs=(failed,)))).by_id("tpch").text
    streams = tuple(
        stream.model_copy(
            update={"queries": tuple(query.model_copy(update={"checked": "no"}) for query in stream.queries)}
        )
        for stream in item.streams
    )
    (result,) = evaluate_throughput(Slo(), item.model_copy(update={"streams": streams}))
    assert (result.verdict, result.measured) == (Verdict.INCONCLUSIVE, "no answer could be compared")


def test_lines_for_the_terminal() -> None:
    assert power_line(repeated("trino")).replace("\N{NO-BREAK SPACE}", " ").startswith("Trino: geometric mean ")
    assert "intervals over 3 restarts" in power_line(repeated("trino"))
    assert "no geometric mean" in power_line(repeated("trino").model_copy(update={"geometric_mean_seconds": None}))
    assert "3,600 queries per hour" in throughput_line(throughput("trino"))
    assert "no rate" in throughput_line(throughput("trino", wrong=3))
