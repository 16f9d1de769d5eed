"""The dashboards: models that Grafana reads, queries that parse and ask for metrics that are shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from components.dashboards import INJECTION_TAGS, boards, files, queries
from tests.unit.monitoring import promql
from tests.unit.monitoring.exposed import SHOWN
from tests.unit.monitoring.model import CLICKHOUSE, RECORDED, SITE, TRINO

FILES = files(SITE)
# Grafana 13's, and the last of this model; older ones it brings up to date when it reads them.
NEWEST_SCHEMA = 42
OLDEST_SCHEMA = 36


def panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels but the rows."""
    return [panel for panel in document["panels"] if panel["type"] != "row"]


@pytest.fixture(params=sorted(FILES))
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILES[request.param])
    return found


@pytest.mark.parametrize("name", sorted(FILES))
def test_grafanas_own_model_reads_it_and_loses_nothing(name: str) -> None:
    register_default_plugins()
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(FILES[name]))))
    for panel in panels(again):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults.get("custom") == {}:  # what a panel may have, and has not, comes back empty
            del defaults["custom"]
    assert again == json.loads(FILES[name])


def test_the_schema_is_one_that_grafana_reads(document: dict[str, Any]) -> None:
    assert OLDEST_SCHEMA <= document["schemaVersion"] <= NEWEST_SCHEMA


def test_every_panel_says_where_its_data_is_from(document: dict[str, Any]) -> None:
    (variable,) = document["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(document):
        assert panel["datasource"] == source
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        assert all(target["datasource"] == source for target in panel["targets"])


def test_identities_are_unique_and_panels_do_not_overlap(document: dict[str, Any]) -> None:
    everything = document["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
        references = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(references)) == len(references)


@pytest.mark.parametrize(("board", "panel", "expression"), queries(SITE))
def test_every_query_asks_for_metrics_that_are_shown_of_this_stack(board: str, panel: str, expression: str) -> None:
    assert promql.metrics(expression) <= SHOWN | set(RECORDED) | promql.BUILT_IN, (board, panel)
    for selector in promql.selectors(expression):
        matchers = {one.name: one.value for one in selector.matchers.matchers}
        assert matchers.get("namespace") in {TRINO, CLICKHOUSE, f"{TRINO}|{CLICKHOUSE}"} or (
            selector.name == "kube_node_status_condition"
        )


def test_the_queries_given_for_trying_are_those_of_the_files() -> None:
    shown = [
        target["expr"] for text in FILES.values() for panel in panels(json.loads(text)) for target in panel["targets"]
    ]
    assert shown == [expression for _, _, expression in queries(SITE)]


def test_fault_windows_are_annotations_of_every_dashboard(document: dict[str, Any]) -> None:
    (faults,) = [one for one in document["annotations"]["list"] if one["datasource"]["type"] == "grafana"]
    assert faults["target"]["tags"] == list(INJECTION_TAGS)
    assert faults["target"]["matchAny"] is False


def test_there_is_one_for_each_purpose() -> None:
    assert [board.slug for board in boards(SITE)] == ["overview", "trino", "clickhouse", "reliability"]
    assert len({json.loads(text)["uid"] for text in FILES.values()}) == len(FILES)
    assert all(len(json.loads(text)["uid"]) <= 40 for text in FILES.values())
