"""Full capacity is what Kubernetes has ready and what the engine itself counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from typing_extensions import override

from engines import Endpoint, Engine, Health
from targets.base import MeansError
from targets.kubernetes.capacity import StackCapacity
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.means import ObjectRef
from tests.unit.fakes import Script, ScriptedEngine
from tests.unit.kubernetes.api import OUTPUTS, TRINO, FakeApi


class Counting(ScriptedEngine):
    """Says how many nodes it counts."""

    def __init__(self) -> None:
        super().__init__(Script())
        self.endpoint = Endpoint("trino", "127.0.0.1", 1)
        self.nodes: int | None = 3

    @override
    def health(self, *, timeout: float = 5.0) -> Health:
        return Health(live=True, active_nodes=self.nodes)


class Bench:
    def __init__(self) -> None:
        self.api, self.engine = FakeApi(), Counting()
        for role, replicas in (("coordinator", 1), ("worker", 2)):
            self.api.add(ObjectRef("Deployment", f"trino-{role}", TRINO), spec={"replicas": replicas})
        self.api.pod("c-1", "coordinator")
        self.worker = self.api.pod("w-1", "worker")
        self.api.pod("w-2", "worker")
        self.capacity = StackCapacity(OUTPUTS, ClusterControl(OUTPUTS, self.api), self.engines)

    def engines(self) -> Sequence[Engine]:
        return [self.engine]

    @property
    def full(self) -> bool:
        return self.capacity.full_capacity("trino")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_is_full_when_all_pods_are_ready_and_counted(bench: Bench) -> None:
    assert bench.full
    bench.engine.nodes = None
    assert bench.full, "an engine without a notion of nodes is believed"


def test_it_is_not_full_with_a_pod_that_is_not_ready_or_ends(bench: Bench) -> None:
    bench.api.get(bench.worker)["metadata"]["deletionTimestamp"] = "now"
    assert not bench.full
    bench.api.get(bench.worker)["metadata"].pop("deletionTimestamp")
    bench.api.get(bench.worker)["status"]["conditions"] = []
    assert not bench.full


def test_it_is_not_full_until_the_engine_counts_the_new_node(bench: Bench) -> None:
    bench.engine.nodes = 2
    assert not bench.full


def test_a_workload_that_was_scaled_away_is_not_full(bench: Bench) -> None:
    bench.api.get(ObjectRef("Deployment", "trino-worker", TRINO))["spec"]["replicas"] = 0
    for name in ("w-1", "w-2"):
        del bench.api.objects[f"/api/v1/namespaces/{TRINO}/pods/{name}"]
    assert not bench.full


def test_an_autoscaler_may_want_more(bench: Bench) -> None:
    bench.api.get(ObjectRef("Deployment", "trino-worker", TRINO))["spec"]["replicas"] = 3
    assert not bench.full


def test_it_cannot_be_told_without_the_api(bench: Bench) -> None:
    bench.api.gone = True
    with pytest.raises(MeansError, match="does not answer"):
        bench.capacity.full_capacity("trino")
