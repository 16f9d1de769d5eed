"""Trino's files follow from the settings."""

from __future__ import annotations

import hashlib
import json

import pytest

from components.credentials import trino_password_line
from components.settings import Settings
from components.site import Site
from components.trino_config import Node, catalog_files, catalog_secrets, etc_files, shutdown_call
from components.trino_jvm import heap_mib, java_release, jvm_config


def files(role: str, **settings: object) -> dict[str, str]:
    return etc_files(Node(Site("qer-test", Settings.model_validate(settings)), role))


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("limit", "heap"), [("1Gi", 640), ("2Gi", 1638), ("16Gi", 13107)])
def test_the_heap_follows_from_the_memory_limit(limit: str, heap: int) -> None:
    assert heap_mib(limit) == heap


@pytest.mark.parametrize("limit", ["1Gi", "1536Mi", "4Gi", "64Gi"])
@pytest.mark.parametrize("role", ["coordinator", "worker"])
def test_query_memory_and_headroom_fit_the_heap(limit: str, role: str) -> None:
    config = properties(
        files(role, trinoCoordinatorMemoryLimit=limit, trinoWorkerMemoryLimit=limit)["config.properties"]
    )
    query, headroom = (
        int(config[key].removesuffix("MB")) for key in ("query.max-memory-per-node", "memory.heap-headroom-per-node")
    )
    # Some collectors report a tenth less than -Xmx.
    assert query + headroom < heap_mib(limit) * 0.9


@pytest.mark.parametrize(("version", "java"), [(424, 17), (435, 17), (436, 21), (447, 22), (464, 23), (476, 24)])
def test_the_java_release_follows_from_the_version(version: int, java: int) -> None:
    assert java_release(version) == java


def test_flags_of_newer_java_are_left_out_for_the_first_systems_trino() -> None:
    resources = Settings().trino_worker
    old, new = jvm_config(424, resources, "auto"), jvm_config(476, resources, "auto")
    assert "--sun-misc-unsafe-memory-access=allow" in new.splitlines()
    assert not [line for line in old.splitlines() if line.startswith("--")]
    assert "EnableDynamicAgentLoading" not in old


def test_a_small_pod_starts_fast_and_a_large_one_computes_fast() -> None:
    small = Settings()
    large = Settings(trino_worker_cpu_limit="8", trino_worker_cpu_request="4")
    assert "-XX:+UseSerialGC" in jvm_config(476, small.trino_worker, "auto")
    assert "-XX:+UseG1GC" in jvm_config(476, large.trino_worker, "auto")
    assert "-XX:+UseG1GC" in jvm_config(476, small.trino_worker, "throughput")


def test_both_roles_ask_for_passwords_over_tls_and_share_a_secret_that_is_not_in_the_file() -> None:
    for role in ("coordinator", "worker"):
        config = properties(files(role)["config.properties"])
        assert config["http-server.authentication.type"] == "PASSWORD"
        assert config["http-server.https.enabled"] == "true"
        assert config["internal-communication.shared-secret"] == "${ENV:TRINO_INTERNAL_SECRET}"


def test_the_queue_check_has_a_group_of_one_running_and_one_waiting_query() -> None:
    groups = json.loads(files("coordinator", trinoQueryConcurrency=7)["resource-groups.json"])
    assert groups["selectors"][0] == {"source": "qer-queue-check", "group": "queue-check"}
    assert [(group["hardConcurrencyLimit"], group["maxQueued"]) for group in groups["rootGroups"]] == [(1, 1), (7, 200)]
    assert "resource-groups.json" not in files("worker")


def test_only_the_stacks_own_user_may_stop_a_worker() -> None:
    rules = json.loads(files("worker")["access-rules.json"])
    assert [rule["user"] for rule in rules["system_information"] if "write" in rule["allow"]] == ["shutdown"]


def test_memory_of_a_query_grows_with_the_workers_that_there_can_be() -> None:
    few = properties(files("coordinator", trinoWorkers=2)["config.properties"])
    many = properties(files("coordinator", trinoAutoscaling=True, trinoMaxWorkers=8)["config.properties"])
    assert few["query.max-memory"] == "448MB"
    assert many["query.max-memory"] == "1792MB"


def test_a_catalogs_secret_reaches_it_by_its_environment_only() -> None:
    settings = Settings.model_validate(
        {
            "trinoCatalogs": {
                "pg": {"connector.name": "postgresql", "connection-password": {"secret": "db", "key": "pw"}}
            }
        }
    )
    assert "connection-password=${ENV:CATALOG_PG_CONNECTION_PASSWORD}" in catalog_files(settings)["pg.properties"]
    reference = catalog_secrets(settings)["CATALOG_PG_CONNECTION_PASSWORD"]
    assert (reference.secret, reference.key) == ("db", "pw")


def test_the_password_line_is_the_one_that_trino_reads() -> None:
    user, line = "qer", trino_password_line("qer", "plain")
    name, iterations, salt, digest = line.strip().split(":")
    expected = hashlib.pbkdf2_hmac("sha1", b"plain", bytes.fromhex(salt), int(iterations), len(bytes.fromhex(digest)))
    assert (name, digest) == (user, expected.hex())
    assert int(iterations) >= 1000
    assert line == trino_password_line(user, "plain")
    assert "plain" not in line


def test_the_drain_call_goes_to_the_pods_own_worker_with_credentials() -> None:
    call = shutdown_call("pw", "trino.ns.svc")
    assert 'user = "shutdown:pw"' in call
    assert 'url = "https://trino.ns.svc:8443/v1/info/state"' in call
    assert "127.0.0.1" in call
