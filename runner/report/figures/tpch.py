"""TPC-H: one group of bars per query, one bar per engine; the hot median as its length, the cold run as a mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from runner.report.figures import svg
from runner.report.figures.scale import LinearScale, LogScale, bar_scale
from runner.report.units import duration

BAR = 9
PITCH = 13
SPACE = 9


@dataclass(frozen=True, slots=True)
class Bar:
    """One query on one engine: seconds, ``None`` where it did not run; ``series`` picks the colour.

    ``interval`` is that of the hot median.
    """

    engine: str
    series: str
    hot: float | None
    cold: float | None
    valid: bool
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class BarGroup:
    """One query on every engine."""

    query: int
    bars: tuple[Bar, ...]


def tpch_scale(groups: Sequence[BarGroup]) -> LinearScale | LogScale:
    """The scale that these values need."""
    return bar_scale([v for group in groups for bar in group.bars for v in _values(bar) if v is not None])


def _values(bar: Bar) -> tuple[float | None, ...]:
    return bar.hot, bar.cold, *(bar.interval or ())


def tpch_figure(key: str, groups: Sequence[BarGroup]) -> Markup:
    """Draw the groups, in the given order."""
    scale = tpch_scale(groups)
    heights = [PITCH * len(group.bars) + SPACE for group in groups]
    bottom = sum(heights) + 4
    body = [svg.x_axis(scale.ticks(), top=0, bottom=bottom)]
    body += [_group(group, scale, SPACE / 2 + 2 + sum(heights[:index])) for index, group in enumerate(groups)]
    return svg.figure(
        key,
        title="TPC-H query times",
        description="; ".join(_describe(group) for group in groups) + ".",
        height=bottom + 22,
        body=body,
        kind="tpch",
        data_scale="log" if isinstance(scale, LogScale) else "linear",
    )


def _group(group: BarGroup, scale: LinearScale | LogScale, top: float) -> Markup:
    middle = top + PITCH * len(group.bars) / 2 + 3
    items = [svg.text(f"Q{group.query}", "0", middle, "tick", dx=-8, text_anchor="end")]
    for index, bar in enumerate(group.bars):
        items += _bar(group.query, bar, scale, top + PITCH * index)
    return svg.group(items, class_="query")


def _bar(query: int, bar: Bar, scale: LinearScale | LogScale, y: float) -> list[Markup]:
    wrong = "" if bar.valid else ", wrong answer"
    values = [svg.text(duration(bar.hot), "100%", y + BAR, "value" if bar.valid else "value bad", dx=58)]
    if wrong:
        values.append(svg.text("✕", "100%", y + BAR, "cross", dx=63))
    if bar.hot is None:
        return values
    cold = f", cold {duration(bar.cold)}" if bar.cold is not None else ""
    spread = f", interval {duration(bar.interval[0])} – {duration(bar.interval[1])}" if bar.interval else ""
    title = svg.element("title", f"Q{query}, {bar.engine}: {duration(bar.hot)}{spread}{cold}{wrong}")
    width = svg.percent(min(1.0, max(0.0, scale(bar.hot))))
    items = [svg.element("rect", title, x="0", y=y, width=width, height=BAR, class_=f"bar {bar.series}")]
    if bar.interval is not None:
        low, high = (min(1.0, max(0.0, scale(value))) for value in bar.interval)
        middle = y + BAR / 2
        items.append(svg.horizontal(middle, "whisker", low, high))
        items += [svg.vertical(end, middle - 2.5, middle + 2.5, "whisker") for end in (low, high)]
    if bar.cold is not None:
        at = svg.percent(min(1.0, max(0.0, scale(bar.cold))))
        items.append(svg.element("circle", title, cx=at, cy=y + BAR / 2, r=3.5, class_=f"cold {bar.series}"))
    return [*items, *values]


def _describe(group: BarGroup) -> str:
    return f"Q{group.query}: " + ", ".join(f"{bar.engine} {duration(bar.hot)}" for bar in group.bars)
