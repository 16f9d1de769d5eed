"""What monitoring saw: lanes under the timeline, columns, words."""

from __future__ import annotations

import random
from typing import Any

import pytest

from runner.report import alerts
from runner.report.alert_metrics import ALERT_FAMILIES, alert_samples
from runner.report.figures import alerts as lanes
from runner.report.figures.timeline import timeline_figure
from runner.report.html import render_html
from runner.report.junit import render_junit
from runner.report.markdown import render_markdown
from runner.report.units import NONE
from runner.results import AlertSeen, AlertsView, ExpectedAlert, Experiment
from tests.unit.report.alerted import alerted
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import STORIES, empty_results, experiment, sample_results

VIEW = alerted(4.0, 30.0)
GONE = AlertsView(not_measured="prometheus does not answer <b>", asked=True)


def made(view: AlertsView | None, story: int = 0) -> Experiment:
    item = experiment(STORIES[story], random.Random(5))  # noqa: S311 - not for secrets
    return item.model_copy(update={"alerts": view})


def drawn(item: Experiment) -> Node:
    return parse(str(timeline_figure("t", item))).one("svg", "timeline")


def position(node: Node, name: str) -> float:
    return float(node.attributes[name].removesuffix("%")) / 100


def test_the_lanes_are_on_the_time_scale_which_reaches_to_the_last_resolution() -> None:
    figure = drawn(made(VIEW))
    low, high = float(figure.attributes["data-low"]), float(figure.attributes["data-high"])
    assert high >= 60
    down = next(one for one in VIEW.seen if one.name == "TrinoDown")
    (firing,) = (node for node in figure.all("rect", "firing") if "expected" in node.classes)
    (pending,) = figure.all("rect", "pending")
    for node, stretch in ((firing, down.firing[0]), (pending, down.pending[0])):
        assert low + position(node, "x") * (high - low) == pytest.approx(stretch[0], abs=0.05)
        assert position(node, "width") * (high - low) == pytest.approx(stretch[1] - stretch[0], abs=0.05)
    assert firing.attributes["y"] == pending.attributes["y"]


def test_each_alert_has_its_name_and_what_to_think_of_it_and_its_own_row() -> None:
    figure = drawn(made(VIEW))
    names = [node.text for node in figure.all("text", "alert-name")]
    assert names == ["ClickHouseDown (unexpected)", "TrinoDown (expected, silenced)", "<b>Other</b> (other rule)"]
    rows = {node.attributes["y"] for node in figure.all("rect", "alert")}
    assert len(rows) == 3
    assert max(map(float, rows)) + 10 < float(figure.attributes["height"])
    assert "alert TrinoDown (expected, silenced): pending 24.0" in figure.one("desc").text.replace("\xa0", " ")


def test_no_more_lanes_than_people_can_read() -> None:
    seen = tuple(AlertSeen(name=f"A{n}", role="other", firing=((n, n + 1),)) for n in range(20))
    worst = AlertSeen(name="Worst", role="unexpected", firing=((90, 91),))
    view = AlertsView(seen=(*seen, worst))
    assert len(lanes.shown(view)) == lanes.MOST
    assert lanes.shown(view)[0] is worst


@pytest.mark.parametrize("view", [None, GONE, AlertsView()])
def test_without_alerts_there_is_no_lane(view: AlertsView | None) -> None:
    figure, plain = drawn(made(view)), drawn(made(None))
    assert not figure.all("rect", "alert")
    assert figure.attributes["height"] == plain.attributes["height"]


def expected(outcome: str, **fields: Any) -> AlertsView:
    return AlertsView(
        expected=(
            ExpectedAlert.model_validate({"name": "TrinoDown", "outcome": outcome, "needs_seconds": 95} | fields),
        )
    )


CELLS = [
    (None, NONE, False),
    (GONE, "not measured", False),
    (AlertsView(), "none expected", False),
    (expected("fired", fired_seconds=41.0), "TrinoDown +41.0 s", False),
    (expected("missing"), "TrinoDown did not fire", True),
    (expected("not due"), "TrinoDown not due", False),
    (expected("active before"), "TrinoDown on before", False),
    (expected("no rule", needs_seconds=None), "TrinoDown no such rule", False),
    (expected("unknown"), "TrinoDown not measured", False),
    (VIEW, "TrinoDown +22.0 s; unexpected: ClickHouseDown", True),
]


@pytest.mark.parametrize(("view", "text", "bad"), CELLS)
def test_the_cells(view: AlertsView | None, text: str, *, bad: bool) -> None:
    assert alerts.cell(view).replace("\xa0", " ") == text
    assert alerts.bad(view) == bad


DETAILS = [
    (VIEW, "TrinoDown fired +22.0 s from the confirmed injection and was resolved +38.5 s from the recovery"),
    (VIEW, "Prometheus did not answer for 6.00 s"),
    (VIEW, "clock is −3.25 s ± 4.0 ms from the runner's"),
    (VIEW, "Grafana annotation 7"),
    (VIEW, "ClickHouseDown unexpected"),
    (GONE, "not measured: prometheus does not answer"),
    (expected("fired", fired_seconds=1, waited_seconds=9), "still on when it was last looked at, 9.00 s after the"),
    (expected("missing"), "TrinoDown: did not fire although it takes at most 95.0 s"),
    (expected("not due", lasted_seconds=20), "it takes at most 95.0 s, the outage is known to have lasted 20.0 s"),
    (expected("not due"), "how long the outage lasted for it is not known"),
    (AlertsView(blind="nobody looks there"), "none can see it: nobody looks there"),
    (AlertsView(), "no alert must fire"),
]


@pytest.mark.parametrize(("view", "text"), DETAILS)
def test_the_details(view: AlertsView, text: str) -> None:
    assert text in alerts.details(view).replace("\xa0", " ")


def test_a_line_of_text_speaks_of_alerts_only_where_there_is_something_to_say() -> None:
    assert alerts.summary(None) == ""
    assert alerts.summary(AlertsView(not_measured="gone")) == ""
    assert alerts.summary(GONE) == "alerts: not measured"
    assert alerts.summary(VIEW).endswith("unexpected: ClickHouseDown, and 1 alert of other rules")


def test_every_report_has_them_and_none_speaks_of_them_without() -> None:
    with_alerts = empty_results(experiments=(made(VIEW), made(GONE, 1), made(None, 2)))
    without = empty_results(experiments=(made(None), made(None, 1)))
    for render in (render_html, render_markdown, render_junit):
        assert "TrinoDown" in render(with_alerts)
        assert "not measured" in render(with_alerts)
        assert "alert" not in render(without).lower().replace("svg .alert", "")


def test_the_table_has_as_many_cells_as_heads() -> None:
    page = parse(render_html(empty_results(experiments=(made(VIEW), made(GONE, 1), made(None, 2)))))
    table = page.by_id("experiments").all("table", "pinned")[0]
    heads = [node.text for node in table.all("th") if node.attributes.get("scope") == "col"]
    assert heads[-1] == "Alerts"
    for row in (row for row in table.all("tr") if row.all("a")):
        assert len(row.children) == len(heads)
    assert int(table.all("tr", "group")[0].children[0].attributes["colspan"]) == len(heads)
    assert sum(int(th.attributes.get("colspan", "1")) for th in table.all("th", "span")) == len(heads)
    assert "prometheus does not answer <b>" in page.by_id("experiment-2").text


def test_samples_for_metrics() -> None:
    found = list(alert_samples(made(VIEW), {"experiment": "x"}))
    assert {name for name, _, _ in found} == {name for name, _, _ in ALERT_FAMILIES}
    assert ("qer_experiment_alerts_unexpected", {"experiment": "x"}, 1) in found
    assert ("qer_experiment_alert_resolved_seconds", {"experiment": "x", "alert": "TrinoDown"}, 38.5) in found
    assert list(alert_samples(made(GONE), {})) == list(alert_samples(made(None), {})) == []


def test_the_sample_run_has_alerts() -> None:
    assert any(item.alerts for item in sample_results().experiments)
