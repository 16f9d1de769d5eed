"""What the stack's pods ask for, all together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from components.monitoring_values import chart_values
from components.quantities import quantity
from components.settings import Resources, Settings


@dataclass(frozen=True, slots=True)
class Need:
    """The requests of one pod (CPUs, bytes)."""

    name: str
    cpu: Decimal
    memory: Decimal


def needs(settings: Settings, *, nodes: int) -> list[Need]:
    """One entry for each pod, with as many workers as there are when nothing asks for more."""
    workers = [_engine("trino-worker", settings.trino_worker)] * settings.fewest_workers
    engines = [
        _engine("trino-coordinator", settings.trino_coordinator),
        *workers,
        _engine("clickhouse", settings.clickhouse),
    ]
    return [*engines, *(_monitoring(settings, nodes) if settings.monitoring_enabled else ())]


def _engine(name: str, resources: Resources) -> Need:
    return Need(name, quantity(resources.cpu_request), quantity(resources.memory_request))


def _monitoring(settings: Settings, nodes: int) -> Iterator[Need]:
    values: Any = chart_values(settings, name="x", namespace="x", watched=[], grafana_secret="x")  # noqa: S106 - a name
    operator = values["prometheusOperator"]
    reloader = operator["prometheusConfigReloader"]["resources"]
    yield _sum("prometheus-operator", operator["resources"])
    if values["prometheus"]["enabled"]:
        yield _sum("prometheus", values["prometheus"]["prometheusSpec"]["resources"], reloader)
    if values["alertmanager"]["enabled"]:
        yield _sum("alertmanager", values["alertmanager"]["alertmanagerSpec"]["resources"], reloader)
    if values["grafana"]["enabled"]:
        # Dashboards and data sources have a sidecar each.
        sidecar = values["grafana"]["sidecar"]["resources"]
        yield _sum("grafana", values["grafana"]["resources"], sidecar, sidecar)
    if values["kubeStateMetrics"]["enabled"]:
        yield _sum("kube-state-metrics", values["kube-state-metrics"]["resources"])
    if values["nodeExporter"]["enabled"]:
        yield from [_sum("node-exporter", values["prometheus-node-exporter"]["resources"])] * nodes


def _sum(name: str, *containers: Mapping[str, Mapping[str, str]]) -> Need:
    cpu, memory = (
        sum((quantity(one["requests"][what]) for one in containers), Decimal(0)) for what in ("cpu", "memory")
    )
    return Need(name, cpu, memory)
