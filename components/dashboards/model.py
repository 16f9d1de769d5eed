"""What a dashboard is, before it is Grafana's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# As Grafana names them: a share from 0 to 1, bytes, seconds, something per second, a plain number, a yes or no.
Unit = Literal["percentunit", "bytes", "s", "reqps", "Bps", "rowsps", "short", "bool_yes_no"]
Kind = Literal["lines", "number", "lanes"]


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and how its series are called: ``{{label}}`` stands for a label."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot, or one number.

    Attributes:
        title: of the panel; says what is shown.
        unit: of all its queries.
        queries: what it shows.
        kind: lines over time, the last value as a number, or lanes of states over time.
        help: what to know when reading it; empty when the title says it all.
    """

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    kind: Kind = "lines"
    help: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together, side by side."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; ``slug`` is its name in addresses."""

    slug: str
    title: str
    description: str
    rows: tuple[Row, ...]
