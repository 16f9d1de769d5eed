"""The metrics that rules and dashboards read are ones that the engines themselves show."""

from __future__ import annotations

import re

import pytest
import requests

from engines import Engine
from targets.embedded.target import EmbeddedTarget
from tests.unit.monitoring.exposed import DIRECTORY

pytestmark = pytest.mark.embedded


def recorded(name: str) -> set[str]:
    lines = (DIRECTORY / f"{name}.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def of(embedded: EmbeddedTarget, kind: str) -> Engine:
    return next(engine for engine in embedded.engines() if engine.endpoint.kind == kind)


def test_trino_shows_what_is_read(embedded: EmbeddedTarget) -> None:
    endpoint = of(embedded, "trino").endpoint
    with requests.Session() as http:
        http.trust_env = False
        answer = http.get(
            f"{endpoint.url}/metrics",
            auth=(endpoint.user, endpoint.password or ""),
            verify=str(endpoint.ca_file) if endpoint.ca_file else True,
            timeout=30,
        )
    answer.raise_for_status()
    shown = set(re.findall(r"^([a-zA-Z_:][\w:]*)[ {]", answer.text, re.MULTILINE))
    assert recorded("trino") - shown == set()


def test_clickhouse_counts_what_is_read(embedded: EmbeddedTarget) -> None:
    """The engine behind the embedded server has no endpoint of its own for metrics, but the same tables."""
    with of(embedded, "clickhouse").connect() as session:
        metrics = session.execute("SELECT metric FROM system.metrics", deadline=30).rows
        events = session.execute(
            "SELECT event FROM system.events SETTINGS system_events_show_zero_values = 1", deadline=30
        )
    shown = {f"ClickHouseMetrics_{name}" for (name,) in metrics}
    shown |= {f"ClickHouseProfileEvents_{name}" for (name,) in events.rows}
    read = {name for name in recorded("clickhouse") if not name.startswith("ClickHouseAsyncMetrics_")}
    assert read
    assert read - shown == set()
