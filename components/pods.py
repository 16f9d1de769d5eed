"""What the pods of all engines have in common: security, resources, spread, quick failover."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.policy.v1 as policy

from components.settings import Resources
from components.site import Site, child

CHECKSUM = "query-engine-reliability/config-checksum"


def container_security(*, read_only: bool = True) -> core.SecurityContextArgs:
    """What Pod Security ``restricted`` asks of a container, and a read-only root."""
    return core.SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=core.CapabilitiesArgs(drop=["ALL"]),
        privileged=False,
        read_only_root_filesystem=read_only,
        run_as_non_root=True,
        seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
    )


def pod_security(user: int) -> core.PodSecurityContextArgs:
    """Run as ``user``, which also owns the volumes."""
    return core.PodSecurityContextArgs(
        run_as_user=user,
        run_as_group=user,
        run_as_non_root=True,
        fs_group=user,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
    )


def resources(of: Resources) -> core.ResourceRequirementsArgs:
    """Requests and limits of a container."""
    return core.ResourceRequirementsArgs(
        requests={"cpu": of.cpu_request, "memory": of.memory_request},
        limits={"cpu": of.cpu_limit, "memory": of.memory_limit},
    )


def tolerations(seconds: int) -> list[core.TolerationArgs]:
    """Leave a node that is lost after ``seconds``; Kubernetes' own default is 300."""
    return [
        core.TolerationArgs(
            key=f"node.kubernetes.io/{condition}", operator="Exists", effect="NoExecute", toleration_seconds=seconds
        )
        for condition in ("not-ready", "unreachable")
    ]


def spread(selector: Mapping[str, str]) -> list[core.TopologySpreadConstraintArgs]:
    """Even over the nodes, each generation of a Deployment by itself, as long as there is room."""
    return [
        core.TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key="kubernetes.io/hostname",
            when_unsatisfiable="ScheduleAnyway",
            label_selector=meta.LabelSelectorArgs(match_labels=dict(selector)),
            match_label_keys=["pod-template-hash"],
        )
    ]


def scratch(name: str, size: str) -> core.VolumeArgs:
    """An empty directory of at most ``size`` that goes with the pod."""
    return core.VolumeArgs(name=name, empty_dir=core.EmptyDirVolumeSourceArgs(size_limit=size))


def mount(name: str, path: str, *, read_only: bool = False) -> core.VolumeMountArgs:
    """Mount the volume ``name``."""
    return core.VolumeMountArgs(name=name, mount_path=path, read_only=read_only or None)


def from_secret(variable: str, secret: pulumi.Input[str], key: str) -> core.EnvVarArgs:
    """An environment variable whose value is a key of a Secret."""
    reference = core.SecretKeySelectorArgs(name=secret, key=key)
    return core.EnvVarArgs(name=variable, value_from=core.EnvVarSourceArgs(secret_key_ref=reference))


def http_probe(path: str, port: str, *, period: int, timeout: int, failures: int) -> core.ProbeArgs:
    """A probe by HTTP GET (seconds)."""
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port=port),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )


def exec_probe(command: Sequence[str], *, period: int, timeout: int, failures: int) -> core.ProbeArgs:
    """A probe by a command in the container (seconds)."""
    return core.ProbeArgs(
        exec_=core.ExecActionArgs(command=list(command)),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )


def on_stop(script: str) -> core.LifecycleArgs:
    """Run a shell script in the container before it is told to end."""
    command = core.ExecActionArgs(command=["/bin/sh", "-c", script])
    return core.LifecycleArgs(pre_stop=core.LifecycleHandlerArgs(exec_=command))


def checksum(*parts: pulumi.Input[str]) -> pulumi.Output[str]:
    """A fingerprint of configuration for a pod's annotation: another one rolls the pod. Not a secret itself."""

    def digest(texts: Sequence[str]) -> str:
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]

    return pulumi.Output.unsecret(pulumi.Output.all(*parts).apply(digest))


def disruption_budget(
    name: str,
    *,
    site: Site,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    selector: Mapping[str, str],
    parent: pulumi.Resource,
) -> policy.PodDisruptionBudget:
    """One pod of the workload at a time may be evicted, also when it is the only one: a drain must be able to end."""
    return policy.PodDisruptionBudget(
        f"{site.prefix}-{name}",
        metadata=meta.ObjectMetaArgs(name=name, namespace=namespace, labels=dict(labels)),
        spec=policy.PodDisruptionBudgetSpecArgs(
            max_unavailable=1, selector=meta.LabelSelectorArgs(match_labels=dict(selector))
        ),
        opts=child(parent),
    )
