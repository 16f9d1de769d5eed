"""Pod templates of Trino's coordinator and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from components import pods
from components.settings import Settings
from components.trino_config import (
    ATTEMPT_SECONDS,
    ETC,
    HTTP,
    HTTPS,
    SHARED_SECRET_VARIABLE,
    START_ATTEMPTS,
    WARM_UP_SCRIPT,
    Node,
    catalog_files,
    catalog_secrets,
    etc_files,
)

NAME = "trino"
CATALOGS, INTERNAL = "trino-catalogs", "trino-internal"
_USER_ID = 1000  # of the official image
_STOP_MARGIN_SECONDS = 15
# After the call the server drains, then ends by itself and the container with it; until then SIGTERM is held back.
_DRAIN = (
    f"curl --config {ETC}/shutdown/call && "
    f"while curl --silent --output /dev/null --max-time 2 http://127.0.0.1:{HTTP}/v1/info; do sleep 1; done"
)


@dataclass(frozen=True, slots=True)
class Files:
    """Names of the objects that hold a role's files."""

    config: pulumi.Input[str]
    catalogs: pulumi.Input[str]
    auth: pulumi.Input[str]
    tls: pulumi.Input[str]
    shutdown: pulumi.Input[str] | None = None
    warm_up: pulumi.Input[str] | None = None


def template(
    node: Node, files: Files, labels: dict[str, str], selector: dict[str, str], fingerprint: pulumi.Input[str]
) -> core.PodTemplateSpecArgs:
    """The pods of one role; another ``fingerprint`` rolls them."""
    settings = node.site.settings
    return core.PodTemplateSpecArgs(
        metadata=meta.ObjectMetaArgs(labels=labels, annotations={pods.CHECKSUM: fingerprint}),
        spec=core.PodSpecArgs(
            containers=[_container(node)],
            volumes=_volumes(node, files),
            security_context=pods.pod_security(_USER_ID),
            automount_service_account_token=False,
            enable_service_links=False,
            tolerations=pods.tolerations(settings.node_failure_seconds),
            topology_spread_constraints=pods.spread(selector),
            termination_grace_period_seconds=30 if node.coordinator else _worker_grace(settings),
        ),
    )


def _worker_grace(settings: Settings) -> int:
    return 2 * settings.trino_shutdown_grace_seconds + settings.trino_drain_seconds + _STOP_MARGIN_SECONDS


def _container(node: Node) -> core.ContainerArgs:
    settings = node.site.settings
    return core.ContainerArgs(
        name=NAME,
        image=settings.trino_reference,
        image_pull_policy=settings.image_pull_policy,
        ports=[
            core.ContainerPortArgs(name="http", container_port=HTTP),
            core.ContainerPortArgs(name="https", container_port=HTTPS),
        ],
        env=_environment(settings),
        resources=pods.resources(settings.trino_coordinator if node.coordinator else settings.trino_worker),
        security_context=pods.container_security(),
        volume_mounts=[
            pods.mount("etc", ETC, read_only=True),
            pods.mount("data", "/data/trino"),
            pods.mount("tmp", "/tmp"),  # noqa: S108 - a volume of the pod's own
        ],
        startup_probe=_startup(node),
        # Asked from outside the container's CPU limit, public, and needing no query: a busy server answers late, a
        # hung one not at all. Both probes bear with a minute of lateness: no other coordinator could take over, so
        # calling a busy one not ready would only turn late answers into refused connections.
        readiness_probe=pods.http_probe("/v1/info", "http", period=5, timeout=10, failures=6),
        liveness_probe=pods.http_probe("/v1/info", "http", period=10, timeout=10, failures=6),
        lifecycle=None if node.coordinator else pods.on_stop(_DRAIN),
    )


def _startup(node: Node) -> core.ProbeArgs:
    """The image's own check (the server answers and has left its starting phase); a coordinator is warmed up too."""
    if node.coordinator:
        command = ["sh", f"{ETC}/{WARM_UP_SCRIPT}"]
        return pods.exec_probe(command, period=2, timeout=ATTEMPT_SECONDS, failures=START_ATTEMPTS)
    return pods.exec_probe(["/usr/lib/trino/bin/health-check"], period=2, timeout=10, failures=120)


def _environment(settings: Settings) -> list[core.EnvVarArgs]:
    return [
        pods.from_secret(SHARED_SECRET_VARIABLE, INTERNAL, "shared-secret"),
        *(pods.from_secret(variable, ref.secret, ref.key) for variable, ref in catalog_secrets(settings).items()),
    ]


def _volumes(node: Node, files: Files) -> list[core.VolumeArgs]:
    catalogs = {file: f"catalog/{file}" for file in catalog_files(node.site.settings)}
    sources = [
        _config_map(files.config, {file: file for file in etc_files(node)}),
        _config_map(files.catalogs, catalogs),
        _secret(files.auth, ["password.db"], "auth"),
        _secret(files.tls, ["tls-combined.pem", "ca.crt"], "tls"),
    ]
    if files.shutdown is not None:
        sources.append(_secret(files.shutdown, ["call"], "shutdown"))
    if files.warm_up is not None:
        sources.append(_secret(files.warm_up, ["call"], "warm-up"))
    projected = core.ProjectedVolumeSourceArgs(sources=sources, default_mode=0o440)
    return [core.VolumeArgs(name="etc", projected=projected), pods.scratch("data", "4Gi"), pods.scratch("tmp", "1Gi")]


def _config_map(name: pulumi.Input[str], paths: dict[str, str]) -> core.VolumeProjectionArgs:
    items = [core.KeyToPathArgs(key=key, path=path) for key, path in paths.items()]
    return core.VolumeProjectionArgs(config_map=core.ConfigMapProjectionArgs(name=name, items=items))


def _secret(name: pulumi.Input[str], keys: Sequence[str], folder: str) -> core.VolumeProjectionArgs:
    items = [core.KeyToPathArgs(key=key, path=f"{folder}/{key}") for key in keys]
    return core.VolumeProjectionArgs(secret=core.SecretProjectionArgs(name=name, items=items))
