"""Dashboards as Grafana's own builders make them.

The model is Grafana's classic one (version 1 of its dashboards API), which its builders write as schema version 41;
Grafana reads every older one too, and 42 is the last that there will be.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    AnnotationTarget,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    FieldColor,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.dashboard import Row as GrafanaRow
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)

from components.dashboards.model import Board, Kind, Panel
from components.site import PART_OF

# Annotations of Grafana's own store with these tags are shown as fault windows; who injects writes them.
INJECTION_TAGS = (PART_OF, "injection")
# Which Prometheus: chosen on the dashboard, the default one at first.
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH, _HEIGHT = {"lines": 8, "number": 4, "lanes": 24}, {"lines": 8, "number": 4, "lanes": 8}
_LONGEST_UID = 40
AnyPanel = Timeseries | Stat | StateTimeline


def _lanes() -> StateTimeline:
    """Green at 0, red from 1 on."""
    steps = [Threshold(value=None, color="green"), Threshold(value=1, color="red")]
    return (
        StateTimeline()
        .fill_opacity(70)
        .line_width(0)
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )


_PANELS: Mapping[Kind, Callable[[], AnyPanel]] = {"lines": Timeseries, "number": Stat, "lanes": _lanes}


def rendered(board: Board, stack: str) -> str:
    """A dashboard's JSON; ``stack`` keeps those of several stacks apart."""
    builder = (
        Dashboard(f"{board.title} ({stack})")
        .uid(uid(stack, board.slug))
        .description(board.description)
        .tags([PART_OF, stack])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .annotation(_injections())
        .annotation(_alerts(stack))
        .link(
            DashboardLink("Others").type(DashboardLinkType.DASHBOARDS).tags([stack]).keep_time(True).as_dropdown(True)
        )
    )
    numbers = itertools.count(1)
    for row in board.rows:
        builder.with_row(GrafanaRow(row.title).id(next(numbers)))
        for panel in row.panels:
            builder.with_panel(_panel(panel).id(next(numbers)))
    return JSONEncoder(sort_keys=True, indent=1).encode(builder.build()) + "\n"


def uid(stack: str, slug: str) -> str:
    """The dashboard's fixed name in addresses."""
    return f"{stack[: _LONGEST_UID - 1 - len(slug)]}-{slug}"


def _panel(panel: Panel) -> AnyPanel:
    made = _PANELS[panel.kind]()
    made.title(panel.title).unit(panel.unit).datasource(SOURCE)
    made.span(_WIDTH[panel.kind]).height(_HEIGHT[panel.kind])
    if panel.help:
        made.description(panel.help)
    if panel.unit == "percentunit":
        made.min(0)
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        target = Dataquery().ref_id(letter).expr(query.expression).legend_format(query.legend).datasource(SOURCE)
        made.with_target(target.instant() if panel.kind == "number" else target.range())
    return made


def _injections() -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name("Injected faults")
        .datasource(DataSourceRef(type_val="grafana", uid="-- Grafana --"))
        .enable(True)
        .icon_color("red")
        .target(AnnotationTarget().limit(100).match_any(False).tags(list(INJECTION_TAGS)).type("tags"))
    )


def _alerts(stack: str) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name("Critical alerts")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("orange")
        .expr(f'ALERTS{{alertstate="firing",severity="critical",part_of="{PART_OF}",namespace=~"{stack}-.*"}}')
    )
