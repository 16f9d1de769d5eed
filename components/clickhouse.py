"""ClickHouse: one server with its volume."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.apps.v1 as apps
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from components import clickhouse_config as files
from components import pods
from components.credentials import PASSWORD, USERNAME, password, secret
from components.site import NO_WAIT, Site, child

NAME, ROLE = "clickhouse", "server"
CREDENTIALS, DATA_CLAIM = "clickhouse-credentials", "clickhouse-data"
_USER_ID = 101  # of the official image
_DATA = "/var/lib/clickhouse"
_SQL = ["clickhouse-client", "--query", "SELECT 1"]


@dataclass(frozen=True, slots=True)
class ClickHouseArgs:
    """What :class:`ClickHouse` needs; ``namespace`` must exist."""

    site: Site
    namespace: pulumi.Input[str]


class ClickHouse(pulumi.ComponentResource):
    """A StatefulSet of one, its volume, Service, user and configuration.

    Attributes:
        service: name of the Service (HTTP 8123, native 9000, metrics 9363).
        workload: name of the StatefulSet.
        password: the runner's password.
        volume: name of the claim.
    """

    service: pulumi.Output[str]
    workload: pulumi.Output[str]
    password: pulumi.Output[str]
    volume: pulumi.Output[str]

    def __init__(self, name: str, args: ClickHouseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:ClickHouse", name, None, opts)
        self._site, self._settings, self._namespace = args.site, args.site.settings, args.namespace
        self._labels = self._site.labels(NAME, ROLE, self._settings.clickhouse_version)
        self._selector = self._site.selector(NAME, ROLE)
        self.password = password(f"{NAME}-password", self._site, self)
        self._credentials = self._secret(
            CREDENTIALS, {USERNAME: self._settings.clickhouse_user, PASSWORD: self.password}
        )
        users = self.password.apply(lambda text: files.users_config(self._settings.clickhouse_user, text))
        self._users = self._secret("clickhouse-users", {"qer.xml": users})
        self._config = self._config_map()
        self.volume = self._claim()
        stateful_set = self._stateful_set(pods.checksum(files.server_config(self._settings), users))
        pods.disruption_budget(
            NAME, site=self._site, namespace=self._namespace, labels=self._labels, selector=self._selector, parent=self
        )
        self.service = self._service().metadata.name
        self.workload = stateful_set.metadata.name
        self.register_outputs({"service": self.service, "workload": self.workload, "volume": self.volume})

    def _meta(self, name: str, **annotations: str) -> meta.ObjectMetaArgs:
        return meta.ObjectMetaArgs(
            name=name, namespace=self._namespace, labels=self._labels, annotations=annotations or None
        )

    def _secret(self, name: str, data: dict[str, pulumi.Input[str]]) -> core.Secret:
        return secret(name, data, namespace=self._namespace, labels=self._labels, site=self._site, parent=self)

    def _config_map(self) -> core.ConfigMap:
        return core.ConfigMap(
            f"{self._site.prefix}-clickhouse-config",
            metadata=self._meta("clickhouse-config"),
            data={
                "qer.xml": files.server_config(self._settings),
                "first-start.sql": files.first_start(self._settings.clickhouse_database),
            },
            opts=child(self),
        )

    def _claim(self) -> pulumi.Output[str]:
        """Name of the claim, ours or an existing one."""
        if existing := self._settings.clickhouse_existing_claim:
            return pulumi.Output.from_input(existing)
        keep = self._settings.clickhouse_storage_on_destroy == "keep"
        return core.PersistentVolumeClaim(
            f"{self._site.prefix}-{DATA_CLAIM}",
            metadata=self._meta(DATA_CLAIM),
            spec=core.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=self._settings.clickhouse_storage_class or None,
                resources=core.VolumeResourceRequirementsArgs(
                    requests={"storage": self._settings.clickhouse_storage_size}
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=keep),
        ).metadata.name

    def _service(self) -> core.Service:
        ports = {"http": files.HTTP, "native": files.NATIVE, "metrics": files.METRICS}
        # The other two get node ports that nobody knows, which the policies close to all but their own clients.
        node_ports = {"http": self._settings.clickhouse_node_port or None}
        return core.Service(
            f"{self._site.prefix}-clickhouse",
            metadata=self._meta(NAME, **NO_WAIT),
            spec=core.ServiceSpecArgs(
                selector=self._selector,
                ports=[
                    core.ServicePortArgs(name=name, port=port, target_port=name, node_port=node_ports.get(name))
                    for name, port in ports.items()
                ],
                type="NodePort" if self._settings.clickhouse_node_port else None,
            ),
            opts=child(self),
        )

    def _stateful_set(self, fingerprint: pulumi.Output[str]) -> apps.StatefulSet:
        template = core.PodTemplateSpecArgs(
            metadata=meta.ObjectMetaArgs(labels=self._labels, annotations={pods.CHECKSUM: fingerprint}),
            spec=core.PodSpecArgs(
                containers=[self._container()],
                volumes=self._volumes(),
                security_context=pods.pod_security(_USER_ID),
                automount_service_account_token=False,
                enable_service_links=False,
                tolerations=pods.tolerations(self._settings.node_failure_seconds),
                termination_grace_period_seconds=self._settings.clickhouse_stop_seconds + 10,
            ),
        )
        return apps.StatefulSet(
            f"{self._site.prefix}-clickhouse",
            metadata=self._meta(NAME),
            spec=apps.StatefulSetSpecArgs(
                replicas=1,
                service_name=NAME,
                selector=meta.LabelSelectorArgs(match_labels=self._selector),
                template=template,
            ),
            opts=child(self, self._credentials, self._users, self._config),
        )

    def _container(self) -> core.ContainerArgs:
        settings = self._settings
        ports = {"http": files.HTTP, "native": files.NATIVE, "metrics": files.METRICS}
        return core.ContainerArgs(
            name=NAME,
            image=settings.clickhouse_reference,
            image_pull_policy=settings.image_pull_policy,
            ports=[core.ContainerPortArgs(name=name, container_port=port) for name, port in ports.items()],
            env=[
                # The image's own set-up of users would write into users.d, which is ours and read-only.
                core.EnvVarArgs(name="CLICKHOUSE_SKIP_USER_SETUP", value="1"),
                # For the client in the probes: nothing secret on a command line.
                pods.from_secret("CLICKHOUSE_USER", CREDENTIALS, USERNAME),
                pods.from_secret("CLICKHOUSE_PASSWORD", CREDENTIALS, PASSWORD),
            ],
            resources=pods.resources(settings.clickhouse),
            security_context=pods.container_security(),
            volume_mounts=[
                pods.mount("data", _DATA),
                pods.mount("config", "/etc/clickhouse-server/config.d", read_only=True),
                pods.mount("users", "/etc/clickhouse-server/users.d", read_only=True),
                pods.mount("first-start", "/docker-entrypoint-initdb.d", read_only=True),
                pods.mount("log", "/var/log/clickhouse-server"),
                pods.mount("tmp", "/tmp"),  # noqa: S108 - a volume of the pod's own
            ],
            startup_probe=pods.exec_probe(_SQL, period=2, timeout=10, failures=90),
            # /ping says Ok on a server that answers no statement: being ready wants SQL.
            readiness_probe=pods.exec_probe(_SQL, period=5, timeout=5, failures=3),
            liveness_probe=pods.http_probe("/ping", "http", period=10, timeout=10, failures=6),
            # Clients stop coming before the server stops listening.
            lifecycle=pods.on_stop("sleep 3"),
        )

    def _volumes(self) -> list[core.VolumeArgs]:
        def config(name: str, key: str) -> core.VolumeArgs:
            source = core.ConfigMapVolumeSourceArgs(
                name=self._config.metadata.name, items=[core.KeyToPathArgs(key=key, path=key)]
            )
            return core.VolumeArgs(name=name, config_map=source)

        data = core.PersistentVolumeClaimVolumeSourceArgs(claim_name=self.volume)
        return [
            core.VolumeArgs(name="data", persistent_volume_claim=data),
            config("config", "qer.xml"),
            config("first-start", "first-start.sql"),
            core.VolumeArgs(name="users", secret=core.SecretVolumeSourceArgs(secret_name=self._users.metadata.name)),
            pods.scratch("log", "256Mi"),
            pods.scratch("tmp", "1Gi"),
        ]
