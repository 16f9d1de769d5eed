"""Trino's configuration files for one embedded run: a coordinator that schedules no work, and workers.

Names and meanings of the properties: Trino 476 documentation, "Administration", "Security" and "Connectors".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from targets.embedded.tls import Certificates, password_entry, write_private

CATALOGS = ("tpch", "memory", "blackhole", "hive")
QUEUE_CHECK_SOURCE = "qer-queue-check"
ENVIRONMENT = "embedded"
MEGABYTE = 1024 * 1024

# By default queries wait five minutes for a worker and take over a minute to fail after one died.
WORKER_WAIT = "10s"
REMOTE_ERROR_DURATION = "10s"
# How long a worker must have answered heartbeats before it is given work; five seconds by default.
DETECTOR_WARMUP = "0.5s"


@dataclass(frozen=True, slots=True)
class TrinoNode:
    """One Trino process: where its files are, the ports it listens on (loopback only), its heap in bytes."""

    name: str
    directory: Path
    coordinator: bool
    heap_bytes: int
    http_port: int
    https_port: int | None = None

    @property
    def etc(self) -> Path:
        """Directory of its configuration files."""
        return self.directory / "etc"


@dataclass(frozen=True, slots=True)
class TrinoCluster:
    """What all nodes of one run share.

    Attributes:
        discovery_port: the coordinator's internal HTTP port.
        shared_secret: what nodes authenticate to each other with.
        user: who may log in.
        password: that user's password.
        certificates: the coordinator's key and certificate.
        warehouse: root of the hive catalog's files.
        plugins: the distribution's plugin directory.
        workers: how many workers there are.
        worker_heap_bytes: heap of each of them.
    """

    discovery_port: int
    shared_secret: str
    user: str
    password: str
    certificates: Certificates
    warehouse: Path
    plugins: Path
    workers: int
    worker_heap_bytes: int

    def __repr__(self) -> str:
        return f"TrinoCluster(discovery_port={self.discovery_port}, workers={self.workers})"


def write(node: TrinoNode, cluster: TrinoCluster) -> None:
    """Write one node's ``etc`` directory (everything in it mode 0600: some files hold secrets)."""
    (node.etc / "catalog").mkdir(parents=True)
    (node.directory / "data").mkdir()
    _properties(node.etc / "config.properties", _config(node, cluster))
    _properties(node.etc / "log.properties", LOG_LEVELS)
    for catalog, content in _catalogs(cluster).items():
        _properties(node.etc / "catalog" / f"{catalog}.properties", content)
    if node.coordinator:
        _authentication(node.etc, cluster)
        _resource_groups(node.etc)


# One line per query would grow without end in an instance that is kept running.
LOG_LEVELS: Mapping[str, object] = {"io.trino": "INFO", "io.trino.event.QueryMonitor": "WARN", "io.airlift": "INFO"}


def _properties(path: Path, content: Mapping[str, object]) -> None:
    write_private(path, "".join(f"{key}={value}\n" for key, value in content.items()))


def _config(node: TrinoNode, cluster: TrinoCluster) -> dict[str, object]:
    common: dict[str, object] = {
        "coordinator": str(node.coordinator).lower(),
        "http-server.http.port": node.http_port,
        "http-server.log.enabled": "false",
        "discovery.uri": f"http://127.0.0.1:{cluster.discovery_port}",
        "internal-communication.shared-secret": cluster.shared_secret,
        "exchange.max-error-duration": REMOTE_ERROR_DURATION,
        "catalog.management": "static",
        "plugin.dir": cluster.plugins,
        **_memory(node.heap_bytes),
        **_node(node),
    }
    return common | _coordinator(node, cluster) if node.coordinator else common


def _memory(heap_bytes: int) -> dict[str, object]:
    # Both together must stay below what the JVM reports as its heap, which is less than -Xmx with some collectors.
    return {
        "query.max-memory-per-node": f"{heap_bytes // 2 // MEGABYTE}MB",
        "memory.heap-headroom-per-node": f"{heap_bytes // 5 // MEGABYTE}MB",
    }


def _coordinator(node: TrinoNode, cluster: TrinoCluster) -> dict[str, object]:
    return {
        "node-scheduler.include-coordinator": "false",
        "http-server.https.enabled": "true",
        "http-server.https.port": node.https_port,
        "http-server.https.keystore.path": cluster.certificates.server_pem,
        "http-server.authentication.type": "PASSWORD",
        "failure-detector.warmup-interval": DETECTOR_WARMUP,
        "query-manager.required-workers": 1,
        "query-manager.required-workers-max-wait": WORKER_WAIT,
        "query.remote-task.max-error-duration": REMOTE_ERROR_DURATION,
        "query.max-memory": f"{cluster.workers * max(1024, cluster.worker_heap_bytes // 2 // MEGABYTE)}MB",
    }


def _node(node: TrinoNode) -> dict[str, object]:
    return {
        "node.environment": ENVIRONMENT,
        "node.id": node.name,
        "node.bind-ip": "127.0.0.1",
        "node.internal-address": "127.0.0.1",
    }


def _catalogs(cluster: TrinoCluster) -> dict[str, dict[str, object]]:
    return {
        "tpch": {
            "connector.name": "tpch",
            "tpch.column-naming": "STANDARD",
            "tpch.double-type-mapping": "DECIMAL",
        },
        "memory": {"connector.name": "memory"},
        "blackhole": {"connector.name": "blackhole"},
        "hive": {
            "connector.name": "hive",
            "hive.metastore": "file",
            "hive.metastore.catalog.dir": "local:///meta",
            "hive.non-managed-table-writes-enabled": "true",
            "fs.native-local.enabled": "true",
            "local.location": cluster.warehouse,
        },
    }


def _authentication(etc: Path, cluster: TrinoCluster) -> None:
    database = write_private(etc / "password.db", password_entry(cluster.user, cluster.password))
    _properties(
        etc / "password-authenticator.properties",
        {"password-authenticator.name": "file", "file.password-file": database},
    )


def _resource_groups(etc: Path) -> None:
    """A group of one running and one waiting query for the queue check's source, a generous one for all else."""
    groups = [
        {"name": "queue-check", "softMemoryLimit": "50%", "hardConcurrencyLimit": 1, "maxQueued": 1},
        {"name": "default", "softMemoryLimit": "100%", "hardConcurrencyLimit": 100, "maxQueued": 1000},
    ]
    selectors = [{"source": QUEUE_CHECK_SOURCE, "group": "queue-check"}, {"group": "default"}]
    document = write_private(
        etc / "resource-groups.json", json.dumps({"rootGroups": groups, "selectors": selectors}, indent=1)
    )
    _properties(
        etc / "resource-groups.properties",
        {"resource-groups.configuration-manager": "file", "resource-groups.config-file": document},
    )
