"""Engine metrics around a fault: lanes on the timeline's axis, a table, words."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from runner.report import engine_metrics
from runner.report.figures import engine_metrics as lanes
from runner.report.figures.timeline import timeline_figure
from runner.report.html import render_html
from runner.report.junit import render_junit
from runner.results import EngineMetrics, Experiment, MetricSeries
from tests.unit.report.alerted import recorded
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import STORIES, empty_results, experiment, sample_results

VIEW = recorded(4.12, 37.0)
GONE = EngineMetrics(not_measured="prometheus does not answer <b>")
EMPTY = EngineMetrics(missing=("memory", "parts"))


def made(view: EngineMetrics | None, story: int = 0) -> Experiment:
    item = experiment(STORIES[story], random.Random(5))  # noqa: S311 - not for secrets
    return item.model_copy(update={"metrics": view, "alerts": None})


def drawn(item: Experiment) -> Node:
    return parse(str(timeline_figure("t", item))).one("svg", "timeline")


def steps(figure: Node, path: Node) -> list[tuple[float, float, float]]:
    """(from, to, height) of a line: seconds since the experiment's start, pixels above the lane's foot."""
    low, high = float(figure.attributes["data-low"]), float(figure.attributes["data-high"])
    found, x, y = [], 0.0, 0.0
    for letter, first, second in re.findall(r"([MHV])([\d.]+)(?: ([\d.]+))?", path.attributes["d"]):
        if letter == "H":
            found.append((low + x / 1000 * (high - low), low + float(first) / 1000 * (high - low), lanes.PLOT - y))
        x = x if letter == "V" else float(first)
        y = float(first) if letter == "V" else float(second) if letter == "M" else y
    return found


def of(figure: Node, number: int) -> Node:
    return figure.all("path", "metric")[number]


def test_a_lane_is_on_the_time_scale_of_the_probes() -> None:
    figure = drawn(made(VIEW))
    running = steps(figure, of(figure, 2))
    assert running[0][0] == pytest.approx(0.0, abs=0.1)  # from 56 s before, and what is left of the axis is cut
    gone = [(start, end) for start, end, height in running if height == 0]
    assert gone[0][0] == pytest.approx(14.0, abs=0.1)
    assert gone[-1][1] == pytest.approx(29.0, abs=5.1)
    assert max(height for *_, height in running) == lanes.PLOT
    assert running[-1][1] == pytest.approx(float(figure.attributes["data-high"]), abs=0.1)


def test_the_axis_reaches_to_the_last_value() -> None:
    last = VIEW.start_seconds + VIEW.step_seconds * (len(VIEW.series[0].values) - 1)
    assert float(drawn(made(VIEW)).attributes["data-high"]) == pytest.approx(last)
    assert float(drawn(made(None)).attributes["data-high"]) < last


def test_the_fault_is_shaded_through_all_lanes() -> None:
    figure = drawn(made(VIEW))
    band = figure.one("rect", "band")
    foot = float(band.attributes["y"]) + float(band.attributes["height"])
    tops = [float(node.attributes["y"]) for node in figure.all("svg", "fill") if node.all("path", "metric")]
    assert len(tops) == 4
    assert max(tops) + lanes.PLOT <= foot < float(figure.attributes["height"])
    gaps = [later - earlier for earlier, later in itertools.pairwise(tops)]
    assert min(gaps) > lanes.PLOT


def test_a_hole_is_a_hole() -> None:
    figure = drawn(made(VIEW))
    replaced = steps(figure, of(figure, 1))
    holes = [(a[1], b[0]) for a, b in itertools.pairwise(replaced) if b[0] > a[1] + 1]
    assert len(holes) == 1
    assert of(figure, 1).attributes["d"].count("M") == 2


def test_names_say_what_and_how_much() -> None:
    figure = drawn(made(VIEW))
    names = [node.text.replace("\xa0", " ") for node in figure.all("text", "over-lane")]
    assert names == [
        "memory of 2 pods, 0 to 1.06 GiB",
        "queries running, 0 to 2",
        "queries failed, 0 to 0.667/s",
        "workers active, 0 to 2",
    ]
    assert [one.text for one in of(figure, 1).all("title")] == ["trino-worker-<b>0</b>"]
    assert "Engine metrics: memory of 2 pods, 0 to 1.06" in figure.one("desc").text


def test_a_value_that_never_was_more_than_nothing_is_a_line_at_the_foot() -> None:
    flat = EngineMetrics(
        step_seconds=5.0,
        series=(MetricSeries(measure="parts", unit="parts", values=(0.0,) * 4),),
    )
    figure = drawn(made(flat))
    assert {height for *_, height in steps(figure, of(figure, 0))} == {0}
    assert "parts, 0 to 0" in figure.text


@pytest.mark.parametrize("view", [None, GONE, EMPTY])
def test_without_metrics_there_is_no_lane(view: EngineMetrics | None) -> None:
    figure, plain = drawn(made(view)), drawn(made(None))
    assert not figure.all("path", "metric")
    assert figure.attributes["height"] == plain.attributes["height"]


def test_the_table_tells_the_phases_apart() -> None:
    rows = engine_metrics.metric_rows(VIEW, (4.0, 25.6))
    told = {(row.measure, row.of): (row.before, row.during, row.after) for row in rows}
    assert told["queries running", ""] == ("2", "0 – 2", "2")
    assert told["queries failed", ""] == ("0/s", "0/s – 0.667/s", "0/s")
    before, during, after = told["memory", "trino-worker-<b>0</b>"]
    assert before == during == after == "591\xa0MiB"
    assert engine_metrics.metric_rows(VIEW, None) == engine_metrics.metric_rows(None, (1, 2)) == ()
    assert [row.after for row in engine_metrics.metric_rows(VIEW, (4.0, 500.0))] == ["–"] * 5


DETAILS = [
    (VIEW, "4 of 5 measured; Prometheus has no value of: parts"),
    (VIEW.model_copy(update={"missing": ()}), "4 of 4 measured"),
    (GONE, "not measured: prometheus does not answer <b>"),
    (EMPTY, "not measured: Prometheus has no value of: memory, parts"),
]


@pytest.mark.parametrize(("view", "text"), DETAILS)
def test_the_details(view: EngineMetrics, text: str) -> None:
    assert engine_metrics.details(view) == text


def test_the_page_has_them_and_does_not_speak_of_them_without() -> None:
    page = parse(render_html(empty_results(experiments=(made(VIEW), made(GONE, 1)))))
    first, second = page.by_id("experiment-1"), page.by_id("experiment-2")
    assert "trino-worker-<b>0</b>" in first.text
    assert "not measured: prometheus does not answer <b>" in second.text
    assert "lowest – highest" in first.text and "lowest – highest" not in second.text
    assert "engine metrics: 4 of 5 measured" in render_junit(empty_results(experiments=(made(VIEW),)))
    without = parse(render_html(empty_results(experiments=(made(None),))))
    assert "ngine metric" not in without.by_id("experiments").text


def test_the_sample_run_has_metrics() -> None:
    assert any(item.metrics and item.metrics.series for item in sample_results().experiments)
