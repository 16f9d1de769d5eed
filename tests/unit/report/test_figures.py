"""TPC-H bars, recovery chart and latency curves say what was measured."""

from __future__ import annotations

import pytest

from runner.report.engines import engine_names
from runner.report.figures import latency_figure, rto_figure, tpch_figure
from runner.report.figures.latency import shared_scale
from runner.report.figures.rto import RtoRow
from runner.report.figures.svg import element
from runner.report.figures.tpch import Bar, BarGroup
from runner.report.queries import query_section, timing
from runner.results import QueryResult, Verdict
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import HOSTILE, sample_results


def width(node: Node, name: str = "width") -> float:
    return float(node.attributes[name].removesuffix("%"))


def group(query: int, fast: float | None, slow: float, cold: float | None = None, *, valid: bool = True) -> BarGroup:
    bars = (Bar("A", "s1", slow, cold, valid=True), Bar("B", "s2", fast, None, valid=valid))
    return BarGroup(query, bars)


def test_linear_bars_are_as_long_as_their_times() -> None:
    figure = parse(str(tpch_figure("t", [group(1, 1.0, 4.0), group(2, 2.0, 8.0)]))).one("svg", "tpch")
    assert figure.attributes["data-scale"] == "linear"
    lengths = [width(bar) for bar in figure.all("rect", "bar")]
    assert [length / lengths[1] for length in lengths] == pytest.approx([4, 1, 8, 2], rel=1e-3)


def test_times_far_apart_make_the_axis_logarithmic() -> None:
    figure = parse(str(tpch_figure("t", [group(1, 0.01, 4.0)]))).one("svg", "tpch")
    assert figure.attributes["data-scale"] == "log"
    long, short = (width(bar) for bar in figure.all("rect", "bar"))
    assert long > short


def test_cold_runs_and_wrong_answers_are_marked() -> None:
    figure = parse(str(tpch_figure("t", [group(1, 1.0, 2.0, cold=4.0, valid=False)]))).one("svg", "tpch")
    assert width(figure.one("circle", "cold"), "cx") == pytest.approx(2 * width(figure.all("rect", "bar")[0]), rel=1e-3)
    assert figure.one("text", "cross").text == "✕"
    assert "wrong answer" in figure.all("rect", "bar")[1].one("title").text


def test_a_query_without_an_answer_has_no_bar() -> None:
    figure = parse(str(tpch_figure("t", [group(1, None, 2.0)]))).one("svg", "tpch")
    assert len(figure.all("rect", "bar")) == 1
    assert [node.text for node in figure.all("text", "value")] == ["2.00 s", "–"]


def test_hot_is_the_median_and_cold_the_first_warm_up() -> None:
    result = QueryResult(engine="e", query=1, seconds=(3.0, 1.0, 2.0), warmup_seconds=(9.0, 4.0), valid=True)
    found = timing(result)
    assert (found.hot, found.low, found.high, found.cold, found.iterations) == (2.0, 1.0, 3.0, 9.0, 3)
    assert timing(result.model_copy(update={"warmup_seconds": ()})).cold is None


def test_an_engine_that_ran_fewer_queries_leaves_gaps() -> None:
    results = sample_results()
    fewer = results.benchmarks[1].model_copy(update={"queries": results.benchmarks[1].queries[:3]})
    section = query_section((results.benchmarks[0], fewer), engine_names(results))
    assert section is not None
    assert len(section.rows) == 22
    assert section.rows[0].ratio is not None
    assert section.rows[5].timings[1] is None
    assert section.rows[5].ratio is None


def row(name: str, seconds: float, uncertainty: float = 0.0, *, censored: bool = False) -> RtoRow:
    return RtoRow(name, Verdict.PASS, seconds, uncertainty, censored)


def test_a_dot_lies_within_its_uncertainty() -> None:
    figure = parse(str(rto_figure("r", [row("a", 8.0, 2.0), row("b", 10.0, 0.5)]))).one("svg", "rto")
    first = figure.all("g", "rto-row")[0]
    bar = first.all("line", "spread")[0]
    low, dot, high = width(bar, "x1"), width(first.one("circle"), "cx"), width(bar, "x2")
    assert (dot - low) == pytest.approx(high - dot, abs=0.01)
    assert low / dot == pytest.approx(6 / 8, abs=0.001)
    assert first.one("text", "row-value").text == "8.0 ± 2.0 s"


def test_a_censored_recovery_has_an_arrow_and_no_uncertainty() -> None:
    figure = parse(str(rto_figure("r", [row("a", 8.0), row("b", 60.0, 0.5, censored=True)])))
    censored = figure.one("g", "censored")
    assert censored.all("path", "arrow")
    assert not censored.all("line", "spread")
    assert censored.one("text", "row-value").text == "> 60.0 s"
    assert len(figure.all("path", "arrow")) == 1


def test_no_outage_is_not_a_fast_recovery() -> None:
    figure = parse(str(rto_figure("r", [row("a", 0.0, 0.05), row("b", 30.0, 0.1)])))
    first = figure.all("g", "rto-row")[0]
    assert first.one("text", "row-value").text == "no outage"
    assert "none" in first.one("circle").classes


def test_latency_of_all_loads_shares_one_scale() -> None:
    loads = sample_results().loads
    scale = shared_scale(loads)
    for load in loads:
        for _, seconds in load.curve:
            assert -0.001 <= scale(seconds) <= 1.001


def test_the_corrected_curve_lies_above_the_uncorrected_one() -> None:
    load = sample_results().loads[1]
    figure = parse(str(latency_figure("l", load, "title", shared_scale([load])))).one("svg", "latency")
    heights = {
        kind: [float(node.attributes["cy"]) for node in figure.all("circle", "point") if kind in node.classes]
        for kind in ("corrected", "uncorrected")
    }
    assert len(heights["corrected"]) == 6
    pairs = zip(heights["corrected"], heights["uncorrected"], strict=True)
    assert all(corrected <= plain for corrected, plain in pairs)
    assert "From intended start: p50" in figure.one("desc").text


def test_a_curve_of_thousands_of_points_is_thinned_and_keeps_its_end() -> None:
    load = sample_results().loads[0]
    curve = tuple((100 * (1 - 0.99**n), 0.001 * (n + 1)) for n in range(5000))
    figure = parse(str(latency_figure("l", load.model_copy(update={"curve": curve}), "title", shared_scale([load]))))
    path = next(node for node in figure.all("path", "corrected")).attributes["d"]
    assert path.count("L") <= 402
    assert path.split("L")[-1].startswith("1000.0 ")


def test_markup_in_names_is_escaped() -> None:
    drawn = str(rto_figure("r", [row(HOSTILE, 1.0)]))
    assert "<script" not in drawn
    assert str(element("text", "<b>", title='"')) == '<text title="&#34;">&lt;b&gt;</text>'
