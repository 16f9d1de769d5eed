"""What connects engines and monitoring: ServiceMonitors and rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.apiextensions as extensions
import pulumi_kubernetes.meta.v1 as meta

from components.crds import GROUP
from components.credentials import PASSWORD, USERNAME
from components.rules import specification
from components.site import Site, child
from components.trino import METRICS

SCRAPE_INTERVAL, SCRAPE_TIMEOUT = "15s", "10s"
_API = f"{GROUP}/v1"
# Each node shows some 6,700 series (1.1 MB); these 1,700 are what rules, dashboards and reports ask for.
_TRINO_SERIES = "(trino_execution_|trino_memory_|trino_metadata_|trino_failuredetector_|io_airlift_stats_).*"


@dataclass(frozen=True, slots=True)
class MonitorsArgs:
    """What :class:`Monitors` needs: namespaces that exist, and the Secret that holds Trino's authority."""

    site: Site
    trino_namespace: pulumi.Input[str]
    clickhouse_namespace: pulumi.Input[str]
    trino_tls_secret: pulumi.Input[str]
    after: Sequence[pulumi.Resource]


class Monitors(pulumi.ComponentResource):
    """ServiceMonitors of both engines, and one PrometheusRule.

    Attributes:
        names: kind and name of the custom resources.
    """

    names: list[str]

    def __init__(self, name: str, args: MonitorsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:Monitors", name, None, opts)
        self._args, self._site = args, args.site
        self.names = [*self._monitors(), *self._rules()]
        self.register_outputs({"names": self.names})

    def _monitors(self) -> list[str]:
        trino, clickhouse = self._args.trino_namespace, self._args.clickhouse_namespace
        monitors = (
            ("trino", trino, self._monitor("trino", "coordinator", self._trino_endpoint())),
            ("trino-workers", trino, self._monitor("trino", "worker", self._trino_endpoint())),
            ("clickhouse", clickhouse, self._monitor("clickhouse", "server", _clickhouse_endpoint())),
        )
        return [self._make("ServiceMonitor", name, namespace, spec) for name, namespace, spec in monitors]

    def _rules(self) -> list[str]:
        if not self._site.settings.rules_enabled:
            return []
        return [self._make("PrometheusRule", "query-engines", self._args.trino_namespace, specification(self._site))]

    def _make(self, kind: str, name: str, namespace: pulumi.Input[str], spec: dict[str, object]) -> str:
        extensions.CustomResource(
            f"{self._site.prefix}-{name}-{kind.lower()}",
            api_version=_API,
            kind=kind,
            metadata=meta.ObjectMetaArgs(name=name, namespace=namespace, labels=self._site.labels(name, "monitoring")),
            spec=spec,
            opts=child(self, *self._args.after),
        )
        return f"{kind}/{name}"

    def _monitor(self, name: str, component: str, endpoint: dict[str, object]) -> dict[str, object]:
        return {"selector": {"matchLabels": self._site.selector(name, component)}, "endpoints": [endpoint]}

    def _trino_endpoint(self) -> dict[str, object]:
        return {
            "port": "https",
            "scheme": "https",
            "path": "/metrics",
            # A page of 1.1 MB, made in 0.1 s of CPU: cheap enough to see an outage soon.
            "interval": SCRAPE_INTERVAL,
            "scrapeTimeout": SCRAPE_TIMEOUT,
            "basicAuth": {
                "username": {"name": METRICS, "key": USERNAME},
                "password": {"name": METRICS, "key": PASSWORD},
            },
            "tlsConfig": {
                "ca": {"secret": {"name": self._args.trino_tls_secret, "key": "ca.crt"}},
                "serverName": f"trino.{self._site.namespace('trino')}.svc",
            },
            "metricRelabelings": [{"sourceLabels": ["__name__"], "regex": _TRINO_SERIES, "action": "keep"}],
        }


def _clickhouse_endpoint() -> dict[str, object]:
    return {"port": "metrics", "path": "/metrics", "interval": SCRAPE_INTERVAL, "scrapeTimeout": SCRAPE_TIMEOUT}
