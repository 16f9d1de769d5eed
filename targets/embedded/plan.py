"""Lays out one embedded run: ports, secrets, configuration files, commands, and the outputs document."""

from __future__ import annotations

import importlib.metadata
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from targets.contract import EngineOutput, Outputs, SecretRef, Workload
from targets.embedded import java, tls, trino_config
from targets.embedded.config import MEBIBYTE, TRINO_VERSION, EmbeddedConfig
from targets.embedded.keeper import GRACE_SECONDS, ProcessSpec
from targets.embedded.ports import HOST, PortPool
from targets.embedded.readiness import Check, ClickHouseCheck, TrinoCheck
from targets.embedded.trino_config import CATALOGS, TrinoCluster, TrinoNode

USER = "runner"
NAMESPACE = "embedded"
ROOT = Path(__file__).resolve().parents[2]
OUTPUTS_FILE = "outputs.json"
SETTINGS_FILE = "settings.json"
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


class Settings(BaseModel):
    """What the supervisor is told by the process that starts it (written to the run's directory, not argv).

    Attributes:
        config: the caller's settings.
        trino_home: the unpacked distribution.
        aot_caches: ahead-of-time caches to start Trino from, by role.
        aot_notes: directory to note the loaded classes in, from which such caches can be made.
        grace_seconds: how long processes may take to end by themselves.
        detached: outlive the process that starts it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: EmbeddedConfig
    trino_home: Path | None
    aot_caches: Mapping[str, Path] = {}
    aot_notes: Path | None = None
    grace_seconds: float = GRACE_SECONDS
    detached: bool = False


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """One engine: its processes, the port behind and before the proxy, its readiness, its part of the document."""

    kind: str
    processes: tuple[ProcessSpec, ...]
    upstream_port: int
    proxy_port: int
    check: Check
    output: EngineOutput


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything one supervisor runs."""

    engines: tuple[EnginePlan, ...]
    outputs: Outputs


class Planner:
    """Makes the files of one run below ``directory``."""

    def __init__(self, directory: Path, settings: Settings, ports: PortPool) -> None:
        self._directory = directory
        self._settings = settings
        self._ports = ports
        self._temporary = directory / "tmp"

    def plan(self) -> RunPlan:
        """Reserve ports, make secrets, write configuration.

        Raises:
            TargetError: no free port.
        """
        self._temporary.mkdir(mode=0o700)
        makers = {"trino": self._trino, "clickhouse": self._clickhouse}
        engines = tuple(makers[kind]() for kind in self._settings.config.engines)
        outputs = Outputs(
            target="embedded", stack=self._directory.name, engines=tuple(engine.output for engine in engines)
        )
        tls.write_private(self._directory / OUTPUTS_FILE, outputs.to_json() + "\n")
        return RunPlan(engines, outputs)

    def _password(self, kind: str) -> tuple[str, Path]:
        password = secrets.token_urlsafe(18)
        return password, tls.write_private(self._directory / f"{kind}.password", password)

    def _spec(self, name: str, role: str, command: tuple[str, ...], port: int, check: Check) -> ProcessSpec:
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        return ProcessSpec(
            name=name,
            engine=name.partition("-")[0],
            role=role,
            command=command,
            directory=directory,
            environment={**environment, "TMPDIR": str(self._temporary), "PYTHONPATH": str(ROOT)},
            log=self._directory / f"{name}.log",
            port=port,
            up=check.up,
            grace_seconds=self._settings.grace_seconds,
        )

    def _trino(self) -> EnginePlan:
        config, home = self._settings.config, self._settings.trino_home
        if home is None:
            raise ValueError("Trino is asked for without a distribution")
        password, password_file = self._password("trino")
        warehouse = self._directory / "warehouse"
        warehouse.mkdir()
        certificates = tls.issue(self._directory)
        nodes = self._trino_nodes()
        coordinator = nodes[0]
        cluster = TrinoCluster(
            discovery_port=coordinator.http_port,
            shared_secret=secrets.token_urlsafe(32),
            user=USER,
            password=password,
            certificates=certificates,
            warehouse=warehouse,
            plugins=home / "plugin",
            workers=config.trino_workers,
            worker_heap_bytes=config.worker_heap_bytes,
        )
        https_port = coordinator.https_port or 0
        check = TrinoCheck(https_port, certificates.ca_file, USER, password, nodes=len(nodes))
        for node in nodes:
            trino_config.write(node, cluster)
        proxy_port = self._ports.take()
        return EnginePlan(
            kind="trino",
            processes=tuple(self._trino_process(node, home, check) for node in nodes),
            upstream_port=https_port,
            proxy_port=proxy_port,
            check=check,
            output=EngineOutput(
                kind="trino",
                title="Trino",
                version=TRINO_VERSION,
                namespace=NAMESPACE,
                service="trino",
                host=HOST,
                port=proxy_port,
                scheme="https",
                user=USER,
                password=SecretRef(file=str(password_file)),
                ca=SecretRef(file=str(certificates.ca_file)),
                catalogs=CATALOGS,
                data_directory=str(warehouse),
                workloads=(
                    Workload(role="coordinator", kind="Process", name="trino-coordinator", replicas=1),
                    Workload(role="worker", kind="Process", name="trino-worker", replicas=config.trino_workers),
                ),
            ),
        )

    def _trino_nodes(self) -> tuple[TrinoNode, ...]:
        config = self._settings.config
        coordinator = TrinoNode(
            "trino-coordinator",
            self._directory / "trino-coordinator",
            coordinator=True,
            heap_bytes=config.coordinator_heap_bytes,
            http_port=self._ports.take(),
            https_port=self._ports.take(),
        )
        names = (f"trino-worker-{number}" for number in range(1, config.trino_workers + 1))
        workers = (
            TrinoNode(name, self._directory / name, False, config.worker_heap_bytes, self._ports.take())
            for name in names
        )
        return (coordinator, *workers)

    def _trino_process(self, node: TrinoNode, home: Path, check: Check) -> ProcessSpec:
        role = "coordinator" if node.coordinator else "worker"
        notes = self._settings.aot_notes
        command = java.command(
            node,
            home,
            self._temporary,
            aot_cache=self._settings.aot_caches.get(role),
            notes=None if notes is None else notes / f"{role}.aotconf",
        )
        return self._spec(node.name, role, command, node.http_port, check)

    def _clickhouse(self) -> EnginePlan:
        password, password_file = self._password("clickhouse")
        port, proxy_port = self._ports.take(), self._ports.take()
        check = ClickHouseCheck(port, USER, password)
        data = self._directory / "clickhouse-data"
        command = (
            *(sys.executable, "-m", "targets.embedded.clickhouse_server"),
            *("--data", str(data), "--host", HOST, "--port", str(port)),
            *("--user", USER, "--password-file", str(password_file)),
            *("--max-memory-mib", str(self._settings.config.clickhouse_bytes // MEBIBYTE)),
        )
        return EnginePlan(
            kind="clickhouse",
            processes=(self._spec("clickhouse-server", "server", command, port, check),),
            upstream_port=port,
            proxy_port=proxy_port,
            check=check,
            output=EngineOutput(
                kind="clickhouse",
                title="ClickHouse (chDB)",
                version=_chdb_version(),
                namespace=NAMESPACE,
                service="clickhouse",
                host=HOST,
                port=proxy_port,
                scheme="http",
                user=USER,
                password=SecretRef(file=str(password_file)),
                workloads=(Workload(role="server", kind="Process", name="clickhouse-server", replicas=1),),
            ),
        )


def _chdb_version() -> str:
    """Release of the engine inside chDB (``26.9``); chdb-core counts its own patches of it."""
    return ".".join(importlib.metadata.version("chdb-core").split(".")[:2])
