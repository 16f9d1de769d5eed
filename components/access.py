"""What the runner may do in the cluster: look, and break what the stack owns; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.rbac.v1 as rbac

from components import clickhouse, trino
from components.monitoring import GRAFANA_SECRET
from components.settings import Settings
from components.site import Site, child

RUNNER = "runner"
_LOOK = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class AccessArgs:
    """What :class:`Access` needs: part to namespace, all existing."""

    site: Site
    namespaces: Mapping[str, pulumi.Output[str]]


class Access(pulumi.ComponentResource):
    """The runner's ServiceAccount, a Role for each namespace, and a ClusterRole only for node faults.

    Attributes:
        service_account: its name, in the runner's namespace.
    """

    service_account: pulumi.Output[str]

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("qer:components:Access", name, None, opts)
        self._site, self._namespaces = args.site, args.namespaces
        self.service_account = self._account().metadata.name
        for part, rules in role_rules(args.site.settings).items():
            if part in args.namespaces:
                self._grant(part, rules)
        if args.site.settings.faults_node:
            self._grant_nodes()
        self.register_outputs({"serviceAccount": self.service_account})

    def _labels(self) -> dict[str, str]:
        return self._site.labels(RUNNER, "access")

    def _account(self) -> core.ServiceAccount:
        return core.ServiceAccount(
            f"{self._site.prefix}-runner",
            metadata=meta.ObjectMetaArgs(name=RUNNER, namespace=self._namespaces["runner"], labels=self._labels()),
            automount_service_account_token=False,
            opts=child(self),
        )

    def _subject(self) -> rbac.SubjectArgs:
        return rbac.SubjectArgs(kind="ServiceAccount", name=self.service_account, namespace=self._namespaces["runner"])

    def _grant(self, part: str, rules: list[rbac.PolicyRuleArgs]) -> None:
        metadata = meta.ObjectMetaArgs(name=RUNNER, namespace=self._namespaces[part], labels=self._labels())
        role = rbac.Role(f"{self._site.prefix}-runner-{part}", metadata=metadata, rules=rules, opts=child(self))
        reference = rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name)
        rbac.RoleBinding(
            f"{self._site.prefix}-runner-{part}",
            metadata=metadata,
            role_ref=reference,
            subjects=[self._subject()],
            opts=child(self),
        )

    def _grant_nodes(self) -> None:
        metadata = meta.ObjectMetaArgs(name=f"{self._site.prefix}-runner-nodes", labels=self._labels())
        # Pods everywhere are only looked at: a node that another stack depends on must not be struck.
        rules = [
            _rule("", ["nodes"], *_LOOK, "patch"),
            _rule("", ["pods"], "get", "list"),
            # Whether a pod can move depends on what its volume is bound to.
            _rule("", ["persistentvolumes"], "get"),
        ]
        role = rbac.ClusterRole(f"{self._site.prefix}-runner-nodes", metadata=metadata, rules=rules, opts=child(self))
        reference = rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata.name)
        rbac.ClusterRoleBinding(
            f"{self._site.prefix}-runner-nodes",
            metadata=metadata,
            role_ref=reference,
            subjects=[self._subject()],
            opts=child(self),
        )


def role_rules(settings: Settings) -> dict[str, list[rbac.PolicyRuleArgs]]:
    """Part of the stack to the rules in its namespace."""
    return {
        "trino": _engine_rules(trino.CREDENTIALS, settings.trino_tls_secret or trino.TLS),
        "clickhouse": _engine_rules(clickhouse.CREDENTIALS),
        "monitoring": [
            _rule("", ["pods", "services"], *_LOOK),
            _rule("", ["pods/portforward"], "create", "get"),
            _secrets(GRAFANA_SECRET),
        ],
        "runner": [
            # The lock against a second runner.
            _rule("coordination.k8s.io", ["leases"], *_LOOK, "create", "update", "patch", "delete"),
            # Dead man's switches: they revert a fault when its runner is gone, with these very rights.
            _rule("", ["pods"], *_LOOK, "create", "delete"),
        ],
        "faults": [
            _rule("", ["pods"], *_LOOK, "create", "delete"),
            _rule("", ["pods/exec"], "create", "get"),
        ],
    }


def _engine_rules(*secrets: str) -> list[rbac.PolicyRuleArgs]:
    return [
        _rule("", ["pods"], *_LOOK, "delete", "patch"),
        _rule("", ["pods/log"], "get"),
        _rule("", ["pods/exec", "pods/portforward"], "create", "get"),
        _rule("", ["pods/eviction"], "create"),
        _rule("", ["pods/resize"], "patch"),
        _rule("", ["services"], *_LOOK, "patch"),
        _rule("", ["events", "persistentvolumeclaims"], *_LOOK),
        _rule("discovery.k8s.io", ["endpointslices"], *_LOOK),
        _rule("apps", ["deployments", "statefulsets"], *_LOOK, "patch"),
        _rule("apps", ["replicasets"], *_LOOK),
        _rule("apps", ["deployments/scale", "statefulsets/scale"], "get", "patch", "update"),
        _rule("autoscaling", ["horizontalpodautoscalers"], *_LOOK, "patch"),
        _rule("policy", ["poddisruptionbudgets"], *_LOOK),
        _rule("networking.k8s.io", ["networkpolicies"], *_LOOK, "create", "patch", "delete"),
        _rule("metrics.k8s.io", ["pods"], "get", "list"),
        _secrets(*secrets),
    ]


def _rule(group: str, resources: list[str], *verbs: str) -> rbac.PolicyRuleArgs:
    return rbac.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=list(verbs))


def _secrets(*names: str) -> rbac.PolicyRuleArgs:
    """Only the Secrets that the outputs document refers to."""
    return rbac.PolicyRuleArgs(api_groups=[""], resources=["secrets"], verbs=["get"], resource_names=list(names))
