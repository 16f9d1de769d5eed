"""Lanes of alerts under an experiment's timeline: pending as an outline, firing filled, each with its name above."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from runner.report.figures import marks, svg
from runner.report.figures.scale import LinearScale
from runner.report.units import duration
from runner.results import AlertSeen, AlertsView

MOST = 6  # lanes; results.json has all alerts
_NAME = 13  # pixels
_PITCH = _NAME + marks.LANE + 3
_ORDER = ("unexpected", "expected", "allowed", "before", "other")


def shown(view: AlertsView | None) -> list[AlertSeen]:
    """The alerts that get a lane: those that fired first, the unexpected ones before others."""
    if view is None:
        return []
    found = [one for one in view.seen if one.firing or one.pending]
    return sorted(found, key=lambda one: (not one.firing, _ORDER.index(one.role), _stretches(one)[0]))[:MOST]


def height(view: AlertsView | None) -> int:
    """Pixels that the lanes take."""
    return _PITCH * len(shown(view))


def ends(view: AlertsView | None) -> list[float]:
    """Last moments of the lanes: it may be long after the probes that an alert is resolved."""
    return [end for one in shown(view) for _, end in _stretches(one)]


def lanes(view: AlertsView | None, x: LinearScale, top: float) -> list[Markup]:
    """Draw them from ``top`` down."""
    return [item for row, one in enumerate(shown(view)) for item in _lane(one, x, top + _PITCH * row)]


def described(view: AlertsView | None) -> str:
    """What the lanes say, for those who cannot see them."""
    return "; ".join(f"alert {_title(one)}: {_words(one)}" for one in shown(view))


def _lane(alert: AlertSeen, x: LinearScale, top: float) -> list[Markup]:
    name = svg.text(_title(alert), "0", top + _NAME - 3, "tick over-lane alert-name", dx=2)
    states = (("pending", alert.pending), ("firing", alert.firing))
    bars = [_bar(state, one, alert, x, top + _NAME) for state, stretches in states for one in stretches]
    return [name, *bars]


def _bar(state: str, stretch: tuple[float, float], alert: AlertSeen, x: LinearScale, top: float) -> Markup:
    start, end = (min(1.0, max(0.0, x(moment))) for moment in stretch)
    words = f"{alert.name} {state} from {duration(max(0.0, stretch[0]))} to {duration(stretch[1])}"
    return svg.element(
        "rect",
        svg.element("title", words),
        x=svg.percent(start),
        y=top,
        width=svg.percent(end - start),
        height=marks.LANE,
        class_=f"alert {state} {alert.role}",
    )


def _title(alert: AlertSeen) -> str:
    role = {"before": "on before", "other": "other rule"}.get(alert.role, alert.role)
    return f"{alert.name} ({role}{', silenced' * alert.silenced})"


def _words(alert: AlertSeen) -> str:
    said = [
        f"{state} {', '.join(f'{duration(max(0.0, start))} to {duration(end)}' for start, end in stretches)}"
        for state, stretches in (("pending", alert.pending), ("firing", alert.firing))
        if stretches
    ]
    return ", ".join(said)


def _stretches(alert: AlertSeen) -> Sequence[tuple[float, float]]:
    return sorted((*alert.pending, *alert.firing))
