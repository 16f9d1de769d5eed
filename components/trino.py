"""Trino: one coordinator and its workers."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.apps.v1 as apps
import pulumi_kubernetes.autoscaling.v2 as autoscaling
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from components import pods
from components import trino_config as files
from components.certificate import Certificate, issue
from components.credentials import PASSWORD, USERNAME, password, secret, seed, trino_password_line
from components.site import NO_WAIT, Site, child
from components.trino_pods import CATALOGS, INTERNAL, NAME, Files, template

COORDINATOR, WORKER = "coordinator", "worker"
CREDENTIALS, METRICS, TLS, WORKERS = "trino-credentials", "trino-metrics", "trino-tls", "trino-workers"
_PROGRESS_SECONDS = 600


@dataclass(frozen=True, slots=True)
class TrinoArgs:
    """What :class:`Trino` needs; ``namespace`` must exist. ``now`` decides whether the certificate is renewed."""

    site: Site
    namespace: pulumi.Input[str]
    now: datetime.datetime


class Trino(pulumi.ComponentResource):
    """Coordinator, workers, their Services, users, certificate and configuration.

    Attributes:
        service: name of the Service that clients use (HTTPS 8443).
        coordinator: name of the coordinator's Deployment.
        workers: name of the workers' Deployment.
        password: the runner's password.
        tls_secret: name of the Secret with ``ca.crt``.
    """

    service: pulumi.Output[str]
    coordinator: pulumi.Output[str]
    workers: pulumi.Output[str]
    password: pulumi.Output[str]
    tls_secret: pulumi.Output[str]

    def __init__(self, name: str, args: TrinoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:Trino", name, None, opts)
        self._site, self._settings, self._namespace = args.site, args.site.settings, args.namespace
        self._objects: list[pulumi.Resource] = []
        self._make_passwords()
        tls_print = self._make_tls(args.now)
        self._catalogs = self._config_map(CATALOGS, COORDINATOR, files.catalog_files(self._settings))
        self.service = self._make_services()
        self.coordinator = self._deployment(COORDINATOR, tls_print)
        self.workers = self._deployment(WORKER, tls_print)
        if self._settings.trino_autoscaling:
            self._autoscaler()
        self.register_outputs({"service": self.service, "coordinator": self.coordinator, "workers": self.workers})

    def _labels(self, role: str) -> dict[str, str]:
        return self._site.labels(NAME, role, str(self._settings.trino_version))

    def _meta(self, name: str, role: str, annotations: Mapping[str, str] | None = None) -> meta.ObjectMetaArgs:
        return meta.ObjectMetaArgs(
            name=name,
            namespace=self._namespace,
            labels=self._labels(role),
            annotations=dict(annotations) if annotations else None,
        )

    def _secret(self, name: str, data: Mapping[str, pulumi.Input[str]], role: str = COORDINATOR) -> core.Secret:
        labels = self._labels(role)
        made = secret(name, data, namespace=self._namespace, labels=labels, site=self._site, parent=self)
        self._objects.append(made)
        return made

    def _config_map(self, name: str, role: str, data: Mapping[str, str]) -> core.ConfigMap:
        made = core.ConfigMap(
            f"{self._site.prefix}-{name}", metadata=self._meta(name, role), data=dict(data), opts=child(self)
        )
        self._objects.append(made)
        return made

    def _make_passwords(self) -> None:
        site, settings = self._site, self._settings
        self.password = password("trino-password", site, self)
        metrics = password("trino-metrics-password", site, self)
        shutdown = password("trino-shutdown-password", site, self)
        warm_up = password("trino-warm-up-password", site, self)
        shared = password("trino-internal-secret", site, self, length=64)
        self._secret(CREDENTIALS, {USERNAME: settings.trino_user, PASSWORD: self.password})
        self._secret(METRICS, {USERNAME: files.METRICS_USER, PASSWORD: metrics})
        self._secret(INTERNAL, {"shared-secret": shared})
        # Each role knows only the users that it meets, so that another password rolls only the pods that need it.
        self._users = {
            COORDINATOR: _password_file(
                {settings.trino_user: self.password, files.METRICS_USER: metrics, files.WARM_UP_USER: warm_up}
            ),
            WORKER: _password_file({files.SHUTDOWN_USER: shutdown, files.METRICS_USER: metrics}),
        }
        self._auth = {
            role: self._secret(f"trino-{role}-auth", {"password.db": text}, role) for role, text in self._users.items()
        }
        call = shutdown.apply(lambda text: files.shutdown_call(text, f"{NAME}.{site.namespace('trino')}.svc"))
        self._shutdown = self._secret("trino-worker-shutdown", {"call": call}, WORKER)
        self._warm_up = self._secret("trino-coordinator-warm-up", {"call": warm_up.apply(files.warm_up_call)})
        self._shared = {COORDINATOR: pulumi.Output.concat(shared), WORKER: pulumi.Output.concat(shared, call)}

    def _make_tls(self, now: datetime.datetime) -> pulumi.Output[str]:
        """The Secret with the certificate, ours or an existing one; returns what to roll the pods by."""
        if existing := self._settings.trino_tls_secret:
            self.tls_secret = pulumi.Output.from_input(existing)
            return self.tls_secret
        service = f"{NAME}.{self._site.namespace('trino')}"
        names = [f"{service}.svc", NAME, service, f"{service}.svc.cluster.local", "localhost", "127.0.0.1"]
        names += self._settings.trino_tls_names
        days = self._settings.trino_tls_validity_days

        def make(text: str) -> Certificate:
            return issue(base64.b64decode(text), names=names, validity_days=days, now=now)

        made = seed("trino-tls-seed", self._site, self).apply(make)
        pem = made.apply(lambda certificate: certificate.combined_pem)
        authority = made.apply(lambda certificate: certificate.authority_pem)
        self.tls_secret = self._secret(TLS, {"tls-combined.pem": pem, "ca.crt": authority}).metadata.name
        return pem

    def _make_services(self) -> pulumi.Output[str]:
        https = core.ServicePortArgs(name="https", port=files.HTTPS, target_port="https")
        node_port = self._settings.trino_node_port or None
        clients = core.ServicePortArgs(name="https", port=files.HTTPS, target_port="https", node_port=node_port)
        http = core.ServicePortArgs(name="http", port=files.HTTP, target_port="http")
        # Workers may announce themselves before the coordinator is Ready: its own start then overlaps with theirs.
        self._service(files.DISCOVERY, COORDINATOR, http, publish_not_ready_addresses=True)
        self._service(WORKERS, WORKER, https, cluster_ip="None")
        return self._service(NAME, COORDINATOR, clients, type_="NodePort" if node_port else None).metadata.name

    def _service(
        self,
        name: str,
        role: str,
        port: core.ServicePortArgs,
        *,
        cluster_ip: str | None = None,
        publish_not_ready_addresses: bool | None = None,
        type_: str | None = None,
    ) -> core.Service:
        return core.Service(
            f"{self._site.prefix}-{name}",
            metadata=self._meta(name, role, NO_WAIT),
            spec=core.ServiceSpecArgs(
                selector=self._site.selector(NAME, role),
                ports=[port],
                cluster_ip=cluster_ip,
                publish_not_ready_addresses=publish_not_ready_addresses,
                type=type_,
            ),
            opts=child(self),
        )

    def _deployment(self, role: str, tls_print: pulumi.Output[str]) -> pulumi.Output[str]:
        node, name = files.Node(self._site, role), f"{NAME}-{role}"
        config = self._config_map(f"{name}-config", role, files.etc_files(node))
        mounted = Files(
            config=config.metadata.name,
            catalogs=self._catalogs.metadata.name,
            auth=self._auth[role].metadata.name,
            tls=self.tls_secret,
            shutdown=None if node.coordinator else self._shutdown.metadata.name,
            warm_up=self._warm_up.metadata.name if node.coordinator else None,
        )
        texts = [*files.etc_files(node).values(), *files.catalog_files(self._settings).values()]
        fingerprint = pods.checksum(*texts, self._users[role], self._shared[role], tls_print)
        selector = self._site.selector(NAME, role)
        pods.disruption_budget(
            name,
            site=self._site,
            namespace=self._namespace,
            labels=self._labels(role),
            selector=selector,
            parent=self,
        )
        return apps.Deployment(
            f"{self._site.prefix}-{name}",
            metadata=self._meta(name, role),
            spec=apps.DeploymentSpecArgs(
                replicas=self._replicas(role),
                selector=meta.LabelSelectorArgs(match_labels=selector),
                strategy=_strategy(role),
                progress_deadline_seconds=_PROGRESS_SECONDS,
                template=template(node, mounted, self._labels(role), selector, fingerprint),
            ),
            opts=child(self, *self._objects),
        ).metadata.name

    def _replicas(self, role: str) -> int | None:
        if role == COORDINATOR:
            return 1
        # Left out, the number belongs to the autoscaler: declaring one here would undo its work at every update.
        return None if self._settings.trino_autoscaling else self._settings.trino_workers

    def _autoscaler(self) -> None:
        settings = self._settings
        target = autoscaling.MetricTargetArgs(
            type="Utilization", average_utilization=settings.trino_autoscaling_cpu_percent
        )
        one_a_minute = autoscaling.HPAScalingPolicyArgs(type="Pods", value=1, period_seconds=60)
        autoscaling.HorizontalPodAutoscaler(
            f"{self._site.prefix}-{WORKERS}",
            metadata=self._meta(WORKERS, WORKER),
            spec=autoscaling.HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=autoscaling.CrossVersionObjectReferenceArgs(
                    api_version="apps/v1", kind="Deployment", name=self.workers
                ),
                min_replicas=settings.trino_min_workers,
                max_replicas=settings.trino_max_workers,
                metrics=[
                    autoscaling.MetricSpecArgs(
                        type="Resource", resource=autoscaling.ResourceMetricSourceArgs(name="cpu", target=target)
                    )
                ],
                behavior=autoscaling.HorizontalPodAutoscalerBehaviorArgs(
                    scale_down=autoscaling.HPAScalingRulesArgs(policies=[one_a_minute], select_policy="Max")
                ),
            ),
            opts=child(self),
        )


def _password_file(users: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[str]:
    def text(passwords: dict[str, str]) -> str:
        return "".join(trino_password_line(user, plain) for user, plain in passwords.items())

    return pulumi.Output.all(**users).apply(text)


def _strategy(role: str) -> apps.DeploymentStrategyArgs:
    if role == COORDINATOR:
        # Two coordinators behind one Service would each know half of the queries.
        return apps.DeploymentStrategyArgs(type="Recreate")
    return apps.DeploymentStrategyArgs(
        type="RollingUpdate", rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
    )
