"""The stack's outputs: the document that the runner reads, and what people want to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components import clickhouse_config, trino_config
from components.access import Access
from components.clickhouse import CREDENTIALS as CLICKHOUSE_CREDENTIALS
from components.clickhouse import ClickHouse
from components.credentials import PASSWORD
from components.monitoring import GRAFANA_SECRET, GRAFANA_USER, Monitoring
from components.site import Site
from components.trino import COORDINATOR, WORKER, Trino
from components.trino import CREDENTIALS as TRINO_CREDENTIALS
from targets.contract import EngineOutput, MonitoringOutput, Outputs, SecretRef, Workload

_PORTS = {"prometheus": 9090, "alertmanager": 9093, "grafana": 80, "kube-state-metrics": 8080}
# Suggested for this side of a port-forward, so that all can run at once.
_LOCAL = {"grafana": 3000}


@dataclass(frozen=True, slots=True)
class Parts:
    """The components that there are, and the namespaces they are in."""

    site: Site
    namespaces: Mapping[str, pulumi.Output[str]]
    trino: Trino
    clickhouse: ClickHouse
    access: Access
    monitoring: Monitoring | None


def export(parts: Parts) -> None:
    """Export everything. ``outputs`` is the runner's document; passwords are Pulumi secrets."""
    waited_for: pulumi.Output[list[str]] = pulumi.Output.all(
        parts.trino.tls_secret,
        *parts.namespaces.values(),
        parts.trino.service,
        parts.trino.coordinator,
        parts.trino.workers,
        parts.clickhouse.service,
        parts.clickhouse.workload,
        parts.access.service_account,
    )
    document: pulumi.Output[Outputs] = waited_for.apply(lambda known: outputs_document(parts, tls_secret=known[0]))
    pulumi.export(
        "outputs", document.apply(lambda made: made.model_dump(mode="json", by_alias=True, exclude_none=True))
    )
    pulumi.export("urls", document.apply(_urls))
    pulumi.export("portForwards", document.apply(_port_forwards))
    pulumi.export("passwords", pulumi.Output.secret(_passwords(parts)))


def outputs_document(parts: Parts, *, tls_secret: str) -> Outputs:
    """The document, validated."""
    site = parts.site
    return Outputs(
        target="kubernetes",
        stack=site.prefix,
        namespaces=tuple(site.namespace(part) for part in parts.namespaces),
        engines=(_trino(site, tls_secret), _clickhouse(site)),
        monitoring=_monitoring(site, parts.monitoring),
        faults_namespace=site.namespace("faults") if "faults" in parts.namespaces else None,
        faults_image=site.settings.faults_image,
        runner_namespace=site.namespace("runner"),
        runner_service_account="runner",
        runner_image=site.settings.runner_image or None,
        kube_context=site.settings.kube_context or None,
    )


def _trino(site: Site, tls_secret: str) -> EngineOutput:
    namespace, settings = site.namespace("trino"), site.settings
    return EngineOutput(
        kind="trino",
        title="Trino",
        version=str(settings.trino_version),
        namespace=namespace,
        service="trino",
        port=trino_config.HTTPS,
        scheme="https",
        user=settings.trino_user,
        password=SecretRef(namespace=namespace, name=TRINO_CREDENTIALS, key=PASSWORD),
        ca=SecretRef(namespace=namespace, name=tls_secret, key="ca.crt"),
        node_port=settings.trino_node_port or None,
        catalogs=tuple(sorted(settings.trino_catalogs)),
        workloads=_workers_and_coordinator(site),
    )


def _clickhouse(site: Site) -> EngineOutput:
    namespace, settings = site.namespace("clickhouse"), site.settings
    server = Workload(
        role="server",
        kind="StatefulSet",
        name="clickhouse",
        replicas=1,
        labels=site.selector("clickhouse", "server"),
    )
    return EngineOutput(
        kind="clickhouse",
        title="ClickHouse",
        version=settings.clickhouse_version,
        namespace=namespace,
        service="clickhouse",
        port=clickhouse_config.HTTP,
        scheme="http",
        user=settings.clickhouse_user,
        node_port=settings.clickhouse_node_port or None,
        password=SecretRef(namespace=namespace, name=CLICKHOUSE_CREDENTIALS, key=PASSWORD),
        workloads=(server,),
    )


def _workers_and_coordinator(site: Site) -> tuple[Workload, Workload]:
    coordinator, worker = site.selector("trino", COORDINATOR), site.selector("trino", WORKER)
    return (
        Workload(role=COORDINATOR, kind="Deployment", name="trino-coordinator", replicas=1, labels=coordinator),
        Workload(
            role=WORKER, kind="Deployment", name="trino-worker", replicas=site.settings.fewest_workers, labels=worker
        ),
    )


def _monitoring(site: Site, monitoring: Monitoring | None) -> tuple[MonitoringOutput, ...]:
    if monitoring is None:
        return ()
    return tuple(_part(site, part, service) for part, service in monitoring.services.items())


def _part(site: Site, part: str, service: str) -> MonitoringOutput:
    namespace = site.namespace("monitoring")
    login = SecretRef(namespace=namespace, name=GRAFANA_SECRET, key=PASSWORD) if part == "grafana" else None
    return MonitoringOutput(
        part=part,
        namespace=namespace,
        service=service,
        port=_PORTS.get(part, site.settings.node_exporter_port),
        user=GRAFANA_USER if login else None,
        password=login,
    )


def _urls(document: Outputs) -> dict[str, str]:
    """Addresses inside the cluster."""
    engines = {e.kind: f"{e.scheme}://{e.service}.{e.namespace}.svc:{e.port}" for e in document.engines}
    return engines | {m.part: f"{m.scheme}://{m.service}.{m.namespace}.svc:{m.port}" for m in document.monitoring}


def _port_forwards(document: Outputs) -> dict[str, str]:
    """Commands that bring each part to this machine."""
    places = {e.kind: (e.namespace, e.service, e.port) for e in document.engines}
    places |= {m.part: (m.namespace, m.service, m.port) for m in document.monitoring}
    context = f"--context {document.kube_context} " if document.kube_context else ""
    return {
        part: f"kubectl {context}-n {namespace} port-forward service/{service} {_LOCAL.get(part, port)}:{port}"
        for part, (namespace, service, port) in places.items()
    }


def _passwords(parts: Parts) -> dict[str, pulumi.Output[str]]:
    passwords = {"trino": parts.trino.password, "clickhouse": parts.clickhouse.password}
    if parts.monitoring is not None and parts.monitoring.grafana_password is not None:
        passwords["grafana"] = parts.monitoring.grafana_password
    return passwords
