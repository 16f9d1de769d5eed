"""What stands in the way is said in one line before anything is registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from components.preflight import NotPossible, Room, check, place, room_left
from components.quantities import memory_bytes
from components.requests import Need, needs
from components.settings import Settings
from components.site import INSTANCE, Site

OPERATOR_KINDS = {"ServiceMonitor", "PrometheusRule", "Prometheus", "Alertmanager"}


@dataclass
class Cluster:
    """A cluster that has what the stack needs, unless told otherwise."""

    there: dict[str, dict[str, str]] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    classes: dict[str, bool] = field(default_factory=lambda: {"standard": True})
    rooms: list[Room] = field(default_factory=lambda: [room("node1", "2", "3Gi")])
    secrets: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    missing_chart: str = ""
    volumes: set[str] = field(default_factory=set)
    servers: set[str] = field(default_factory=set)

    def namespaces(self) -> dict[str, dict[str, str]]:
        return self.there

    def definitions(self) -> set[str]:
        return self.kinds

    def storage_classes(self) -> dict[str, bool]:
        return self.classes

    def room(self, own_namespaces: Sequence[str]) -> list[Room]:
        assert "qer-test-trino" in own_namespaces
        return self.rooms

    def claims(self, namespace: str) -> set[str]:
        assert namespace == "qer-test-clickhouse"
        return self.volumes

    def stateful_sets(self, namespace: str) -> set[str]:
        assert namespace == "qer-test-clickhouse"
        return self.servers

    def secret_keys(self, namespace: str, name: str) -> set[str] | None:
        return self.secrets.get((namespace, name))

    def chart_problem(self, chart: str, repository: str) -> str:
        return self.missing_chart


def room(node: str, cpu: str, memory: str) -> Room:
    return Room(node, Decimal(cpu), Decimal(memory_bytes(memory)))


def refusal(cluster: Cluster, **settings: object) -> str:
    with pytest.raises(NotPossible) as caught:
        check(Site("qer-test", Settings.model_validate(settings)), cluster)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def accept(cluster: Cluster, **settings: object) -> None:
    check(Site("qer-test", Settings.model_validate(settings)), cluster)


def test_a_cluster_with_everything_is_accepted() -> None:
    accept(Cluster())


def test_a_namespace_of_somebody_else_is_not_taken_over() -> None:
    assert "qer-test-trino exists and is not this stack's" in refusal(Cluster(there={"qer-test-trino": {}}))


def test_a_namespace_of_this_stack_is_fine() -> None:
    accept(Cluster(there={"qer-test-trino": {INSTANCE: "qer-test"}}))


def test_namespaces_that_are_only_named_must_exist() -> None:
    there: dict[str, dict[str, str]] = {f"qer-test-{part}": {} for part in ("trino", "clickhouse", "runner")}
    line = refusal(Cluster(there=there), namespacesOwned=False)
    assert "qer-test-monitoring does not exist" in line
    accept(Cluster(there=there), namespacesOwned=False, monitoringEnabled=False)


def test_missing_definitions_are_named() -> None:
    line = refusal(Cluster(kinds={"ServiceMonitor"}), monitoringCrds="existing", monitoringEnabled=False)
    assert "PrometheusRule" in line
    assert "ServiceMonitor" not in line
    accept(Cluster(kinds=OPERATOR_KINDS), monitoringCrds="existing")


def test_a_storage_class_must_exist_or_be_the_default() -> None:
    assert "there is none at all" in refusal(Cluster(classes={}))
    assert "there are slow" in refusal(Cluster(classes={"slow": False}))
    assert "fast (clickhouseStorageClass) does not exist" in refusal(Cluster(), clickhouseStorageClass="fast")
    accept(Cluster(classes={"slow": False}), clickhouseStorageClass="slow")


def test_a_certificate_of_ones_own_must_be_there_whole() -> None:
    place_ = ("qer-test-trino", "mine")
    assert "does not exist" in refusal(Cluster(), trinoTlsSecret="mine")
    assert "no ca.crt" in refusal(Cluster(secrets={place_: {"tls-combined.pem"}}), trinoTlsSecret="mine")
    accept(Cluster(secrets={place_: {"tls-combined.pem", "ca.crt"}}), trinoTlsSecret="mine")


def test_too_little_memory_is_told_with_figures() -> None:
    line = refusal(Cluster(rooms=[room("node1", "2", "1Gi")]))
    assert "not enough room" in line
    assert "1 nodes have 1024 Mi" in line


def test_a_pod_must_fit_on_one_node() -> None:
    rooms = [room(f"node{n}", "4", "600Mi") for n in range(9)]
    accept(Cluster(rooms=rooms))
    line = refusal(Cluster(rooms=rooms), trinoWorkerMemoryRequest="1Gi")
    assert "no node takes trino-worker (1024 Mi" in line


def test_placing_takes_the_largest_first() -> None:
    rooms = [room("a", "9", "3Gi"), room("b", "9", "2Gi")]
    pods = [
        Need(name, Decimal(1), Decimal(memory_bytes(size))) for name, size in (("s", "1Gi"), ("l", "3Gi"), ("m", "1Gi"))
    ]
    assert place(pods, rooms) is None
    assert place([*pods, pods[0]], rooms) == pods[0]


def test_what_other_pods_ask_for_is_not_free() -> None:
    left = room_left({"cpu": "2", "memory": "4Gi"}, [{"cpu": "500m", "memory": "1Gi"}, {}], "node1")
    assert left == room("node1", "1.5", "3Gi")


def test_the_dev_stack_fits_the_minikube_of_two_cpus_and_three_gigabytes() -> None:
    """Requests of minikube's own pods: etcd, API server, controller manager, scheduler, CoreDNS, metrics-server."""
    dev = Settings(trino_workers=1)
    own_cpu, own_memory = Decimal("0.95"), memory_bytes("370Mi")
    asked = needs(dev, nodes=1)
    assert {need.name for need in asked} >= {"prometheus", "grafana", "alertmanager", "node-exporter", "clickhouse"}
    assert sum(need.cpu for need in asked) + own_cpu <= 2
    # What the node keeps back for eviction and the system goes off the 3 GB.
    assert sum(need.memory for need in asked) + own_memory <= memory_bytes("2900M") - memory_bytes("100Mi")


def test_a_chart_that_cannot_be_had() -> None:
    cluster = Cluster(missing_chart="the chart repository of nobody cannot be reached")
    line = refusal(cluster)
    assert line.startswith("the chart repository of nobody cannot be reached: ")
    assert "monitoringChart" in line
    accept(cluster, monitoringEnabled=False)


PARTS = ("trino", "clickhouse", "runner", "monitoring")


def test_a_volume_that_an_earlier_stack_kept_is_offered_and_not_taken_silently() -> None:
    there: dict[str, dict[str, str]] = {f"qer-test-{part}": {} for part in PARTS}
    kept = Cluster(there=there, volumes={"clickhouse-data"})
    line = refusal(kept, namespacesOwned=False)
    assert "qer-test-clickhouse/clickhouse-data is there from an earlier stack" in line
    assert "set clickhouseExistingClaim to clickhouse-data" in line
    accept(kept, namespacesOwned=False, clickhouseExistingClaim="clickhouse-data")
    accept(Cluster(there=there, volumes={"clickhouse-data"}, servers={"clickhouse"}), namespacesOwned=False)


def test_an_existing_claim_must_exist() -> None:
    there: dict[str, dict[str, str]] = {f"qer-test-{part}": {} for part in PARTS}
    line = refusal(Cluster(there=there), namespacesOwned=False, clickhouseExistingClaim="mine")
    assert (
        line == "PersistentVolumeClaim mine (clickhouseExistingClaim) does not exist in namespace qer-test-clickhouse"
    )
