"""What connects engines and monitoring: ServiceMonitors and alerting rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.apiextensions as extensions
import pulumi_kubernetes.meta.v1 as meta

from components.crds import GROUP
from components.credentials import PASSWORD, USERNAME
from components.rules import engine_rules
from components.site import Site, child
from components.trino import METRICS

_API = f"{GROUP}/v1"
# Trino shows some ten thousand series; these are what alerts, dashboards and reports ask for.
_TRINO_SERIES = "(jvm_|java_lang_|trino_execution_|trino_memory_|trino_metadata_|io_airlift_node_|process_).*"


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
        trino = args.trino_namespace
        self.names = [
            self._make("ServiceMonitor", "trino", trino, self._monitor("trino", "coordinator", self._trino_endpoint())),
            self._make(
                "ServiceMonitor", "trino-workers", trino, self._monitor("trino", "worker", self._trino_endpoint())
            ),
            self._make(
                "ServiceMonitor",
                "clickhouse",
                args.clickhouse_namespace,
                self._monitor("clickhouse", "server", {"port": "metrics"}),
            ),
            self._make(
                "PrometheusRule",
                "query-engines",
                trino,
                {"groups": [{"name": "query-engines", "rules": engine_rules(self._site)}]},
            ),
        ]
        self.register_outputs({"names": self.names})

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
            "interval": "30s",
            "scrapeTimeout": "20s",
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
