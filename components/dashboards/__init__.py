"""Grafana dashboards as typed Python; :func:`boards` is all of them for one stack."""

from __future__ import annotations

from components.dashboards import clickhouse, overview, reliability, trino
from components.dashboards.grafana import INJECTION_TAGS, rendered
from components.dashboards.model import Board, Panel, Query
from components.rules import Scope
from components.site import Site

__all__ = ["INJECTION_TAGS", "Board", "Panel", "Query", "boards", "files", "queries"]


def boards(site: Site) -> tuple[Board, ...]:
    """All dashboards of one stack."""
    scope = Scope.of(site)
    return (overview.board(scope), trino.board(scope), clickhouse.board(scope), reliability.board(scope))


def files(site: Site) -> dict[str, str]:
    """File name to JSON, for Grafana to read."""
    return {f"{site.prefix}-{board.slug}.json": rendered(board, site.prefix) for board in boards(site)}


def queries(site: Site) -> list[tuple[str, str, str]]:
    """Every query of every panel: dashboard, panel, PromQL."""
    return [
        (board.title, panel.title, query.expression)
        for board in boards(site)
        for row in board.rows
        for panel in row.panels
        for query in panel.queries
    ]
