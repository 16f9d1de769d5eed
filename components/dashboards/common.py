"""Panels that several dashboards have."""

from __future__ import annotations

from components.dashboards.model import Panel, Query, Row, Unit
from components.rules import Scope
from components.site import PART_OF

ENGINE = "{{engine}}"


def of_both(scope: Scope, name: str) -> str:
    """Selects a recorded series of both engines."""
    return f"{name}{{{scope.both}}}"


def resources(matcher: str) -> Row:
    """What the containers of some namespaces use; ``matcher`` selects the namespaces."""
    used = f'container_memory_working_set_bytes{{{matcher},container!=""}}'
    limit = f'max by (namespace, pod, container) (kube_pod_container_resource_limits{{{matcher},resource="memory"}})'
    cpu = f'sum by (pod) (rate(container_cpu_usage_seconds_total{{{matcher},container!=""}}[5m]))'
    return Row(
        "Resources",
        (
            Panel("CPU used, cores", "short", (Query(cpu, "{{pod}}"),)),
            Panel("Memory used (working set)", "bytes", (Query(f"sum by (pod) ({used})", "{{pod}}"),)),
            Panel(
                "Memory used of the limit",
                "percentunit",
                (Query(f"max by (pod) ({used} / on (namespace, pod, container) group_left () {limit})", "{{pod}}"),),
                help="Trino's heap is taken at its start: a high share that stays is normal there.",
            ),
        ),
    )


def restarts(matcher: str) -> Panel:
    """How often containers were restarted."""
    count = f"sum by (pod) (kube_pod_container_status_restarts_total{{{matcher}}})"
    return Panel("Restarts of containers", "short", (Query(count, "{{pod}}"),))


def firing(scope: Scope) -> str:
    """Alerts of this stack that fire, by name, and a lane for none so that there is always something to see."""
    matcher = f'alertstate="firing",part_of="{PART_OF}",{scope.both}'
    none = 'label_replace(vector(0), "alertname", "no alert", "", "")'
    return f"count by (alertname) (ALERTS{{{matcher}}}) or {none}"


def number(title: str, unit: Unit, expression: str, help_: str = "") -> Panel:
    """A number for each engine."""
    return Panel(title, unit, (Query(expression, ENGINE),), kind="number", help=help_)
