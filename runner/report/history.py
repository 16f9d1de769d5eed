"""``history.html``: many runs on one page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from runner.history.runs import RunLine, names
from runner.report.figures.trend import TrendPoint, trend_figure
from runner.report.headline import tally
from runner.report.html import template_environment
from runner.report.units import moment

FIGURES = 60  # of recovery times; the rest is in the runs' own reports


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure over the runs that have it; all in seconds."""

    name: str
    figure: Markup
    first: float
    last: float
    least: float
    most: float
    runs: int
    censored: int

    @property
    def change(self) -> float | None:
        """The last over the first."""
        return self.last / self.first if self.first else None


def render_history(runs: Sequence[RunLine], unread: Sequence[str] = ()) -> str:
    """One file, no request to anywhere, readable without JavaScript.

    Args:
        runs: the earliest first, at least one.
        unread: a line about each document that could not be read.
    """
    recoveries = names(runs, "recoveries")
    return (
        template_environment()
        .get_template("history.html")
        .render(
            runs=list(reversed(runs)),
            unread=unread,
            engines=names(runs, "geometric_means"),
            verdicts=tally(run.verdict for run in runs),
            settings=_settings(runs),
            means=_trends(runs, "mean", names(runs, "geometric_means"), lambda run, n: run.geometric_means.get(n)),
            loads=_trends(runs, "load", names(runs, "p99"), lambda run, n: run.p99.get(n)),
            recoveries=_trends(runs, "rto", recoveries[:FIGURES], _recovery),
            left_out=max(0, len(recoveries) - FIGURES),
        )
    )


def _recovery(run: RunLine, name: str) -> float | None:
    found = run.recoveries.get(name)
    return found.seconds if found else None


def _trends(
    runs: Sequence[RunLine], key: str, wanted: Sequence[str], value: Callable[[RunLine, str], float | None]
) -> list[Trend]:
    return [_trend(runs, f"{key}-{index}", name, value, f"s{index % 4 + 1}") for index, name in enumerate(wanted)]


def _trend(
    runs: Sequence[RunLine], key: str, name: str, value: Callable[[RunLine, str], float | None], series: str
) -> Trend:
    """At least one run has the measure, or nobody would have named it."""
    points = [
        TrendPoint(index / max(1, len(runs) - 1), seconds, moment(run.started_at), run.setting, _censored(run, name))
        for index, run in enumerate(runs)
        if (seconds := value(run, name)) is not None
    ]
    times = [point.seconds for point in points]
    return Trend(
        name=name,
        figure=trend_figure(key, name, points, series),
        first=times[0],
        last=times[-1],
        least=min(times),
        most=max(times),
        runs=len(times),
        censored=sum(point.censored for point in points),
    )


def _censored(run: RunLine, name: str) -> bool:
    return name in run.recoveries and run.recoveries[name].censored


def _settings(runs: Sequence[RunLine]) -> list[tuple[tuple[str, ...], int]]:
    """Each setting with how many runs had it."""
    counted: dict[tuple[str, ...], int] = {}
    for run in runs:
        counted[run.setting] = counted.get(run.setting, 0) + 1
    return list(counted.items())
