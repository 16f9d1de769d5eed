"""The timeline: band, lines, labels and marks are where the measurements say."""

from __future__ import annotations

import random
import re

import pytest

from runner.report.experiments import outages, phases
from runner.report.figures import marks
from runner.report.figures.timeline import CHARACTER, NARROWEST, events, timeline_figure
from runner.results import Experiment, Sample, Verdict
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import STORIES, Story, experiment

TROUBLE = Story("kill", "pod", "trino", "worker-1", outage=(0.1, 15.2), full_capacity=19.6, held=8.0, wrong=2)


def drawn(item: Experiment) -> Node:
    return parse(str(timeline_figure("t", item))).one("svg", "timeline")


def made(story: Story = TROUBLE) -> Experiment:
    return experiment(story, random.Random(5))  # noqa: S311 - not for secrets


def position(node: Node, name: str) -> float:
    return float(node.attributes[name].removesuffix("%")) / 100


def test_the_band_spans_the_injection_on_the_time_scale() -> None:
    item = made()
    assert item.window is not None
    figure = drawn(item)
    low, high = float(figure.attributes["data-low"]), float(figure.attributes["data-high"])
    band = figure.one("rect", "band")
    start, width = position(band, "x"), position(band, "width")
    assert low + start * (high - low) == pytest.approx(item.window[0], abs=0.001)
    assert low + (start + width) * (high - low) == pytest.approx(item.window[1], abs=0.001)


def test_lines_stand_at_their_moments_counted_from_the_confirmed_injection() -> None:
    item = made()
    figure = drawn(item)
    high = float(figure.attributes["data-high"])
    confirmed = (item.injection.confirmed_at or 0) - item.started_at
    expected = {
        "confirmed": confirmed,
        "detection": confirmed + (item.detection_seconds or 0),
        "recovery": confirmed + (item.rto_seconds or 0),
        "full-capacity": confirmed + (item.full_capacity_seconds or 0),
    }
    for name, moment in expected.items():
        assert position(figure.one("line", name), "x1") * high == pytest.approx(moment, abs=0.002)


@pytest.mark.parametrize("story", [s for s in STORIES if s.verdict is not Verdict.SKIPPED])
def test_labels_never_collide_and_stay_inside_the_narrowest_figure(story: Story) -> None:
    labels = drawn(made(story)).all("text", "event-label")
    rows = [label.attributes["y"] for label in labels]
    assert len(rows) == len(set(rows))
    for label in labels:
        x, width = position(label, "x") * NARROWEST, len(label.text) * CHARACTER
        left = x - width if label.attributes["text-anchor"] == "end" else x
        assert left >= -20
        assert left + width <= NARROWEST + 20


def test_every_failure_has_its_tick_however_many_there_are() -> None:
    rng = random.Random(3)  # noqa: S311 - not for secrets
    moments = sorted(rng.uniform(0, 600) for _ in range(20_000))
    kinds = rng.choices(["ok", "failed", "wrong", "unknown"], weights=[80, 15, 3, 2], k=len(moments))
    samples = tuple(
        Sample(at=at, latency=rng.lognormvariate(-4, 1), outcome=kind)  # type: ignore[arg-type]
        for at, kind in zip(moments, kinds, strict=True)
    )
    figure = drawn(made().model_copy(update={"samples": samples, "duration_seconds": 600.0, "window": (4.0, 400.0)}))
    high = float(figure.attributes["data-high"])
    for outcome in ("failed", "wrong", "unknown"):
        lane = _lane(figure, outcome)
        ticks = {float(x) for x in re.findall(r"M([\d.]+) ", lane.attributes["d"])}
        places = [sample.at / high * 1000 for sample in samples if sample.outcome == outcome]
        assert lane.attributes["data-probes"] == str(len(places))
        for place in places:
            assert (
                min(abs(tick - place) for tick in ticks) <= 0.1 + 1e-6
            )  # units: an eighth of a pixel on a large screen


def _lane(figure: Node, outcome: str) -> Node:
    return next(node for node in figure.all("path", "lane") if outcome in node.classes)


def test_right_answers_are_thinned_but_keep_their_extremes() -> None:
    rng = random.Random(4)  # noqa: S311 - not for secrets
    points = [(rng.uniform(0, 1000), rng.uniform(20, 100)) for _ in range(50_000)]
    points += [(500.2, 3.0), (500.4, 148.0)]
    kept = marks.thin(points)
    assert len(kept) <= marks.OK_LIMIT + 3
    assert (500, 3) in kept
    assert (500, 148) in kept


def test_few_points_are_all_kept() -> None:
    points = [(float(x), float(x % 50)) for x in range(1000)]
    assert marks.thin(points) == [(round(x), round(y)) for x, y in points]


def test_each_outcome_has_a_shape_of_its_own() -> None:
    figure = drawn(made())
    assert "v8" in next(n for n in figure.all("path", "mark") if "failed" in n.classes).attributes["d"]
    for outcome in ("ok", "wrong"):
        assert "h0" in next(n for n in figure.all("path", "mark") if outcome in n.classes).attributes["d"]
    lanes = [node.text for node in figure.all("text") if any(c.startswith("lane-") for c in node.classes)]
    assert lanes == ["ok", "failed", "wrong"]


def test_without_an_injection_there_is_neither_band_nor_line() -> None:
    item = made().model_copy(
        update={"window": None, "injection": made().injection.model_copy(update={"confirmed_at": None})}
    )
    figure = drawn(item)
    assert not figure.all("rect", "band")
    assert not figure.all("line", "event")
    assert phases(item) == ()


def test_an_unproven_injection_is_only_outlined() -> None:
    story = next(story for story in STORIES if not story.confirmed)
    assert "unproven" in drawn(made(story)).one("rect", "band").classes
    assert "unproven" not in drawn(made()).one("rect", "band").classes


def test_a_censored_recovery_is_not_drawn_as_one() -> None:
    story = next(story for story in STORIES if story.censored)
    names = [event.name for event in events(made(story))]
    assert "censored" in names
    assert "recovery" not in names


def test_no_outage_has_no_recovery() -> None:
    story = next(story for story in STORIES if story.fault == "bandwidth")
    assert [event.name for event in events(made(story))] == ["confirmed"]


def test_outages_are_runs_of_probes_without_a_right_answer() -> None:
    outcomes = ["ok", "failed", "failed", "wrong", "ok", "ok", "failed"]
    samples = [
        Sample(at=number * 0.5, latency=0.1, outcome=outcome, error="reset" if outcome == "failed" else "")  # type: ignore[arg-type]
        for number, outcome in enumerate(outcomes)
    ]
    first, second = outages(reversed(samples))
    assert (first.first, first.last, first.probes) == (0.5, 1.5, 3)
    assert first.outcomes == "2 failed, 1 wrong"
    assert first.error == "reset (2)"
    assert (second.first, second.last) == (3.0, 3.0)


def test_phases_count_the_probes_of_the_timeline() -> None:
    item = made()
    counted = phases(item)
    assert [phase.title for phase in counted] == ["before", "during", "after"]
    assert sum(sum(phase.probes.values()) for phase in counted) == len(item.samples)
    assert counted[1].probes["failed"] == sum(sample.outcome == "failed" for sample in item.samples)
    assert "failed" not in counted[2].probes


@pytest.mark.parametrize("samples", [(), (Sample(at=0.0, latency=0.0, outcome="ok"),)])
def test_almost_nothing_can_be_drawn(samples: tuple[Sample, ...]) -> None:
    item = made().model_copy(update={"samples": samples, "duration_seconds": 0.0, "probe_deadline_seconds": 0.0})
    assert drawn(item).attributes["role"] == "img"
