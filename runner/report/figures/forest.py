"""Ratios of two runs in one view: a dot with its interval on a logarithmic axis around 1, the margin shaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from benchmarks.regression import Change
from runner.report.figures import svg
from runner.report.units import NBSP, NONE

ROW = 21
TOP = 6
WIDEST = math.log(8)  # what lies beyond is cut, and marked so
TICKS = (1 / 8, 1 / 4, 1 / 2, 2 / 3, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 8.0)
APART = 0.15  # of the width, between two ticks: what a label takes on a phone
MARKS = {Change.WORSE: "fail", Change.BETTER: "pass", Change.SAME: "none", Change.CANNOT_TELL: "inconclusive"}


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One ratio; ``total`` is that of all rows together, ``None`` bounds have no interval."""

    label: str
    ratio: float | None
    low: float | None
    high: float | None
    change: Change
    total: bool = False

    @property
    def value(self) -> str:
        """The ratio and the verdict in words."""
        return f"{shown_ratio(self.ratio)} {self.change.value}"


def shown_ratio(value: float | None) -> str:
    """A ratio with two decimals, which is what a margin of some per cent needs: ``1.21×``."""
    return NONE if value is None else f"{value:.2f}×"


def shown_interval(low: float | None, high: float | None) -> str:
    """``1.12 – 1.30``; open above without an upper bound."""
    if low is None:
        return NONE
    return f">{NBSP}{low:.2f}" if high is None else f"{low:.2f}{NBSP}–{NBSP}{high:.2f}"


def forest_figure(key: str, title: str, rows: Sequence[ForestRow], margin: float) -> Markup:
    """Draw the rows in the given order; what is right of 1 has become slower."""
    reach = _reach(rows, margin)
    bottom = TOP + ROW * len(rows) + 2
    limit = math.log1p(margin) / reach / 2
    band = svg.element(
        "rect", x=svg.percent(0.5 - limit), y=0, width=svg.percent(2 * limit), height=bottom, class_="margin"
    )
    ticks = _ticks(reach)
    body = [band, svg.x_axis(ticks, top=0, bottom=bottom), svg.vertical(0.5, 0, bottom, "one")]
    body += [_row(row, reach, TOP + ROW * index + ROW / 2) for index, row in enumerate(rows)]
    described = "; ".join(f"{row.label}: {row.value}" for row in rows)
    return svg.figure(key, title=title, description=f"{described}.", height=bottom + 22, body=body, kind="forest")


def _reach(rows: Sequence[ForestRow], margin: float) -> float:
    """Half the axis, as a logarithm."""
    values = [value for row in rows for value in (row.ratio, row.low, row.high) if value]
    return min(WIDEST, max([2 * math.log1p(margin), *(1.05 * abs(math.log(value)) for value in values)]))


def _ticks(reach: float) -> list[tuple[float, str]]:
    """From 1 outwards, as many as there is room for."""
    chosen: list[tuple[float, str]] = []
    for value in sorted(TICKS, key=lambda tick: abs(math.log(tick))):
        at = 0.5 + math.log(value) / reach / 2
        if 0 <= at <= 1 and all(abs(at - other) >= APART for other, _ in chosen):
            chosen.append((at, f"{value:.2f}".rstrip("0").rstrip(".") + "×"))
    return sorted(chosen)


def _row(row: ForestRow, reach: float, y: float) -> Markup:
    mark = MARKS[row.change]
    told = svg.element("title", f"{row.label}: {row.value}, 95 %: {shown_interval(row.low, row.high)}")
    strong = "strong" if row.total else ""
    items = [
        told,
        svg.text(row.label, "0", y + 4, f"tick {strong}".strip(), dx=-8, text_anchor="end"),
        svg.text(row.value, "100%", y + 4, f"outcome {mark}", dx=10),
    ]
    if row.ratio:
        items += _interval(row, reach, y, mark)
        at = svg.percent(_position(row.ratio, reach))
        items.append(
            _diamond(at, y, mark) if row.total else svg.element("circle", cx=at, cy=y, r=4.5, class_=f"dot {mark}")
        )
    return svg.group(items, class_="forest-row")


def _interval(row: ForestRow, reach: float, y: float, mark: str) -> list[Markup]:
    if row.low is None:
        return []
    low, high = _position(row.low, reach), 1.0 if row.high is None else _position(row.high, reach)
    ends = [end for end in (low, high) if 0 < end < 1]  # no end mark where it goes on beyond the axis
    return [
        svg.horizontal(y, f"spread {mark}", low, high),
        *(svg.vertical(e, y - 4, y + 4, f"spread {mark}") for e in ends),
    ]


def _diamond(at: str, y: float, mark: str) -> Markup:
    path = svg.element("path", d="M0 -6L7 0L0 6L-7 0Z", class_=f"dot {mark}")
    return svg.element("svg", path, x=at, y=y, class_="diamond")


def _position(ratio: float, reach: float) -> float:
    return min(1.0, max(0.0, 0.5 + math.log(ratio) / reach / 2)) if ratio > 0 else 0.0
