"""One measure over many runs: a dot for each, at even distances, joined where the setting was the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from runner.report.figures import svg
from runner.report.figures.scale import LinearScale, from_zero
from runner.report.units import duration

HEIGHT = 84
TOP = 8


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One run: where it stands among all (0 to 1), its value in seconds, and what it is called.

    ``setting`` is anything that is equal for runs whose values may be compared.
    """

    at: float
    seconds: float
    label: str
    setting: object
    censored: bool = False


def trend_figure(key: str, title: str, points: Sequence[TrendPoint], series: str) -> Markup:
    """Draw the points, the earliest first, on an axis from zero."""
    scale = from_zero([point.seconds for point in points])
    body = [svg.y_axis([(_y(scale, value), label) for value, label in _marks(scale)])]
    body.append(svg.stretched(_lines(points, scale, series), top=0, height=HEIGHT))
    body += [_dot(point, scale, series) for point in points]
    described = (
        f"{title}: first {duration(points[0].seconds)}, last {duration(points[-1].seconds)}, {len(points)} runs."
    )
    return svg.figure(key, title=title, description=described, height=HEIGHT, body=body, kind="trend")


def _marks(scale: LinearScale) -> list[tuple[float, str]]:
    ticks = LinearScale(scale.low, scale.high, most=3).ticks()
    return [(at * (scale.high - scale.low) + scale.low, label) for at, label in ticks]


def _y(scale: LinearScale, seconds: float) -> float:
    return TOP + (HEIGHT - 2 * TOP) * (1 - scale(seconds))


def _x(point: TrendPoint) -> float:
    return 0.01 + 0.98 * point.at


def _lines(points: Sequence[TrendPoint], scale: LinearScale, series: str) -> list[Markup]:
    """Between neighbours that may be compared."""
    joined = [pair for pair in pairwise(points) if pair[0].setting == pair[1].setting]
    steps = "".join(
        f"M{svg.WIDTH * _x(a):.1f} {_y(scale, a.seconds):.1f}L{svg.WIDTH * _x(b):.1f} {_y(scale, b.seconds):.1f}"
        for a, b in joined
    )
    return [svg.element("path", d=steps, class_=f"trend-line {series}")] if steps else []


def _dot(point: TrendPoint, scale: LinearScale, series: str) -> Markup:
    value = f"{'> ' if point.censored else ''}{duration(point.seconds)}"
    title = svg.element("title", f"{point.label}: {value}{', not recovered' if point.censored else ''}")
    class_ = "trend-dot fail" if point.censored else f"trend-dot {series}"
    at, y = svg.percent(_x(point)), _y(scale, point.seconds)
    if point.censored:
        cross = svg.element("path", title, d="M-4 -4L4 4M4 -4L-4 4", class_=class_)
        return svg.element("svg", cross, x=at, y=y, class_="diamond")
    return svg.element("circle", title, cx=at, cy=y, r=3.5, class_=class_)
