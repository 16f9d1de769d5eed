"""Dashboards where Grafana finds them: ConfigMaps that the chart's sidecar loads."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from components.dashboards import files
from components.site import Site, child

# What the sidecar looks for; the chart's own dashboards carry it too.
LABEL, VALUE = "grafana_dashboard", "1"


@dataclass(frozen=True, slots=True)
class DashboardsArgs:
    """What :class:`Dashboards` needs; ``namespace`` must exist and be one that Grafana's sidecar watches."""

    site: Site
    namespace: pulumi.Input[str]


class Dashboards(pulumi.ComponentResource):
    """One ConfigMap for each dashboard.

    Attributes:
        names: of the ConfigMaps.
    """

    names: list[pulumi.Output[str]]

    def __init__(self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:Dashboards", name, None, opts)
        self._args = args
        self.names = [self._config_map(file, text) for file, text in files(args.site).items()]
        self.register_outputs({"names": self.names})

    def _config_map(self, file: str, text: str) -> pulumi.Output[str]:
        site, name = self._args.site, f"dashboard-{file.removesuffix('.json')}"
        made = core.ConfigMap(
            f"{site.prefix}-{name}",
            metadata=meta.ObjectMetaArgs(
                name=name,
                namespace=self._args.namespace,
                labels={**site.labels("dashboards", "monitoring"), LABEL: VALUE},
            ),
            data={file: text},
            opts=child(self),
        )
        return made.metadata.name
