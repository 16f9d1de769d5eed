"""What Kubernetes said, beside what clients saw: in the timeline, the tables and in words."""

from __future__ import annotations

import random
import re

import pytest

from runner.report import kubernetes
from runner.report.figures.timeline import timeline_figure
from runner.report.html import render_html
from runner.report.markdown import render_markdown
from runner.report.units import NONE
from runner.results import Experiment, KubernetesComparison, KubernetesView
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import STORIES, empty_results, experiment, sample_results

COMPARED = KubernetesComparison(
    failing_seconds=1.5,
    longest_seconds=1.25,
    longest_at_seconds=-0.04,
    unready_seconds=12.0,
    served_seconds=0.5,
    unobserved_seconds=0.0,
    ready_gap_seconds=-0.3,
    all_ready_seconds=14.0,
)
VIEW = KubernetesView(
    ready=((0.02, 5.5), (17.5, 30.0)),
    all_pods_ready=((0.02, 4.4), (18.0, 30.0)),
    not_observed=((-0.001, 0.02),),
    compared=COMPARED,
)
REFUSED = KubernetesView(not_measured='no right to watch pods <b>"here"</b>')


def made(view: KubernetesView | None, story: int = 0) -> Experiment:
    item = experiment(STORIES[story], random.Random(5))  # noqa: S311 - not for secrets
    return item.model_copy(update={"kubernetes": view})


def drawn(item: Experiment) -> Node:
    return parse(str(timeline_figure("t", item))).one("svg", "timeline")


def position(node: Node, name: str) -> float:
    return float(node.attributes[name].removesuffix("%")) / 100


def changed(**changes: object) -> KubernetesView:
    return VIEW.model_copy(update={"compared": COMPARED.model_copy(update=changes)})


def test_the_lane_is_on_the_time_scale_under_the_lanes_of_the_clients() -> None:
    figure = drawn(made(VIEW))
    low, high = float(figure.attributes["data-low"]), float(figure.attributes["data-high"])
    first, second = (node for node in figure.all("rect", "ready") if "unobserved" not in node.classes)
    for node, (start, end) in zip((first, second), VIEW.ready, strict=True):
        assert low + position(node, "x") * (high - low) == pytest.approx(start, abs=0.005)
        assert position(node, "width") * (high - low) == pytest.approx(end - start, abs=0.005)
    lanes = [float(n.attributes["y"]) for n in figure.all("text") if any(c.startswith("lane-") for c in n.classes)]
    assert float(first.attributes["y"]) > max(lanes)
    assert float(first.attributes["y"]) + float(first.attributes["height"]) < float(figure.attributes["height"])
    assert "k8s ready" in [node.text for node in figure.all("text")]
    assert first.text.startswith("Kubernetes says ready from 20")
    assert "Kubernetes said ready: 20 ms to 5.50 s, 17.5 s to 30.0 s." in figure.one("desc").text.replace("\xa0", " ")


def test_what_was_not_observed_is_drawn_apart() -> None:
    (node,) = drawn(made(VIEW)).all("rect", "unobserved")
    assert position(node, "x") == 0.0
    assert "not observed" in node.text


@pytest.mark.parametrize("view", [None, REFUSED])
def test_without_a_view_there_is_no_lane(view: KubernetesView | None) -> None:
    figure = drawn(made(view))
    assert not figure.all("rect", "ready")
    assert "Kubernetes" not in figure.text
    assert int(float(figure.attributes["height"])) < int(float(drawn(made(VIEW)).attributes["height"]))


def test_a_run_without_kubernetes_does_not_speak_of_it() -> None:
    for text in (render_markdown(sample_results()), render_html(sample_results())):
        assert "Gray failure" not in text
        assert "Ready gap" not in text


def test_the_tables_have_both_columns_and_a_sentence() -> None:
    results = empty_results(experiments=(made(VIEW), made(REFUSED, 1), made(None, 2)))
    text = render_markdown(results).replace("\xa0", " ")
    assert "| Full capacity | Gray failure | Ready gap |" in text
    assert "| 1.50 s | −300 ms |" in text
    assert "| not measured | not measured |" in text
    assert "HotOS 2017" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows if "Gray failure" in row or "kill" in row}) == 1
    page = parse(render_html(results))
    table = page.by_id("experiments").all("table", "pinned")[0]
    heads = [node.text for node in table.all("th") if node.attributes.get("scope") == "col"]
    for row in (row for row in table.all("tr") if row.all("a")):
        assert len(row.children) == len(heads)
    assert heads[heads.index("Full capacity") + 1 :][:2] == ["Gray failure", "Ready gap"]
    group = table.all("tr", "group")[0].children[0]
    assert int(group.attributes["colspan"]) == len(heads)
    assert sum(int(th.attributes.get("colspan", "1")) for th in table.all("th", "span")) == len(heads)
    assert "HotOS 2017" in page.by_id("experiments").text
    assert 'not measured: no right to watch pods <b>"here"</b>' in page.by_id("experiment-2").text


@pytest.mark.parametrize(
    ("view", "gray", "gap"),
    [
        (None, NONE, NONE),
        (REFUSED, "not measured", "not measured"),
        (VIEW.model_copy(update={"compared": None}), NONE, NONE),
        (VIEW, "1.50 s", "−300 ms"),
        (changed(ready_gap_seconds=1.25), "1.50 s", "+1.25 s"),
        (changed(ready_gap_seconds=None, unready_seconds=0.0), "1.50 s", "ready throughout"),
        (changed(ready_gap_seconds=None, unready_seconds=0.0, unobserved_seconds=2.0), "1.50 s", "not seen unready"),
        (changed(ready_gap_seconds=None), "1.50 s", NONE),
    ],
)
def test_the_cells(view: KubernetesView | None, gray: str, gap: str) -> None:
    assert kubernetes.gray_failure(view).replace("\xa0", " ") == gray
    assert kubernetes.ready_gap(view).replace("\xa0", " ") == gap


def test_the_details() -> None:
    said = kubernetes.details(VIEW).replace("\xa0", " ")
    assert "longest gray failure 1.25 s, beginning −40 ms from the confirmed injection" in said
    assert "said not ready for 12.0 s" in said
    assert "all pods Ready again 14.0 s after" in said
    assert "longest" not in kubernetes.details(changed(longest_at_seconds=None))
    assert "nothing to compare" in kubernetes.details(VIEW.model_copy(update={"compared": None}))
