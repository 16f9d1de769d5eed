"""Recording and alerting rules on the engines, as typed Python; :func:`groups` is all of them for one stack.

Each metric that they read is one that Trino's ``/metrics``, ClickHouse's port 9363 or kube-state-metrics shows under
that name; ``docs/monitoring.md`` lists what they record, with units, ``docs/runbook.md`` what to do on an alert.
"""

from __future__ import annotations

from components.rules import budget, clickhouse, containers, trino
from components.rules.model import Alert, Group, Recording, Rule
from components.rules.scope import Scope
from components.site import Site

__all__ = ["Alert", "Group", "Recording", "Rule", "Scope", "groups", "specification"]


def groups(site: Site) -> tuple[Group, ...]:
    """All groups of one stack, those that others read first."""
    scope = Scope.of(site)
    return (trino.group(scope), clickhouse.group(scope), *budget.groups(scope), containers.group(scope))


def specification(site: Site) -> dict[str, object]:
    """The ``spec`` of a PrometheusRule with all of them."""
    return {"groups": [group.document(site.settings.runbook_url) for group in groups(site)]}
