"""The namespaces of one stack, made here or only named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from components.site import Site, child

RESTRICTED, BASELINE, PRIVILEGED = "restricted", "baseline", "privileged"
_POD_SECURITY = "pod-security.kubernetes.io"


@dataclass(frozen=True, slots=True)
class NamespacesArgs:
    """What :class:`Namespaces` needs."""

    site: Site


def wanted(site: Site) -> dict[str, str]:
    """Part of the stack to the Pod Security level of its namespace."""
    settings = site.settings
    levels = {"trino": RESTRICTED, "clickhouse": RESTRICTED, "runner": RESTRICTED}
    if settings.monitoring_enabled:
        # node-exporter shares the node's network and process ids, which nothing below privileged admits.
        levels["monitoring"] = PRIVILEGED if settings.node_exporter_enabled else RESTRICTED
    if settings.faults_network:
        levels["faults"] = PRIVILEGED
    return levels


class Namespaces(pulumi.ComponentResource):
    """One namespace for each part, with its Pod Security level; none when the configuration says that they exist.

    Attributes:
        names: part to the namespace's name, known once the namespace exists.
    """

    names: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: NamespacesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:Namespaces", name, None, opts)
        self._site = args.site
        self.names = {part: self._make(part, level) for part, level in wanted(args.site).items()}
        self.register_outputs({"names": dict(self.names)})

    def _make(self, part: str, level: str) -> pulumi.Output[str]:
        if not self._site.settings.namespaces_owned:
            return pulumi.Output.from_input(self._site.namespace(part))
        namespace = core.Namespace(
            self._site.namespace(part),
            metadata=meta.ObjectMetaArgs(
                name=self._site.namespace(part),
                labels={**self._site.labels(part, "namespace"), **_pod_security(level)},
            ),
            opts=child(self),
        )
        return namespace.metadata.name


def _pod_security(level: str) -> dict[str, str]:
    return {f"{_POD_SECURITY}/{mode}": level for mode in ("enforce", "warn", "audit")}
