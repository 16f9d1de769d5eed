"""Every setting of the stack, typed and checked. ``Pulumi.yaml`` declares the same ones with the same defaults."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from components.quantities import cpu_setting, mebibytes, memory_setting, quantity

NODE_PORTS = range(30000, 32768)


def _no_moving_tag(tag: str) -> str:
    if tag == "latest":
        raise ValueError("must name a version, not latest, which is another image tomorrow")
    return tag


def _fixed(image: str) -> str:
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    if not tag and "@" not in image:
        raise ValueError("must name a tag or a digest, for example nicolaka/netshoot:v0.13")
    _no_moving_tag(tag)
    return image


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("must be a network like 10.0.0.0/8, without host bits") from None


def _node_port(port: int) -> int:
    if port and port not in NODE_PORTS:
        raise ValueError(f"must be 0 (none) or from {NODE_PORTS.start} to {NODE_PORTS.stop - 1}")
    return port


Memory = Annotated[str, AfterValidator(memory_setting)]
Cpu = Annotated[str, AfterValidator(cpu_setting)]
Days = Annotated[int, Field(ge=1, le=3650)]
Seconds = Annotated[int, Field(ge=1, le=3600)]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
DnsName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*]([-a-z0-9.]{0,251}[a-z0-9])?$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Image = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._:/-]*[a-z0-9]$")]
TaggedImage = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-zA-Z0-9._:/@-]*[a-zA-Z0-9_]$"), AfterValidator(_fixed)
]
Cidr = Annotated[str, AfterValidator(_network)]
NodePort = Annotated[int, AfterValidator(_node_port)]
Target = Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}:\d{1,5}$")]
Tag = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]{0,127}$"), AfterValidator(_no_moving_tag)]
Duration = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*[mhdwy]$")]
Objective = Annotated[str, StringConstraints(pattern=r"^[5-9]\d(\.\d{1,3})?$")]
Address = Annotated[str, StringConstraints(pattern=r"^[^\s#]+$")]

SMALLEST_TRINO_MIB = 1024
RESERVED_USERS = frozenset({"metrics", "shutdown", "warm-up"})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


class SecretKey(BaseModel):
    """A value kept in a Secret of the namespace where it is used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: Label
    key: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$")]


CatalogName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Catalog = dict[str, str | SecretKey]


def _tpch_only() -> dict[str, Catalog]:
    return {
        "tpch": {
            "connector.name": "tpch",
            "tpch.column-naming": "STANDARD",
            "tpch.double-type-mapping": "DECIMAL",
        }
    }


class Resources(BaseModel):
    """What one container asks for and may use at most."""

    model_config = ConfigDict(frozen=True)

    cpu_request: str
    memory_request: str
    cpu_limit: str
    memory_limit: str


class Settings(BaseModel):
    """All settings; the description of each is in ``Pulumi.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=_camel, populate_by_name=True)

    kube_context: str = ""
    namespace_prefix: Annotated[str, StringConstraints(pattern=r"^([a-z][-a-z0-9]{0,38}[a-z0-9])?$")] = ""
    namespaces_owned: bool = True
    preflight: bool = True
    render_directory: str = ""
    render_kubernetes_version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")] = "1.34.0"
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    credentials_rotation: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "1"
    node_failure_seconds: Seconds = 10
    network_policies: bool = True
    client_namespaces: tuple[Label, ...] = ()
    client_cidrs: tuple[Cidr, ...] = ()
    faults_node: bool = False
    faults_network: bool = False
    runner_image: TaggedImage | Literal[""] = ""
    faults_image: TaggedImage = "nicolaka/netshoot:v0.13"

    monitoring_enabled: bool = True
    monitoring_chart: Annotated[str, StringConstraints(min_length=1)] = "kube-prometheus-stack"
    monitoring_chart_repository: str = "https://prometheus-community.github.io/helm-charts"
    monitoring_chart_version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")] = "88.5.3"
    monitoring_crds: Literal["install", "existing"] = "install"
    monitoring_profile: Literal["small", "large"] = "small"
    monitoring_values: dict[str, object] = Field(default_factory=dict)
    prometheus_enabled: bool = True
    prometheus_retention: Duration = "24h"
    prometheus_storage_size: Memory | Literal[""] = ""
    grafana_enabled: bool = True
    alertmanager_enabled: bool = True
    node_exporter_enabled: bool = True
    node_exporter_port: Annotated[int, Field(ge=1024, le=65535)] = 9100
    kube_state_metrics_enabled: bool = True
    rules_enabled: bool = True
    dashboards_enabled: bool = True
    availability_objective: Objective = "99.9"
    runbook_url: Address = "docs/runbook.md"

    trino_image: Image = "trinodb/trino"
    trino_version: Annotated[int, Field(ge=424, le=999)] = 476
    trino_tag: Tag | Literal[""] = ""
    trino_user: UserName = "qer"
    trino_workers: Annotated[int, Field(ge=1, le=100)] = 2
    trino_coordinator_cpu_request: Cpu = "200m"
    trino_coordinator_memory_request: Memory = "512Mi"
    trino_coordinator_cpu_limit: Cpu = "500m"
    trino_coordinator_memory_limit: Memory = "1Gi"
    trino_worker_cpu_request: Cpu = "200m"
    trino_worker_memory_request: Memory = "512Mi"
    trino_worker_cpu_limit: Cpu = "500m"
    trino_worker_memory_limit: Memory = "1Gi"
    trino_jvm: Literal["auto", "fast-start", "throughput"] = "auto"
    trino_catalogs: dict[CatalogName, Catalog] = Field(default_factory=_tpch_only, min_length=1)
    trino_query_concurrency: Annotated[int, Field(ge=1, le=10000)] = 20
    trino_query_queue: Annotated[int, Field(ge=1, le=100000)] = 200
    trino_tls_secret: Label | Literal[""] = ""
    trino_tls_names: tuple[DnsName, ...] = ()
    trino_tls_validity_days: Days = 730
    trino_shutdown_grace_seconds: Seconds = 5
    trino_drain_seconds: Seconds = 120
    trino_autoscaling: bool = False
    trino_min_workers: Annotated[int, Field(ge=1, le=100)] = 2
    trino_max_workers: Annotated[int, Field(ge=1, le=100)] = 6
    trino_autoscaling_cpu_percent: Annotated[int, Field(ge=10, le=400)] = 70
    trino_node_port: NodePort = 0
    trino_egress: tuple[Target, ...] = ()

    clickhouse_image: Image = "clickhouse/clickhouse-server"
    clickhouse_version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+(\.\d+)*(-[a-z]+)?$")] = "25.8"
    clickhouse_tag: Tag | Literal[""] = ""
    clickhouse_user: UserName = "qer"
    clickhouse_database: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")] = "qer"
    clickhouse_cpu_request: Cpu = "200m"
    clickhouse_memory_request: Memory = "512Mi"
    clickhouse_cpu_limit: Cpu = "500m"
    clickhouse_memory_limit: Memory = "1Gi"
    clickhouse_storage_size: Memory = "5Gi"
    clickhouse_storage_class: DnsName | Literal[""] = ""
    clickhouse_storage_on_destroy: Literal["delete", "keep"] = "delete"
    clickhouse_node_port: NodePort = 0
    clickhouse_existing_claim: Label | Literal[""] = ""
    clickhouse_stop_seconds: Seconds = 60

    @property
    def trino_reference(self) -> str:
        """Trino's image with its tag."""
        return f"{self.trino_image}:{self.trino_tag or self.trino_version}"

    @property
    def clickhouse_reference(self) -> str:
        """ClickHouse's image with its tag."""
        return f"{self.clickhouse_image}:{self.clickhouse_tag or self.clickhouse_version}"

    @property
    def trino_coordinator(self) -> Resources:
        """Resources of the coordinator."""
        return self._resources("trino_coordinator")

    @property
    def trino_worker(self) -> Resources:
        """Resources of each worker."""
        return self._resources("trino_worker")

    @property
    def clickhouse(self) -> Resources:
        """Resources of ClickHouse."""
        return self._resources("clickhouse")

    @property
    def fewest_workers(self) -> int:
        """Workers that there are when nothing asks for more."""
        return self.trino_min_workers if self.trino_autoscaling else self.trino_workers

    @property
    def most_workers(self) -> int:
        """Workers that there can be."""
        return self.trino_max_workers if self.trino_autoscaling else self.trino_workers

    @property
    def monitors(self) -> bool:
        """Whether ServiceMonitors and rules are made: somebody's operator must be there to take them."""
        return self.monitoring_enabled or self.monitoring_crds == "existing"

    @property
    def dashboards(self) -> bool:
        """Whether dashboards are made: somebody's Grafana must be there to show them."""
        return self.dashboards_enabled and (self.grafana_enabled if self.monitoring_enabled else self.monitors)

    def _resources(self, prefix: str) -> Resources:
        return Resources(**{name: getattr(self, f"{prefix}_{name}") for name in Resources.model_fields})

    @field_validator("trino_catalogs")
    @classmethod
    def _catalogs_are_safe(cls, catalogs: dict[str, Catalog]) -> dict[str, Catalog]:
        for name, properties in catalogs.items():
            if "connector.name" not in properties:
                raise ValueError(f"catalog {name} needs connector.name")
            for key, value in properties.items():
                if isinstance(value, str) and any(word in key for word in ("password", "secret-key", "credential-key")):
                    raise ValueError(f"{name}.{key} must be {{secret: NAME, key: KEY}}, not the value itself")
        return catalogs

    @field_validator("trino_user")
    @classmethod
    def _user_is_free(cls, user: str) -> str:
        if user in RESERVED_USERS:
            raise ValueError(f"must not be one of {', '.join(sorted(RESERVED_USERS))}, which the stack uses itself")
        return user

    @field_validator("trino_coordinator_memory_limit", "trino_worker_memory_limit")
    @classmethod
    def _trino_fits(cls, limit: str) -> str:
        if mebibytes(limit) < SMALLEST_TRINO_MIB:
            raise ValueError("must be at least 1Gi: a smaller heap ends at the first tpch query")
        return limit

    @model_validator(mode="after")
    def _belong_together(self) -> Settings:
        for prefix in ("trino_coordinator", "trino_worker", "clickhouse"):
            self._check_limits(prefix)
        if self.trino_min_workers > self.trino_max_workers:
            raise ValueError(f"trinoMinWorkers = {self.trino_min_workers}: must not be above trinoMaxWorkers")
        self._check_node_ports()
        if self.clickhouse_storage_on_destroy == "keep" and self.namespaces_owned:
            raise ValueError(
                "clickhouseStorageOnDestroy = keep: an owned namespace takes its volumes with it; "
                "create the namespaces yourself and set namespacesOwned to false"
            )
        if self.clickhouse_existing_claim and self.namespaces_owned:
            raise ValueError(
                f"clickhouseExistingClaim = {self.clickhouse_existing_claim}: its namespace must be there before the "
                "stack; set namespacesOwned to false"
            )
        return self

    def _check_node_ports(self) -> None:
        if not self.trino_node_port and not self.clickhouse_node_port:
            return
        if self.trino_node_port == self.clickhouse_node_port:
            raise ValueError(f"clickhouseNodePort = {self.clickhouse_node_port}: must not be trinoNodePort's")
        if self.network_policies and not self.client_cidrs:
            name = "trinoNodePort" if self.trino_node_port else "clickhouseNodePort"
            raise ValueError(
                f"{name} leads nowhere while networkPolicies keep everybody out: name the addresses of clients and "
                "nodes in clientCidrs"
            )

    def _check_limits(self, prefix: str) -> None:
        resources = self._resources(prefix)
        for what in ("cpu", "memory"):
            asked, most = getattr(resources, f"{what}_request"), getattr(resources, f"{what}_limit")
            if quantity(asked) > quantity(most):
                raise ValueError(f"{_camel(f'{prefix}_{what}_request')} = {asked}: must not be above the limit, {most}")
