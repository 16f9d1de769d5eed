"""A search for the saturation rate: every rate that was tried, with the percentile of latency it came to."""

from __future__ import annotations

import math

from markupsafe import Markup

from runner.report.figures import svg
from runner.report.figures.scale import LogScale, log_scale
from runner.report.units import duration, rate
from runner.results import SaturationResult, SaturationStep

HEIGHT = 200
TOP = 8
MOST_TICKS = 6


def saturation_figure(key: str, found: SaturationResult, title: str) -> Markup | None:
    """Draw one search; ``None`` where not one step has a latency.

    Args:
        key: unique in the page.
        found: the search.
        title: what was searched for.
    """
    steps = [step for step in found.steps if step.corrected.p99 is not None and step.purpose != "warm-up"]
    if not steps:
        return None
    x = log_scale([step.rate_per_second for step in steps])
    y = log_scale([*(step.corrected.p99 or 0.0 for step in steps), found.limit_seconds])
    limit = TOP + HEIGHT * (1 - y(found.limit_seconds))
    body = [
        svg.x_axis(_rates(x), top=TOP, bottom=TOP + HEIGHT),
        svg.y_axis([(TOP + HEIGHT * (1 - fraction), label) for fraction, label in y.ticks()]),
        svg.horizontal(limit, "limit"),
        svg.text(f"limit {duration(found.limit_seconds)}", "100%", limit - 5, "tick", text_anchor="end"),
        *(
            []
            if found.rate_per_second is None
            else [svg.vertical(x(found.rate_per_second), TOP, TOP + HEIGHT, "found")]
        ),
        *(_point(step, x, y) for step in steps),
    ]
    return svg.figure(
        key, title=title, description=_describe(found, steps), height=TOP + HEIGHT + 22, body=body, kind="latency"
    )


def _point(step: SaturationStep, x: LogScale, y: LogScale) -> Markup:
    p99 = step.corrected.p99 or 0.0
    said = f"{rate(step.rate_per_second)}: p99 {duration(p99)}, {step.outcome}"
    return svg.element(
        "circle",
        svg.element("title", said),
        cx=svg.percent(x(step.rate_per_second)),
        cy=TOP + HEIGHT * (1 - y(p99)),
        r=4,
        class_=f"point step {step.outcome}",
    )


def _rates(x: LogScale) -> list[tuple[float, str]]:
    """Ticks at 1, 2 and 5 times the powers of ten, thinned where there are too many."""
    exponents = range(math.floor(math.log10(x.low)), math.ceil(math.log10(x.high)) + 1)
    for mantissas in ((1.0, 2.0, 5.0), (1.0,)):
        values = [mantissa * 10.0**exponent for exponent in exponents for mantissa in mantissas]
        shown = [value for value in values if x.low * 0.999 <= value <= x.high * 1.001]
        if len(shown) <= MOST_TICKS:
            break
    return [(x(value), rate(value)) for value in shown]


def _describe(found: SaturationResult, steps: list[SaturationStep]) -> str:
    ordered = sorted(steps, key=lambda step: step.rate_per_second)
    listed = "; ".join(f"{rate(s.rate_per_second)} p99 {duration(s.corrected.p99)} {s.outcome}" for s in ordered)
    return f"Limit {duration(found.limit_seconds)}. {listed}."
