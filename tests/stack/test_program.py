"""The program against mocks: what each component makes of its settings."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from components.access import role_rules
from components.monitoring import short_name
from components.settings import Settings
from targets.contract import Outputs
from tests.stack.program import Registered, is_secret, run

CHECKSUM = "query-engine-reliability/config-checksum"


@pytest.fixture(scope="module")
def default() -> Registered:
    return run()


def template(registered: Registered, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = registered.one(kind, name)["spec"]["template"]
    return found


def checksums(registered: Registered) -> dict[str, str]:
    workloads = (("Deployment", "trino-coordinator"), ("Deployment", "trino-worker"), ("StatefulSet", "clickhouse"))
    return {name: template(registered, kind, name)["metadata"]["annotations"][CHECKSUM] for kind, name in workloads}


def changed(before: Registered, after: Registered) -> set[str]:
    return {name for name, checksum in checksums(before).items() if checksums(after)[name] != checksum}


def test_namespaces_are_made_with_their_pod_security(default: Registered) -> None:
    levels = {
        one["metadata"]["name"]: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for one in default.manifests()
        if one["kind"] == "Namespace"
    }
    assert levels == {
        "qer-test-trino": "restricted",
        "qer-test-clickhouse": "restricted",
        "qer-test-runner": "restricted",
        "qer-test-monitoring": "privileged",  # node-exporter
    }


def test_namespaces_that_exist_are_only_named() -> None:
    registered = run(namespacesOwned=False, namespacePrefix="mine")
    assert not [one for one in registered.manifests() if one["kind"] == "Namespace"]
    assert registered.one("Service", "trino")["metadata"]["namespace"] == "mine-trino"


def test_the_outputs_document_is_the_runners(default: Registered) -> None:
    outputs = Outputs.model_validate(default.outputs["outputs"])
    assert [engine.kind for engine in outputs.engines] == ["trino", "clickhouse"]
    for engine in outputs.engines:
        default.one("Service", engine.service)
        assert engine.password is not None
        assert engine.password.name is not None
        assert engine.password.key in default.one("Secret", engine.password.name)["stringData"]
        for workload in engine.workloads:
            made = default.one(workload.kind, workload.name)
            assert made["spec"]["selector"]["matchLabels"] == workload.labels
    trino = outputs.engines[0]
    assert {workload.role: workload.replicas for workload in trino.workloads} == {"coordinator": 1, "worker": 2}
    assert trino.catalogs == ("tpch",)


def test_node_ports_lead_to_the_engines_for_the_clients_that_are_named(default: Registered) -> None:
    assert "type" not in default.one("Service", "trino")["spec"]
    nodes = run(trinoNodePort=30443, clickhouseNodePort=30123, clientCidrs=["172.30.0.0/16"])
    outputs = Outputs.model_validate(nodes.outputs["outputs"])
    assert {engine.kind: engine.node_port for engine in outputs.engines} == {"trino": 30443, "clickhouse": 30123}
    for engine in outputs.engines:
        spec = nodes.one("Service", engine.service)["spec"]
        assert spec["type"] == "NodePort"
        assert [port["nodePort"] for port in spec["ports"] if port["port"] == engine.port] == [engine.node_port]
        (clients, *_) = nodes.one("NetworkPolicy", engine.kind)["spec"]["ingress"]
        assert {"ipBlock": {"cidr": "172.30.0.0/16"}} in clients["from"]
        assert {port["port"] for port in clients["ports"]} >= {engine.port}


def test_no_password_is_in_an_output_but_the_secret_one(default: Registered) -> None:
    open_outputs = {name: value for name, value in default.outputs.items() if name != "passwords"}
    assert "pw-" not in json.dumps(open_outputs)
    assert set(default.outputs["passwords"]) == {"trino", "clickhouse", "grafana"}


def test_every_value_of_a_secret_is_a_secret_of_the_state(default: Registered) -> None:
    secrets = default.of_type("kubernetes:core/v1:Secret")
    assert secrets
    for name, inputs in secrets.items():
        data = inputs["stringData"]
        assert is_secret(data) or all(is_secret(value) for value in data.values()), name


def test_clickhouse_knows_its_user_by_a_digest_only(default: Registered) -> None:
    users = default.one("Secret", "clickhouse-users")["stringData"]["qer.xml"]
    password = default.one("Secret", "clickhouse-credentials")["stringData"]["password"]
    assert hashlib.sha256(password.encode()).hexdigest() in users
    assert password not in users
    assert '<default remove="remove"/>' in users


def test_data_goes_with_the_stack_or_is_kept() -> None:
    claim = run(clickhouseStorageClass="fast", clickhouseStorageSize="7Gi").one(
        "PersistentVolumeClaim", "clickhouse-data"
    )
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "7Gi"
    assert "storageClassName" not in run().one("PersistentVolumeClaim", "clickhouse-data")["spec"]


@pytest.mark.parametrize(
    ("settings", "rolled"),
    [
        ({"trinoQueryConcurrency": 5}, {"trino-coordinator"}),
        ({"trinoShutdownGraceSeconds": 9}, {"trino-worker"}),
        ({"trinoCatalogs": {"tpch": {"connector.name": "tpch"}}}, {"trino-coordinator", "trino-worker"}),
        ({"clickhouseStopSeconds": 99}, {"clickhouse"}),
        ({"credentialsRotation": "2"}, {"trino-coordinator", "trino-worker", "clickhouse"}),
        ({"grafanaEnabled": False, "networkPolicies": False, "faultsNode": True}, set()),
        ({"clickhouseStorageSize": "9Gi"}, set()),
    ],
)
def test_a_change_of_configuration_rolls_the_pods_concerned_and_no_other(
    default: Registered, settings: dict[str, object], rolled: set[str]
) -> None:
    assert changed(default, run(**settings)) == rolled


def test_the_autoscaler_owns_the_number_of_workers() -> None:
    registered = run(trinoAutoscaling=True, trinoMinWorkers=3, trinoMaxWorkers=7)
    assert "replicas" not in registered.one("Deployment", "trino-worker")["spec"]
    scaler = registered.one("HorizontalPodAutoscaler", "trino-workers")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 7)
    assert scaler["scaleTargetRef"]["name"] == "trino-worker"


def test_without_autoscaling_the_number_is_declared(default: Registered) -> None:
    assert default.one("Deployment", "trino-worker")["spec"]["replicas"] == 2
    assert not [one for one in default.manifests() if one["kind"] == "HorizontalPodAutoscaler"]


def test_a_stopping_worker_has_time_to_drain() -> None:
    spec = template(run(trinoDrainSeconds=100, trinoShutdownGraceSeconds=20), "Deployment", "trino-worker")["spec"]
    assert spec["terminationGracePeriodSeconds"] >= 2 * 20 + 100
    stop = " ".join(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"])
    assert "shutdown/call" in stop
    assert "pw-" not in stop


def test_a_certificate_of_ones_own_is_used_as_it_is() -> None:
    registered = run(trinoTlsSecret="mine")
    assert not [one for one in registered.manifests() if one["metadata"]["name"] == "trino-tls"]
    assert "mine" in json.dumps(template(registered, "Deployment", "trino-coordinator"))
    assert registered.outputs["outputs"]["engines"][0]["ca"]["name"] == "mine"


def test_faults_get_their_rights_only_when_they_are_enabled(default: Registered) -> None:
    kinds = {one["kind"] for one in default.manifests()}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    assert "qer-test-faults" not in default.outputs["outputs"]["namespaces"]
    registered = run(faultsNode=True, faultsNetwork=True)
    nodes = registered.one("ClusterRole", "qer-test-runner-nodes")
    rights = {resource: set(rule["verbs"]) for rule in nodes["rules"] for resource in rule["resources"]}
    assert rights == {"nodes": {"get", "list", "watch", "patch"}, "pods": {"get", "list"}, "persistentvolumes": {"get"}}
    faults = registered.one("Namespace", "qer-test-faults")
    assert faults["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert registered.outputs["outputs"]["faultsNamespace"] == "qer-test-faults"


def test_the_runner_reads_only_the_secrets_that_the_outputs_name(default: Registered) -> None:
    named = {
        reference["name"]
        for engine in default.outputs["outputs"]["engines"]
        for reference in (engine["password"], engine.get("ca", engine["password"]))
    }
    roles = [one for one in default.manifests() if one["kind"] == "Role"]
    rules = [rule for role in roles for rule in role["rules"] if "secrets" in rule["resources"]]
    assert all(rule["resourceNames"] and rule["verbs"] == ["get"] for rule in rules)
    assert {name for rule in rules for name in rule["resourceNames"]} == named | {"grafana-credentials"}


def test_no_rule_of_the_runner_has_a_wildcard() -> None:
    for rules in role_rules(Settings()).values():
        for rule in rules:
            assert "*" not in [*rule.api_groups, *rule.resources, *rule.verbs]  # type: ignore[misc]


def test_network_policies_let_through_what_is_named_and_nothing_else(default: Registered) -> None:
    for engine in ("trino", "clickhouse"):
        closed = default.one("NetworkPolicy", f"{engine}-default")["spec"]
        assert closed["podSelector"] == {}
        assert not closed.get("ingress")
        assert not closed.get("egress")
    trino = json.dumps(default.one("NetworkPolicy", "trino")["spec"])
    assert "qer-test-runner" in trino
    assert "qer-test-monitoring" in trino
    assert "qer-test-clickhouse" not in trino


def test_a_clickhouse_catalog_opens_the_way_to_clickhouse() -> None:
    registered = run(trinoCatalogs={"ch": {"connector.name": "clickhouse"}}, trinoEgress=["10.1.0.0/16:5432"])
    trino = registered.one("NetworkPolicy", "trino")["spec"]["egress"]
    assert {"ipBlock": {"cidr": "10.1.0.0/16"}} in [peer for rule in trino for peer in rule["to"]]
    assert "qer-test-clickhouse" in json.dumps(trino)
    assert "qer-test-trino" in json.dumps(registered.one("NetworkPolicy", "clickhouse")["spec"]["ingress"])
    assert not [one for one in run(networkPolicies=False).manifests() if one["kind"] == "NetworkPolicy"]


def test_two_stacks_share_no_name() -> None:
    def names(prefix: str) -> set[tuple[str, str | None, str]]:
        registered = run(namespacePrefix=prefix, faultsNode=True, faultsNetwork=True)
        return {
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in registered.manifests()
        }

    assert not names("one") & names("two")


def test_releases_of_long_names_stay_apart() -> None:
    first, second = (short_name("a-team-with-a-very-long-name-" + end) for end in ("one", "two"))
    assert first != second
    assert max(len(first), len(second)) <= 22
    assert short_name("qer-dev") == "qer-dev"


def test_two_runs_register_the_same(default: Registered) -> None:
    assert run().resources == default.resources
