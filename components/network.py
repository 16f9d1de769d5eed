"""Who may talk to the engines: the runner, the monitoring, the engines themselves, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.networking.v1 as networking

from components import clickhouse_config, trino_config
from components.settings import Settings
from components.site import NAME, Site, child

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_NODE_LOCAL_DNS = "169.254.20.10/32"  # of clusters with a DNS cache on every node

Peer = networking.NetworkPolicyPeerArgs
Ingress = networking.NetworkPolicyIngressRuleArgs
Egress = networking.NetworkPolicyEgressRuleArgs


@dataclass(frozen=True, slots=True)
class NetworkArgs:
    """What :class:`Network` needs; the namespaces must exist."""

    site: Site
    trino_namespace: pulumi.Input[str]
    clickhouse_namespace: pulumi.Input[str]


class Network(pulumi.ComponentResource):
    """NetworkPolicies of the engines' namespaces: nothing passes but what is named here.

    Attributes:
        names: of the policies.
    """

    names: list[pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:Network", name, None, opts)
        self._site = args.site
        self.names = [*self._trino(args.trino_namespace), *self._clickhouse(args.clickhouse_namespace)]
        self.register_outputs({"names": self.names})

    def _trino(self, namespace: pulumi.Input[str]) -> list[pulumi.Output[str]]:
        engine = _pods("trino")
        ports = [trino_config.HTTP, trino_config.HTTPS]
        clients = Ingress(from_=_clients(self._site), ports=_tcp(trino_config.HTTPS))
        monitoring = Ingress(from_=_monitoring(self._site), ports=_tcp(trino_config.HTTPS))
        internal = Ingress(from_=[Peer(pod_selector=engine)], ports=_tcp(*ports))
        egress = [
            _dns(),
            Egress(to=[Peer(pod_selector=engine)], ports=_tcp(*ports)),
            *_catalog_egress(self._site),
        ]
        return [
            self._policy("trino-default", namespace, meta.LabelSelectorArgs(), [], []),
            self._policy("trino", namespace, engine, [clients, monitoring, internal], egress),
        ]

    def _clickhouse(self, namespace: pulumi.Input[str]) -> list[pulumi.Output[str]]:
        ports = _tcp(clickhouse_config.HTTP, clickhouse_config.NATIVE)
        peers = _clients(self._site)
        if _has_clickhouse_catalog(self._site.settings):
            peers.append(_namespace(self._site.namespace("trino")))
        clients = Ingress(from_=peers, ports=ports)
        monitoring = Ingress(from_=_monitoring(self._site), ports=_tcp(clickhouse_config.METRICS))
        return [
            self._policy("clickhouse-default", namespace, meta.LabelSelectorArgs(), [], []),
            self._policy("clickhouse", namespace, _pods("clickhouse"), [clients, monitoring], [_dns()]),
        ]

    def _policy(
        self,
        name: str,
        namespace: pulumi.Input[str],
        selector: meta.LabelSelectorArgs,
        ingress: Sequence[Ingress],
        egress: Sequence[Egress],
    ) -> pulumi.Output[str]:
        made = networking.NetworkPolicy(
            f"{self._site.prefix}-{name}",
            metadata=meta.ObjectMetaArgs(name=name, namespace=namespace, labels=self._site.labels(name, "network")),
            spec=networking.NetworkPolicySpecArgs(
                pod_selector=selector,
                policy_types=["Ingress", "Egress"],
                ingress=list(ingress),
                egress=list(egress),
            ),
            opts=child(self),
        )
        return made.metadata.name


def _pods(engine: str) -> meta.LabelSelectorArgs:
    return meta.LabelSelectorArgs(match_labels={NAME: engine})


def _namespace(name: str) -> Peer:
    return Peer(namespace_selector=meta.LabelSelectorArgs(match_labels={_NAMESPACE_NAME: name}))


def _clients(site: Site) -> list[Peer]:
    """Pods of these namespaces, and addresses beyond the cluster: what comes by a node port bears a node's."""
    settings = site.settings
    namespaces = [site.namespace("runner"), *settings.client_namespaces]
    return [*(_namespace(name) for name in namespaces), *(_block(cidr) for cidr in settings.client_cidrs)]


def _monitoring(site: Site) -> list[Peer]:
    in_namespace = meta.LabelSelectorArgs(match_labels={_NAMESPACE_NAME: site.namespace("monitoring")})
    prometheus = meta.LabelSelectorArgs(match_labels={NAME: "prometheus"})
    return [Peer(namespace_selector=in_namespace, pod_selector=prometheus)]


def _tcp(*ports: int) -> list[networking.NetworkPolicyPortArgs]:
    return [networking.NetworkPolicyPortArgs(protocol="TCP", port=port) for port in ports]


def _dns() -> Egress:
    ports = [networking.NetworkPolicyPortArgs(protocol=protocol, port=53) for protocol in ("UDP", "TCP")]
    return Egress(to=[_namespace("kube-system"), _block(_NODE_LOCAL_DNS)], ports=ports)


def _block(cidr: str) -> Peer:
    return Peer(ip_block=networking.IPBlockArgs(cidr=cidr))


def _has_clickhouse_catalog(settings: Settings) -> bool:
    return any(catalog["connector.name"] == "clickhouse" for catalog in settings.trino_catalogs.values())


def _catalog_egress(site: Site) -> list[Egress]:
    targets = [target.rsplit(":", 1) for target in site.settings.trino_egress]
    rules = [Egress(to=[_block(cidr)], ports=_tcp(int(port))) for cidr, port in targets]
    if _has_clickhouse_catalog(site.settings):
        rules.append(Egress(to=[_namespace(site.namespace("clickhouse"))], ports=_tcp(clickhouse_config.HTTP)))
    return rules
