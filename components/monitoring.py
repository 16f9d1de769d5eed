"""Monitoring: the chart kube-prometheus-stack as one Helm release."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.helm.v3 as helm

from components.alert_receiver import with_test_route
from components.crds import CrdGuard
from components.credentials import PASSWORD, USERNAME, password, secret
from components.monitoring_values import chart_values
from components.site import Site, child

NAME = "monitoring"
GRAFANA_SECRET, GRAFANA_USER = "grafana-credentials", "admin"
_TIMEOUT_SECONDS = 600
# The chart cuts longer names off, which could make two stacks' names the same.
_LONGEST_NAME = 22


@dataclass(frozen=True, slots=True)
class MonitoringArgs:
    """What :class:`Monitoring` needs.

    Attributes:
        site: the stack.
        namespace: where the chart goes; must exist.
        watched: namespaces whose monitors and rules are taken.
    """

    site: Site
    namespace: pulumi.Input[str]
    watched: Mapping[str, pulumi.Output[str]]


class Monitoring(pulumi.ComponentResource):
    """kube-prometheus-stack, pinned, and Grafana's password.

    Helm's own release rather than the chart's resources one by one: both were installed, upgraded, previewed and
    destroyed. The release waits for its pods, previews without change in seconds and keeps the state small; the
    resources one by one wait for each other under Pulumi's limit of parallel steps.

    Attributes:
        services: part to the name of its Service, for the parts that are on.
        ready: what monitors and rules depend on, so that they go before the operator.
        grafana_password: Grafana's password, ``None`` when it is off.
    """

    services: Mapping[str, str]
    ready: pulumi.Resource
    grafana_password: pulumi.Output[str] | None

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:Monitoring", name, None, opts)
        self._site, self._settings, self._namespace = args.site, args.site.settings, args.namespace
        self._short = short_name(args.site.prefix)
        self.grafana_password = self._grafana_login() if self._settings.grafana_enabled else None
        values = chart_values(
            self._settings,
            name=self._short,
            namespace=args.namespace,
            watched=list(args.watched.values()),
            grafana_secret=GRAFANA_SECRET,
        )
        values = with_test_route(values, args.site)
        self.ready = self._rendered(values) if self._settings.render_directory else self._release(values)
        self.services = self._services()
        self.register_outputs({"services": dict(self.services)})

    def _grafana_login(self) -> pulumi.Output[str]:
        made = password("grafana-password", self._site, self)
        secret(
            GRAFANA_SECRET,
            {USERNAME: GRAFANA_USER, PASSWORD: made},
            namespace=self._namespace,
            labels=self._site.labels("grafana", NAME),
            site=self._site,
            parent=self,
        )
        return made

    def _release(self, values: Mapping[str, object]) -> pulumi.Resource:
        settings = self._settings
        before: list[pulumi.Resource] = []
        if settings.monitoring_crds == "install":
            guard = pulumi.ResourceOptions(parent=self, ignore_changes=["__provider"])
            before.append(CrdGuard(f"{self._site.prefix}-crds", context=settings.kube_context, opts=guard))
        return helm.Release(
            f"{self._site.prefix}-{NAME}",
            name=self._short,
            namespace=self._namespace,
            chart=settings.monitoring_chart,
            version=settings.monitoring_chart_version,
            repository_opts=_repository(settings.monitoring_chart_repository),
            values=values,
            timeout=_TIMEOUT_SECONDS,
            # A release that did not get Ready is taken back, so that the next update starts clean.
            atomic=True,
            cleanup_on_fail=True,
            opts=child(self, *before),
        )

    def _rendered(self, values: Mapping[str, object]) -> pulumi.Resource:
        """The chart's resources as YAML: a release needs a cluster.

        The older of the provider's two charts: only it can be told for which Kubernetes it renders. The other one takes
        1.20 where no cluster answers, which the chart refuses.
        """
        settings = self._settings
        chart, repository = settings.monitoring_chart, settings.monitoring_chart_repository
        namespace, version = self._namespace, settings.render_kubernetes_version
        config = (
            helm.ChartOpts(
                chart=chart,
                version=settings.monitoring_chart_version,
                fetch_opts=helm.FetchOpts(repo=repository),
                namespace=namespace,
                values=values,
                skip_crd_rendering=True,
                kube_version=version,
            )
            if repository
            else helm.LocalChartOpts(
                path=chart, namespace=namespace, values=values, skip_crd_rendering=True, kube_version=version
            )
        )
        return helm.Chart(self._short, config, child(self))

    def _services(self) -> dict[str, str]:
        settings, name = self._settings, self._short
        parts = {
            "prometheus": (settings.prometheus_enabled, f"{name}-prometheus"),
            "alertmanager": (settings.alertmanager_enabled, f"{name}-alertmanager"),
            "grafana": (settings.grafana_enabled, f"{name}-grafana"),
            "kube-state-metrics": (settings.kube_state_metrics_enabled, f"{name}-kube-state-metrics"),
            "node-exporter": (settings.node_exporter_enabled, f"{name}-prometheus-node-exporter"),
        }
        return {part: service for part, (enabled, service) in parts.items() if enabled}


def short_name(prefix: str) -> str:
    """A name for the release that is short enough for the chart and still this stack's alone."""
    if len(prefix) <= _LONGEST_NAME:
        return prefix
    return f"{prefix[: _LONGEST_NAME - 9].rstrip('-')}-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}"


def _repository(url: str) -> helm.RepositoryOptsArgs | None:
    return helm.RepositoryOptsArgs(repo=url) if url else None
