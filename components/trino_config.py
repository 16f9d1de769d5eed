"""Trino's configuration files, derived from the settings. Names of properties: Trino 476 documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.settings import Catalog, SecretKey, Settings
from components.site import Site
from components.trino_jvm import heap_mib, jvm_config

HTTP, HTTPS = 8080, 8443
DISCOVERY = "trino-discovery"
METRICS_USER, SHUTDOWN_USER, WARM_UP_USER = "metrics", "shutdown", "warm-up"
# The runner's queue check sends its queries as this source: one runs, one waits, the third is refused.
QUEUE_CHECK_SOURCE = "qer-queue-check"
ETC = "/etc/trino"
SHARED_SECRET_VARIABLE = "TRINO_INTERNAL_SECRET"  # noqa: S105 - the name of a variable

# By default queries wait five minutes for a worker and take over a minute to fail after one died.
_WORKER_WAIT = "10s"
_REMOTE_ERROR_DURATION = "10s"
# A coordinator hears of its workers up to 20 s after its port is open: it asks every 10 s, and looks at them every 5 s.
_WARM_UP_SECONDS, _ANSWER_SECONDS = 45, 15
# The server has three times the patience to start in, after which its container is started anew.
_PATIENCE_SECONDS = 75
START_ATTEMPTS, ATTEMPT_SECONDS = 3, _PATIENCE_SECONDS + _WARM_UP_SECONDS + 2 * _ANSWER_SECONDS
_WARM_UP = Path(__file__).with_name("warm_up.sh")
WARM_UP_SCRIPT = "warm-up.sh"


@dataclass(frozen=True, slots=True)
class Node:
    """One role: the coordinator or the workers."""

    site: Site
    role: str

    @property
    def coordinator(self) -> bool:
        """Whether it is the coordinator."""
        return self.role == "coordinator"

    @property
    def heap(self) -> int:
        """Heap in MiB."""
        settings = self.site.settings
        return heap_mib((settings.trino_coordinator if self.coordinator else settings.trino_worker).memory_limit)


def etc_files(node: Node) -> dict[str, str]:
    """Path under ``/etc/trino`` to content, without catalogs and without anything secret. Keys have no slash."""
    settings = node.site.settings
    resources = settings.trino_coordinator if node.coordinator else settings.trino_worker
    files = {
        "config.properties": properties(_config(node)),
        "jvm.config": jvm_config(settings.trino_version, resources, settings.trino_jvm),
        "node.properties": properties(
            {"node.environment": node.site.prefix.replace("-", "_"), "node.data-dir": "/data/trino"}
        ),
        "log.properties": properties({"io.trino": "INFO", "io.airlift": "INFO"}),
        "password-authenticator.properties": properties(
            {
                "password-authenticator.name": "file",
                "file.password-file": f"{ETC}/auth/password.db",
            }
        ),
        "access-control.properties": properties(
            {"access-control.name": "file", "security.config-file": f"{ETC}/access-rules.json"}
        ),
        "access-rules.json": _access_rules(settings),
    }
    if not node.coordinator:
        return files
    script = warm_up_script(f"trino.{node.site.namespace('trino')}.svc")
    return files | _resource_groups(settings) | {WARM_UP_SCRIPT: script}


def properties(content: Mapping[str, object]) -> str:
    """A Java properties file."""
    return "".join(f"{key}={value}\n" for key, value in content.items())


def catalog_files(settings: Settings) -> dict[str, str]:
    """File name to content; a value kept in a Secret becomes a reference to its environment variable."""
    return {
        f"{name}.properties": properties(
            {key: _value(name, key, value) for key, value in catalog.items()},
        )
        for name, catalog in sorted(settings.trino_catalogs.items())
    }


def catalog_secrets(settings: Settings) -> dict[str, SecretKey]:
    """Environment variable to the key of a Secret, for all catalogs."""
    found: dict[str, SecretKey] = {}
    for name, catalog in sorted(settings.trino_catalogs.items()):
        found |= _secrets_of(name, catalog)
    return found


def shutdown_call(password: str, host: str) -> str:
    """Options for curl: ask the pod's own worker to drain."""
    return _call(
        SHUTDOWN_USER,
        password,
        f'url = "https://{host}:{HTTPS}/v1/info/state"',
        'request = "PUT"',
        'header = "Content-Type: application/json"',
        'data = "\\"SHUTTING_DOWN\\""',
        "max-time = 10",
        "retry = 3",
        "retry-all-errors",
    )


def warm_up_call(password: str) -> str:
    """Options for curl: send a statement to the pod's own coordinator, or fetch what it has answered so far."""
    return _call(WARM_UP_USER, password, f'header = "X-Trino-User: {WARM_UP_USER}"', f"max-time = {_ANSWER_SECONDS}")


def warm_up_script(host: str) -> str:
    """The coordinator's start-up probe: ``warm_up.sh`` with what it has to know."""
    known: dict[str, object] = {
        "url": f"https://{host}:{HTTPS}/v1/statement",
        "call": f"{ETC}/warm-up/call",
        "patience": _PATIENCE_SECONDS,
        "limit": _WARM_UP_SECONDS,
    }
    return "".join(f"{name}={value}\n" for name, value in known.items()) + _WARM_UP.read_text(encoding="utf-8")


def _call(user: str, password: str, *options: str) -> str:
    """Options for curl as a file, since others can read command lines; they lead to the pod itself."""
    lines = ['connect-to = "::127.0.0.1:"', f'user = "{user}:{password}"', f'cacert = "{ETC}/tls/ca.crt"']
    return "\n".join([*lines, *options, "silent", "show-error", "fail", ""])


def _config(node: Node) -> dict[str, object]:
    settings = node.site.settings
    return {
        "coordinator": str(node.coordinator).lower(),
        "discovery.uri": f"http://{DISCOVERY}.{node.site.namespace('trino')}.svc:{HTTP}",
        "internal-communication.shared-secret": f"${{ENV:{SHARED_SECRET_VARIABLE}}}",
        "catalog.management": "static",
        "http-server.http.port": HTTP,
        "http-server.https.enabled": "true",
        "http-server.https.port": HTTPS,
        "http-server.https.keystore.path": f"{ETC}/tls/tls-combined.pem",
        "http-server.authentication.type": "PASSWORD",
        "http-server.log.enabled": "false",
        "exchange.max-error-duration": _REMOTE_ERROR_DURATION,
        # Both must stay below the heap, or the server does not start.
        "query.max-memory-per-node": f"{node.heap * 35 // 100}MB",
        "memory.heap-headroom-per-node": f"{node.heap * 25 // 100}MB",
        **(_only_coordinator(settings, node) if node.coordinator else _only_worker(settings)),
    }


def _only_coordinator(settings: Settings, node: Node) -> dict[str, object]:
    worker = Node(node.site, "worker")
    return {
        "node-scheduler.include-coordinator": "false",
        "query.max-memory": f"{worker.heap * 35 // 100 * settings.most_workers}MB",
        "query.remote-task.max-error-duration": _REMOTE_ERROR_DURATION,
        # A worker that was just found counts as failed until it has answered for so long: 5 s by default.
        "failure-detector.warmup-interval": "1s",
        "query-manager.required-workers": 1,
        "query-manager.required-workers-max-wait": _WORKER_WAIT,
    }


def _only_worker(settings: Settings) -> dict[str, object]:
    return {"shutdown.grace-period": f"{settings.trino_shutdown_grace_seconds}s"}


def _access_rules(settings: Settings) -> str:
    """Who may do what: as by default, and one user of our own may tell a worker to drain."""
    rules = {
        "catalogs": [{"allow": "all"}],
        "system_information": [
            {"user": SHUTDOWN_USER, "allow": ["read", "write"]},
            {"user": f"{settings.trino_user}|{METRICS_USER}", "allow": ["read"]},
        ],
    }
    return json.dumps(rules, indent=1) + "\n"


def _resource_groups(settings: Settings) -> dict[str, str]:
    groups = [
        {"name": "queue-check", "softMemoryLimit": "50%", "hardConcurrencyLimit": 1, "maxQueued": 1},
        {
            "name": "default",
            "softMemoryLimit": "100%",
            "hardConcurrencyLimit": settings.trino_query_concurrency,
            "maxQueued": settings.trino_query_queue,
        },
    ]
    selectors = [{"source": QUEUE_CHECK_SOURCE, "group": "queue-check"}, {"group": "default"}]
    manager = {
        "resource-groups.configuration-manager": "file",
        "resource-groups.config-file": f"{ETC}/resource-groups.json",
    }
    return {
        "resource-groups.properties": properties(manager),
        "resource-groups.json": json.dumps({"rootGroups": groups, "selectors": selectors}, indent=1) + "\n",
    }


def _variable(catalog: str, key: str) -> str:
    return "CATALOG_" + "".join(c if c.isalnum() else "_" for c in f"{catalog}_{key}").upper()


def _value(catalog: str, key: str, value: str | SecretKey) -> str:
    return value if isinstance(value, str) else f"${{ENV:{_variable(catalog, key)}}}"


def _secrets_of(name: str, catalog: Catalog) -> dict[str, SecretKey]:
    return {_variable(name, key): value for key, value in catalog.items() if isinstance(value, SecretKey)}
