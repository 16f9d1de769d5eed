"""Lanes of engine metrics under an experiment's timeline: a line each, its name and its largest value above it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from runner.report import engine_metrics
from runner.report.figures import svg
from runner.report.figures.scale import LinearScale
from runner.report.units import plural
from runner.results import EngineMetrics, MetricSeries

PLOT = 26  # pixels
_NAME = 15
_PITCH = _NAME + PLOT + 5
_COLOURS = 4

Lane = tuple[str, tuple[MetricSeries, ...]]


def measured(view: EngineMetrics | None) -> list[Lane]:
    """Series by what they measure, in their own order."""
    found = groupby(view.series, key=lambda one: one.measure) if view else ()
    return [(name, tuple(members)) for name, members in found]


def height(view: EngineMetrics | None) -> int:
    """Pixels that the lanes take."""
    return _PITCH * len(measured(view))


def ends(view: EngineMetrics | None) -> list[float]:
    """Last moments of the lanes: what was recorded after the probes had ended belongs to the recovery."""
    if view is None:
        return []
    return [view.start_seconds + view.step_seconds * (len(one.values) - 1) for one in view.series]


def lanes(view: EngineMetrics | None, x: LinearScale, top: float) -> list[Markup]:
    """Draw them from ``top`` down."""
    if view is None:
        return []
    return [item for row, lane in enumerate(measured(view)) for item in _lane(view, lane, x, top + _PITCH * row)]


def described(view: EngineMetrics | None) -> str:
    """What the lanes say, for those who cannot see them."""
    return "; ".join(_title(name, series) for name, series in measured(view))


def _lane(view: EngineMetrics, lane: Lane, x: LinearScale, top: float) -> list[Markup]:
    name, series = lane
    highest = _highest(series) or 1.0
    paths = [
        svg.element(
            "path",
            *([svg.element("title", one.of)] if one.of else []),
            d=_path([(x(at), value) for at, value in engine_metrics.moments(view, one)], highest),
            class_=f"metric s{index % _COLOURS + 1}",
        )
        for index, one in enumerate(series)
    ]
    return [
        svg.horizontal(top + _NAME + PLOT, "grid"),
        svg.stretched(paths, top=top + _NAME, height=PLOT),
        svg.text(_title(name, series), "0", top + _NAME - 3, "tick over-lane", dx=2),
    ]


def _path(points: Sequence[tuple[float, float | None]], highest: float) -> str:
    """Steps from each value to the next within the axis; a hole where there is none."""
    drawn: list[str] = []
    ends = [at for at, _ in points[1:]] + [1.0]
    joined: float | None = None
    for (start, value), end in zip(points, ends, strict=True):
        left, right = max(0.0, start), min(1.0, end)
        if value is None or right <= left:
            joined = None
            continue
        y = round(PLOT * (1 - max(0.0, value) / highest), 1)
        if joined is None:
            drawn.append(f"M{left * svg.WIDTH:.1f} {y:g}")
        elif y != joined:
            drawn.append(f"V{y:g}")
        drawn.append(f"H{right * svg.WIDTH:.1f}")
        joined = y
    return "".join(drawn)


def _title(name: str, series: Sequence[MetricSeries]) -> str:
    of = f" of {plural(len(series), 'pod')}" if any(one.of for one in series) else ""
    return f"{name}{of}, 0 to {engine_metrics.shown(_highest(series), series[0].unit)}"


def _highest(series: Sequence[MetricSeries]) -> float:
    return max((value for one in series for value in one.values if value is not None), default=0.0)
