"""The availability timeline of one experiment: every probe at its intended time, the injection as a shaded band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from runner.report.figures import alerts, engine_metrics, marks, svg
from runner.report.figures.scale import LinearScale, LogScale, log_scale
from runner.report.units import duration, plural
from runner.results import Experiment, KubernetesView, Sample

LABEL_ROW = 15
PLOT = 150
GAP = 16
LANE_PITCH = marks.LANE + 4
AXIS = 22
NARROWEST = 250  # pixels of plot on a small phone
CHARACTER = 6.0  # pixels, on average, at the size of a label


@dataclass(frozen=True, slots=True)
class Event:
    """A moment worth a line: ``at`` in seconds since the experiment's start."""

    name: str
    at: float
    label: str


def events(experiment: Experiment) -> tuple[Event, ...]:
    """Confirmed injection, detection, recovery and full capacity, in the order of time.

    The measures count from the *confirmed* injection, so without that moment there is nothing to draw.
    """
    if experiment.injection.confirmed_at is None:
        return ()
    confirmed = experiment.injection.confirmed_at - experiment.started_at
    measures = [
        ("detection", "detected", experiment.detection_seconds),
        _recovery(experiment),
        ("full-capacity", "full capacity", experiment.full_capacity_seconds),
    ]
    found = [Event("confirmed", confirmed, "injection confirmed")]
    found += [Event(name, confirmed + s, f"{word} +{duration(s)}") for name, word, s in measures if s is not None]
    return tuple(sorted(found, key=lambda event: event.at))


def _recovery(experiment: Experiment) -> tuple[str, str, float | None]:
    if experiment.rto_censored:
        return "censored", "not recovered at", experiment.rto_seconds
    return "recovery", "recovered", experiment.rto_seconds or None


def timeline_figure(key: str, experiment: Experiment) -> Markup:
    """Draw it.

    Args:
        key: unique in the page.
        experiment: one with samples.
    """
    samples = sorted(experiment.samples, key=lambda sample: sample.at)
    found = events(experiment)
    x = _time_scale(experiment, samples, found)
    y = log_scale([*(sample.latency for sample in samples), experiment.probe_deadline_seconds])
    positions = [x(sample.at) for sample in samples]
    lanes = [outcome for outcome in marks.OUTCOMES if outcome == "ok" or any(s.outcome == outcome for s in samples)]
    top = LABEL_ROW * len(found) + 6
    strip = top + PLOT + GAP
    view = strip + LANE_PITCH * len(lanes)
    alerting = view + (LANE_PITCH if _watched(experiment) else 0)
    recorded = alerting + alerts.height(experiment.alerts)
    bottom = recorded + engine_metrics.height(experiment.metrics)
    body = [
        _band(experiment, x, top, bottom),
        svg.x_axis(x.ticks(), top=top, bottom=bottom),
        svg.y_axis([(top + PLOT * (1 - fraction), label) for fraction, label in y.ticks()]),
        _deadline(experiment, y, top),
        svg.stretched(_points(samples, positions, y), top=top, height=PLOT),
        *_lanes(samples, positions, lanes, strip),
        *_kubernetes(experiment, x, view),
        *_lines(found, x, bottom),
        *alerts.lanes(experiment.alerts, x, alerting),
        *engine_metrics.lanes(experiment.metrics, x, recorded),
    ]
    return svg.figure(
        key,
        title=f"Availability timeline of {experiment.name}",
        description=_describe(experiment, samples, found),
        height=bottom + AXIS,
        body=body,
        kind="timeline",
        data_low=f"{x.low:g}",
        data_high=f"{x.high:g}",
    )


def _time_scale(experiment: Experiment, samples: Sequence[Sample], found: Sequence[Event]) -> LinearScale:
    moments = [0.0, experiment.duration_seconds, *(sample.at for sample in samples), *(event.at for event in found)]
    moments += [*(experiment.window or ()), *alerts.ends(experiment.alerts), *engine_metrics.ends(experiment.metrics)]
    low, high = min(moments), max(moments)
    return LinearScale(low, high if high > low else low + 1.0)


def _band(experiment: Experiment, x: LinearScale, top: float, bottom: float) -> Markup:
    if experiment.window is None:
        return Markup()
    start, end = x(experiment.window[0]), x(experiment.window[1])
    return svg.element(
        "rect",
        svg.element("title", f"injection from {duration(experiment.window[0])} to {duration(experiment.window[1])}"),
        x=svg.percent(start),
        y=top,
        width=svg.percent(end - start),
        height=bottom - top,
        class_="band" if experiment.injection.confirmed else "band unproven",
    )


def _deadline(experiment: Experiment, y: LogScale, top: float) -> Markup:
    return svg.horizontal(top + PLOT * (1 - y(experiment.probe_deadline_seconds)), "deadline")


def _points(samples: Sequence[Sample], positions: Sequence[float], y: LogScale) -> list[Markup]:
    """Each outcome in a shape of its own: dot, upright bar, square, ring."""
    places: dict[str, list[marks.Point]] = {outcome: [] for outcome in marks.OUTCOMES}
    for sample, position in zip(samples, positions, strict=True):
        places[sample.outcome].append((position * svg.WIDTH, PLOT * (1 - min(1.0, max(0.0, y(sample.latency))))))
    seen = {outcome: marks.thin(points) for outcome, points in places.items()}
    return [
        marks.dots(seen["ok"], "mark ok"),
        marks.dots(seen["unknown"], "mark unknown"),
        marks.dots(seen["unknown"], "mark hole"),
        marks.bars(seen["failed"], "mark failed"),
        marks.dots(seen["wrong"], "mark wrong"),
    ]


def _lanes(samples: Sequence[Sample], positions: Sequence[float], lanes: Sequence[str], top: float) -> list[Markup]:
    rows = [top + LANE_PITCH * row for row in range(len(lanes))]
    labels = [
        svg.text(outcome, "0", row + marks.LANE - 1, f"tick lane-{outcome}", dx=-6, text_anchor="end")
        for outcome, row in zip(lanes, rows, strict=True)
    ]
    drawn = [
        svg.stretched([marks.lane(samples, outcome, positions)], top=row, height=marks.LANE)
        for outcome, row in zip(lanes, rows, strict=True)
    ]
    return [*labels, *drawn]


def _watched(experiment: Experiment) -> KubernetesView | None:
    view = experiment.kubernetes
    return None if view is None or view.not_measured else view


def _kubernetes(experiment: Experiment, x: LinearScale, top: float) -> list[Markup]:
    """The lane of Kubernetes' own view; the legend has its whole name, the margin room for a short one."""
    view = _watched(experiment)
    if view is None:
        return []
    stretches = [(one, "ready", "Kubernetes says ready") for one in view.ready]
    stretches += [(one, "ready unobserved", "Kubernetes' view not observed") for one in view.not_observed]
    return [
        svg.text("k8s ready", "0", top + marks.LANE - 1, "tick", dx=-6, text_anchor="end"),
        *(_stretch(x, one, top, class_, title) for one, class_, title in sorted(stretches)),
    ]


def _stretch(x: LinearScale, stretch: tuple[float, float], top: float, class_: str, title: str) -> Markup:
    start, end = (min(1.0, max(0.0, x(moment))) for moment in stretch)
    words = f"{title} from {duration(max(0.0, stretch[0]))} to {duration(stretch[1])}"
    return svg.element(
        "rect",
        svg.element("title", words),
        x=svg.percent(start),
        y=top,
        width=svg.percent(end - start),
        height=marks.LANE,
        class_=class_,
    )


def _lines(found: Sequence[Event], x: LinearScale, bottom: float) -> list[Markup]:
    """A line per event with its label on a row of its own, so labels cannot collide at any width.

    A label beside its line reads to the right in the left half and to the left in the right half; among the former
    the earlier is higher, among the latter the later, so that no line runs through a label.
    """
    placed = [(event, x(event.at), _reads_right(x(event.at), event.label)) for event in found]
    order = [item for item in placed if item[2]] + [item for item in reversed(placed) if not item[2]]
    items: list[Markup] = []
    for row, (event, position, right) in enumerate(order):
        baseline = LABEL_ROW * row + 11
        items.append(svg.vertical(position, baseline - 8, bottom, f"event {event.name}"))
        items.append(
            svg.text(
                event.label,
                svg.percent(position),
                baseline,
                f"event-label {event.name}",
                dx=5 if right else -5,
                text_anchor="start" if right else "end",
            )
        )
    return sorted(items, key=lambda item: item.startswith("<text"))


def _reads_right(position: float, label: str) -> bool:
    width = len(label) * CHARACTER / NARROWEST
    return position + width <= 1 or position < 0.5


def _describe(experiment: Experiment, samples: Sequence[Sample], found: Sequence[Event]) -> str:
    numbers = {outcome: sum(sample.outcome == outcome for sample in samples) for outcome in marks.OUTCOMES}
    seen = ", ".join(f"{number} {outcome}" for outcome, number in numbers.items() if number)
    parts = [f"{plural(len(samples), 'probe')} over {duration(experiment.duration_seconds)}: {seen}."]
    if experiment.window:
        parts.append(f"Fault injected from {duration(experiment.window[0])} to {duration(experiment.window[1])}.")
    if view := _watched(experiment):
        said = ", ".join(f"{duration(max(0.0, start))} to {duration(end)}" for start, end in view.ready)
        parts.append(f"Kubernetes said ready: {said or 'never'}.")
    if said := alerts.described(experiment.alerts):
        parts.append(f"{said}.")
    if said := engine_metrics.described(experiment.metrics):
        parts.append(f"Engine metrics: {said}.")
    if found:
        parts.append("; ".join(f"{event.label} (at {duration(event.at)})" for event in found) + ".")
    return " ".join(parts)
