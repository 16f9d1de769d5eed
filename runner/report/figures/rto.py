"""Recovery times of all experiments in one view: a dot with its uncertainty, an arrow where recovery was not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from runner.report.figures import svg
from runner.report.figures.scale import LinearScale, LogScale, from_zero, log_scale
from runner.report.units import with_uncertainty
from runner.results import Verdict

ROW = 34
LOG_RATIO = 20.0  # dots have no length, so a logarithm costs nothing and helps early


@dataclass(frozen=True, slots=True)
class RtoRow:
    """One experiment with a measured RTO (seconds)."""

    name: str
    verdict: Verdict
    seconds: float
    uncertainty: float
    censored: bool

    @property
    def value(self) -> str:
        """The RTO in words."""
        if self.seconds == 0 and not self.censored:
            return "no outage"
        return with_uncertainty(self.seconds, self.uncertainty, censored=self.censored)


def rto_figure(key: str, rows: Sequence[RtoRow]) -> Markup:
    """Draw one row per experiment, in the given order."""
    scale = _scale(rows)
    bottom = ROW * len(rows) + 4
    body = [svg.x_axis(scale.ticks(), top=4, bottom=bottom)]
    body += [_row(row, scale, ROW * index + 22) for index, row in enumerate(rows)]
    return svg.figure(
        key,
        title="Recovery time per experiment",
        description="; ".join(f"{row.name}: {row.value}" for row in rows) + ".",
        height=bottom + 22,
        body=body,
        kind="rto",
        data_scale="log" if isinstance(scale, LogScale) else "linear",
    )


def _scale(rows: Sequence[RtoRow]) -> LinearScale | LogScale:
    values = [row.seconds + row.uncertainty for row in rows] + [row.seconds for row in rows]
    positive = [value for value in values if value > 0]
    if positive and max(positive) / min(positive) > LOG_RATIO:
        return log_scale(positive)
    return from_zero(values)


def _row(row: RtoRow, scale: LinearScale | LogScale, y: float) -> Markup:
    at = _inside(scale(row.seconds))
    mark = "none" if row.value == "no outage" else row.verdict.value.lower()
    items = [
        svg.element("title", f"{row.name}: {row.value}"),
        svg.horizontal(y, "track"),
        svg.text(_cut(row.name), "0", y + 4, "row-label"),
        svg.text(row.value, "100%", y + 4, "row-value"),
    ]
    if row.censored:
        items += [svg.element("circle", cx=svg.percent(at), cy=y, r=4, class_=f"dot {mark}"), _arrow(at, y, mark)]
    else:
        low, high = _inside(scale(row.seconds - row.uncertainty)), _inside(scale(row.seconds + row.uncertainty))
        items.append(svg.horizontal(y, f"spread {mark}", low, high))
        items += [svg.vertical(end, y - 4, y + 4, f"spread {mark}") for end in (low, high)]
        items.append(svg.element("circle", cx=svg.percent(at), cy=y, r=5, class_=f"dot {mark}"))
    return svg.group(items, class_="rto-row censored" if row.censored else "rto-row")


def _arrow(at: float, y: float, mark: str) -> Markup:
    """An open end: it took longer than this."""
    path = svg.element("path", d="M0 0h22m-6-5l6 5-6 5", class_=f"arrow {mark}")
    return svg.element("svg", path, x=svg.percent(at), y=y, class_="fill")


def _inside(fraction: float) -> float:
    return min(1.0, max(0.0, fraction))


def _cut(name: str, limit: int = 40) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"
