"""Trino's configuration: what is set, that it fits the heap, and that secrets stay in private files."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from targets.embedded import java
from targets.embedded.tls import Certificates
from targets.embedded.trino_config import CATALOGS, QUEUE_CHECK_SOURCE, TrinoCluster, TrinoNode, write

SECRET = "internal-secret-value"
PASSWORD = "password-value"


@pytest.fixture
def cluster(tmp_path: Path) -> TrinoCluster:
    certificates = Certificates(tmp_path / "ca.pem", tmp_path / "server.pem")
    return TrinoCluster(
        discovery_port=15001,
        shared_secret=SECRET,
        user="runner",
        password=PASSWORD,
        certificates=certificates,
        warehouse=tmp_path / "warehouse",
        plugins=tmp_path / "plugin",
        workers=2,
        worker_heap_bytes=1 << 30,
    )


def _node(tmp_path: Path, *, coordinator: bool, heap: int = 1 << 30) -> TrinoNode:
    name = "trino-coordinator" if coordinator else "trino-worker-1"
    (tmp_path / name).mkdir()
    return TrinoNode(name, tmp_path / name, coordinator, heap, 15001 if coordinator else 15003, 15002)


def _read(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {key: value for key, _, value in pairs}


def _megabytes(value: str) -> int:
    return int(value.removesuffix("MB"))


def test_coordinator_asks_for_passwords_over_tls_and_runs_no_work(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=True)
    write(node, cluster)
    config = _read(node.etc / "config.properties")
    assert config["coordinator"] == "true"
    assert config["node-scheduler.include-coordinator"] == "false"
    assert config["http-server.authentication.type"] == "PASSWORD"
    assert config["http-server.https.port"] == "15002"
    assert config["http-server.https.keystore.path"] == str(cluster.certificates.server_pem)
    assert _read(node.etc / "password-authenticator.properties")["password-authenticator.name"] == "file"


def test_worker_has_no_password_database_and_no_client_port(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=False)
    write(node, cluster)
    config = _read(node.etc / "config.properties")
    assert config["coordinator"] == "false"
    assert config["discovery.uri"] == "http://127.0.0.1:15001"
    assert not any("https" in key or "authentication" in key for key in config)
    assert not (node.etc / "password.db").exists()


@pytest.mark.parametrize("coordinator", [True, False])
def test_nothing_listens_beyond_loopback(tmp_path: Path, cluster: TrinoCluster, coordinator: bool) -> None:
    node = _node(tmp_path, coordinator=coordinator)
    write(node, cluster)
    config = _read(node.etc / "config.properties")
    assert config["node.bind-ip"] == config["node.internal-address"] == "127.0.0.1"


@pytest.mark.parametrize("megabytes", [512, 768, 1024, 4096])
def test_memory_limits_fit_the_heap(tmp_path: Path, cluster: TrinoCluster, megabytes: int) -> None:
    node = _node(tmp_path, coordinator=True, heap=megabytes << 20)
    write(node, cluster)
    config = _read(node.etc / "config.properties")
    used = _megabytes(config["query.max-memory-per-node"]) + _megabytes(config["memory.heap-headroom-per-node"])
    assert used <= megabytes * 0.85  # a serial collector reports a survivor space less than -Xmx


def test_queries_fail_within_seconds_not_minutes_when_a_worker_died(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=True)
    write(node, cluster)
    config = _read(node.etc / "config.properties")
    names = ("query-manager.required-workers-max-wait", "query.remote-task.max-error-duration")
    assert [config[name] for name in (*names, "exchange.max-error-duration")] == ["10s"] * 3


def test_catalogs_are_those_the_outputs_document_names(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=False)
    write(node, cluster)
    assert {path.stem for path in (node.etc / "catalog").iterdir()} == set(CATALOGS)
    assert _read(node.etc / "catalog/hive.properties")["local.location"] == str(cluster.warehouse)
    assert _read(node.etc / "catalog/tpch.properties")["tpch.column-naming"] == "STANDARD"


def test_one_source_runs_one_query_and_queues_one(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=True)
    write(node, cluster)
    document = json.loads((node.etc / "resource-groups.json").read_text())
    groups = {group["name"]: group for group in document["rootGroups"]}
    first, last = document["selectors"]
    assert first["source"] == QUEUE_CHECK_SOURCE
    assert (groups[first["group"]]["hardConcurrencyLimit"], groups[first["group"]]["maxQueued"]) == (1, 1)
    assert set(last) == {"group"}  # everything else
    assert groups[last["group"]]["hardConcurrencyLimit"] >= 100


def test_every_file_is_its_owners_only_and_the_password_is_in_none(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=True)
    write(node, cluster)
    files = [path for path in node.etc.rglob("*") if path.is_file()]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert not any(PASSWORD in path.read_text() for path in files)


def test_neither_secret_shows_in_a_repr_or_on_the_command_line(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=True)
    shown = repr(cluster) + " ".join(java.command(node, tmp_path, tmp_path))
    assert SECRET not in shown
    assert PASSWORD not in shown
    assert "-Xmx1024m" in shown


def test_a_larger_heap_lets_queries_take_more(tmp_path: Path, cluster: TrinoCluster) -> None:
    node = _node(tmp_path, coordinator=True)
    write(node, replace(cluster, worker_heap_bytes=8 << 30))
    assert _read(node.etc / "config.properties")["query.max-memory"] == "8192MB"
