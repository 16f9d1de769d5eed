"""Thousands of probes as a few path strings of bounded length, thinned to what can be seen; failures all stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from runner.report.figures.svg import WIDTH, element
from runner.results import Sample

OK_LIMIT = 1500
COLUMN = 2  # units: OK_LIMIT / (WIDTH / COLUMN) marks are kept in each column
FINE = 0.2  # units
LANE = 10  # pixels
OUTCOMES = ("ok", "failed", "wrong", "unknown")

Point = tuple[float, float]


def thin(points: Iterable[Point]) -> list[tuple[int, int]]:
    """Points on a grid of whole units; over ``OK_LIMIT``, the lowest, middle and highest of each column.

    What would be drawn at the same place is drawn once, so nothing visible is lost below the limit, and the
    envelope (fastest and slowest at each moment) is exact above it.
    """
    places = sorted({(round(x), round(y)) for x, y in points})
    if len(places) <= OK_LIMIT:
        return places
    columns: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for place in places:
        columns[place[0] // COLUMN].append(place)
    kept: list[tuple[int, int]] = []
    for members in columns.values():
        ordered = sorted(members, key=lambda place: place[1])
        kept += dict.fromkeys((ordered[0], ordered[len(ordered) // 2], ordered[-1]))
    return kept


def dots(places: Iterable[Point], class_: str) -> Markup:
    """Round or square marks: zero-length strokes, whose caps stay round while the svg is stretched."""
    path = "".join(f"M{_short(x)} {_short(y)}h0" for x, y in places)
    return element("path", d=path, class_=class_) if path else Markup()


def bars(places: Iterable[Point], class_: str, height: int = 8) -> Markup:
    """Upright marks, centred on their points."""
    path = "".join(f"M{_short(x)} {_short(y - height / 2)}v{height}" for x, y in places)
    return element("path", d=path, class_=class_) if path else Markup()


def lane(samples: Sequence[Sample], outcome: str, positions: Sequence[float]) -> Markup:
    """The strip of one outcome: a tick at the intended time of each probe.

    Ticks at the same place are drawn once. A place is a whole unit for right answers and ``FINE`` units, less than a
    third of a pixel on a large screen, for every other: no failure is ever thinned away.
    """
    step = 1.0 if outcome == "ok" else FINE
    found = [position * WIDTH for sample, position in zip(samples, positions, strict=True) if sample.outcome == outcome]
    places = sorted({round(place / step) for place in found})
    path = "".join(f"M{_short(place * step)} 0v{LANE}" for place in places)
    return element("path", d=path, class_=f"lane {outcome}", data_probes=len(found)) if path else Markup()


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
