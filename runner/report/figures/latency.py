"""Latency by percentile of one load run, on HdrHistogram's axis: corrected and uncorrected for coordinated omission."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from runner.report.figures import svg
from runner.report.figures.scale import LogScale, PercentileScale, log_scale
from runner.report.units import duration
from runner.results import LoadResult, Percentiles

HEIGHT = 200
MOST_POINTS = 400
Curve = tuple[tuple[float, float], ...]


def points(percentiles: Percentiles) -> Curve:
    """(percentile, seconds) of the named percentiles that were measured."""
    named = {50.0: percentiles.p50, 90.0: percentiles.p90, 95.0: percentiles.p95, 99.0: percentiles.p99}
    named |= {99.9: percentiles.p999, 100.0: percentiles.max}
    return tuple((percentile, seconds) for percentile, seconds in named.items() if seconds is not None)


def shared_scale(loads: Sequence[LoadResult]) -> LogScale:
    """One latency axis for all load runs, so that their figures can be compared."""
    curves = [*(load.curve for load in loads)]
    curves += [points(p) for load in loads for p in (load.corrected, load.uncorrected)]
    return log_scale([seconds for curve in curves for _, seconds in curve])


def latency_figure(key: str, load: LoadResult, title: str, y: LogScale) -> Markup:
    """Draw one load run.

    Args:
        key: unique in the page.
        load: one with answers.
        title: what was loaded, and how hard.
        y: see ``shared_scale``.
    """
    x = PercentileScale(nines=max(2.0, min(6.0, math.log10(max(load.corrected.count, 1)))))
    corrected = load.curve or points(load.corrected)
    plain = points(load.uncorrected)
    body = [
        svg.x_axis(x.ticks(), top=8, bottom=8 + HEIGHT),
        svg.y_axis([(8 + HEIGHT * (1 - fraction), label) for fraction, label in y.ticks()]),
        svg.stretched(
            [_line(plain, x, y, "line uncorrected"), _line(corrected, x, y, "line corrected")], top=8, height=HEIGHT
        ),
        *(_point(percentile, seconds, x, y, "uncorrected") for percentile, seconds in plain),
        *(_point(percentile, seconds, x, y, "corrected") for percentile, seconds in points(load.corrected)),
    ]
    return svg.figure(key, title=title, description=_describe(load), height=8 + HEIGHT + 22, body=body, kind="latency")


def _line(curve: Curve, x: PercentileScale, y: LogScale, class_: str) -> Markup:
    """Steps, as a histogram has them; a curve of many points is thinned evenly, its last point kept."""
    stride = max(1, math.ceil(len(curve) / MOST_POINTS))
    kept = [*curve[:-1:stride], *curve[-1:]]
    path = "L".join(f"{x(p) * svg.WIDTH:.1f} {HEIGHT * (1 - y(s)):.1f}" for p, s in kept)
    return svg.element("path", d=f"M{path}", class_=class_) if path else Markup()


def _point(percentile: float, seconds: float, x: PercentileScale, y: LogScale, name: str) -> Markup:
    label = "maximum" if percentile == 100 else f"p{percentile:g}"
    return svg.element(
        "circle",
        svg.element("title", f"{label} {name}: {duration(seconds)}"),
        cx=svg.percent(x(percentile)),
        cy=8 + HEIGHT * (1 - y(seconds)),
        r=3.5,
        class_=f"point {name}",
    )


def _describe(load: LoadResult) -> str:
    def listed(percentiles: Percentiles) -> str:
        return ", ".join(f"p{p:g} {duration(s)}" if p < 100 else f"max {duration(s)}" for p, s in points(percentiles))

    return f"From intended start: {listed(load.corrected)}. From actual start: {listed(load.uncorrected)}."
