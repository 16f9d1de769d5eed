"""Scaling against an API in memory whose controllers are scripted: steps, answers, and everything as before."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from benchmarks.statements import probe_statement
from engines import Endpoint, Health
from faults.base import Fault, Kind, NotPossible, Tuning
from faults.catalogue import COMPREHENSIVE, select
from faults.ledger import Ledger
from faults.recovery import recover
from faults.scale_experiment import Scaler
from faults.scale_record import ScalePlan, ScaleRecord, Step
from faults.scaling import AUTOSCALER, Resize, ScaleOut, larger
from targets.base import MeansError
from targets.kubernetes.means import ObjectRef
from tests.unit.fakes import Script, ScriptedEngine
from tests.unit.faults.test_stack_faults import Stack
from tests.unit.kubernetes.api import OUTPUTS, TRINO

WORKERS = ObjectRef("Deployment", "trino-worker", TRINO)
HPA = ObjectRef(AUTOSCALER, "trino-workers", TRINO)
PLAN = ScalePlan(rate=100.0, calm_rate=100.0, calm=0.2, limit=3.0, latency_limit=0.5, deadline=2.0, clients=4)


class Counting(ScriptedEngine):
    """Counts the ready workers of the stack and its coordinator as active."""

    def __init__(self, script: Script, workers: Callable[[], int]) -> None:
        super().__init__(script)
        self.workers = workers
        self.endpoint = Endpoint("trino", "127.0.0.1", 1)

    @override
    def health(self, *, timeout: float = 5.0) -> Health:
        return Health(live=True, active_nodes=self.workers() + 1)


Counting.kind = "scripted-counting"


class Sizes(Stack):
    """A stack whose Deployment controller makes and removes workers, and whose autoscaler looks at the load."""

    def __init__(self, directory: Path) -> None:
        self.script = Script()
        self.autoscaled = False
        self.stuck = False
        super().__init__(directory)
        self.engine = Counting(self.script, lambda: len(self.ready()))
        self._engines = [self.engine]
        self.api.add(ObjectRef(AUTOSCALER, "other", "elsewhere"), spec={})

    def ready(self) -> list[str]:
        return [key for key in self.api.objects if f"/namespaces/{TRINO}/pods/w-" in key]

    def autoscale(self, most: int = 3) -> None:
        self.autoscaled = True
        target = {"kind": "Deployment", "name": "trino-worker"}
        aim = {"resource": {"name": "cpu", "target": {"averageUtilization": 70}}}
        seen = {"resource": {"name": "cpu", "current": {"averageUtilization": 12}}}
        self.api.add(
            HPA,
            spec={"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": most, "metrics": [aim]},
            status={"desiredReplicas": 2, "currentMetrics": [seen]},
        )

    @override
    def control(self, method: str, where: str) -> None:
        super().control(method, where)
        if self.stuck or not hasattr(self, "engine"):
            return
        spec = self.api.get(WORKERS)["spec"]
        if self.autoscaled:
            busy = self.script.delay > 0
            spec["replicas"] = self.api.get(HPA)["status"]["desiredReplicas"] = 3 if busy else 2
        while len(self.ready()) < spec["replicas"]:
            self.api.pod(f"w-{len(self.ready()) + 1}", "worker")
        while len(self.ready()) > spec["replicas"]:
            del self.api.objects[self.ready()[-1]]


@pytest.fixture
def stack(tmp_path: Path) -> Sizes:
    return Sizes(tmp_path)


def scale(stack: Sizes, name: str, plan: ScalePlan = PLAN, told: list[str] | None = None) -> ScaleRecord:
    ledger = Ledger(stack.store())
    statement = [probe_statement(stack.engine.probe)]

    def progress(text: str) -> None:
        if told is not None:
            told.append(text)
        # What the scripted autoscaler takes for load.
        stack.script.delay = 1.0 if "until a worker more" in text or "latency to" in text else 0.0

    scaler = Scaler(stack, stack.engine, statement, plan, ledger, progress=progress, interval=0.02)
    with ledger.exclusive():
        return scaler.run(name)


def named(steps: list[Step]) -> dict[str, float | None]:
    return {f"{step.way} {step.name}": step.seconds for step in steps}


def test_a_worker_more_by_hand_and_back(stack: Sizes) -> None:
    record = scale(stack, "manual")
    assert record.complete, record.reason
    assert (record.before, record.after) == ("2 workers", "3 workers")
    steps = named(record.steps)
    assert list(steps) == [
        "out decided",
        "out pod ready",
        "out worker active",
        "in decided",
        "in worker left",
        "in pod gone",
    ]
    assert all(seconds is not None and seconds >= 0 for seconds in steps.values())
    assert record.calm and record.out and record.back
    assert record.evidence[0] == "3 of 3 workers are ready"
    assert stack.api.get(WORKERS)["spec"]["replicas"] == 2
    assert stack.leftovers() == []


def test_the_autoscaler_is_timed_both_ways(stack: Sizes) -> None:
    stack.autoscale()
    record = scale(stack, "autoscaling")
    assert record.complete, record.reason
    steps = named(record.steps)
    assert list(steps)[:4] == ["out decided", "out pod ready", "out worker active", "out latency recovered"]
    assert steps["in pod gone"] is not None
    assert record.before == "2 workers"
    assert record.evidence == [
        "the autoscaler saw 12 % before the load and holds 70 %, with 2 workers",
        "the autoscaler saw 12 % at the end and holds 70 %",
    ]
    assert all("/leases" in where for _, where in stack.api.changes())


def test_a_worker_is_taken_back_under_less_load_than_calm(stack: Sizes) -> None:
    stack.autoscale()
    told: list[str] = []
    scale(stack, "autoscaling", replace(PLAN, calm_rate=1e9), told)
    calm, sparse = (
        float(found[1]) for text in told if (found := re.search(r"(?:latency|as before,) under (\S+)/s", text))
    )
    assert sparse == pytest.approx(0.4 * calm, rel=0.1)


def test_without_an_autoscaler_there_is_nothing_to_time(stack: Sizes) -> None:
    record = scale(stack, "autoscaling")
    assert record.skipped
    assert "pulumi config set trinoAutoscaling true" in record.reason


def test_an_autoscaler_that_is_at_its_end_is_left_alone(stack: Sizes) -> None:
    stack.autoscale(most=2)
    record = scale(stack, "autoscaling")
    assert record.skipped
    assert "may have 2 workers, neither more nor fewer" in record.reason


def test_an_autoscaler_that_sees_load_already_is_not_begun_with(stack: Sizes) -> None:
    stack.autoscale()
    stack.api.get(HPA)["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"] = 69
    record = scale(stack, "autoscaling", ScalePlan(50.0, 50.0, calm=0.1, limit=0.3, deadline=1.0))
    assert not record.complete and record.steps == []
    assert (
        "the autoscaler saw 69 % before the load and holds 70 %, with 2 workers, which does not become less"
        in record.reason
    )


def test_by_hand_is_not_for_workers_that_an_autoscaler_owns(stack: Sizes) -> None:
    stack.autoscale()
    record = scale(stack, "manual")
    assert record.skipped
    assert "owns the number of workers" in record.reason
    assert all("/leases" in where for _, where in stack.api.changes())


def test_a_worker_that_never_comes_has_no_time_and_is_taken_back(stack: Sizes) -> None:
    stack.stuck = True
    record = scale(stack, "manual", ScalePlan(50.0, 50.0, calm=0.1, limit=0.3, deadline=1.0))
    assert not record.complete
    assert "out pod ready" in record.reason
    assert named(record.steps)["out pod ready"] is None
    assert stack.api.get(WORKERS)["spec"]["replicas"] == 2
    assert stack.leftovers() == []


def test_a_scaled_stack_whose_runner_died_is_put_back(stack: Sizes) -> None:
    ledger = stack.inject(ScaleOut(stack, "trino", "workers", Tuning()))
    assert stack.api.get(WORKERS)["spec"]["replicas"] == 3
    (recovery,) = recover(stack, ledger, limit=5)
    assert "2 workers are left" in recovery.proof
    assert stack.leftovers() == []


def test_scaling_is_no_fault_unless_it_is_asked_for() -> None:
    assert not {ScaleOut, Resize} & set(select([COMPREHENSIVE, *Kind]))
    assert select(["scale-out"]) == [ScaleOut]


SERVER = OUTPUTS.model_copy(
    update={
        "engines": tuple(
            engine.model_copy(
                update={
                    "workloads": (
                        engine.workloads[0].model_copy(
                            update={"role": "server", "labels": {"app.kubernetes.io/component": "server"}}
                        ),
                    )
                }
            )
            for engine in OUTPUTS.engines
        )
    }
)


class Resized(Stack):
    """A stack whose node gives the pod what it should have."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.api.objects = {key: one for key, one in self.api.objects.items() if "/pods/" not in key}
        self.outputs = SERVER
        self.strikes = type(self.strikes)(SERVER, self.api, self.engines)
        self.infeasible = False
        call = self.api.call
        self.resizes = 0

        def resize(method: str, path: str, **rest: Any) -> dict[str, Any]:
            self.resizes += path.endswith("/resize")
            return call(method, path.removesuffix("/resize"), **rest)

        self.api.call = resize  # type: ignore[method-assign]
        self.pod = self.api.pod("s-1", "server")
        self.limits = {"cpu": "500m", "memory": "1Gi"}
        self.api.get(self.pod)["spec"]["containers"] = [
            {"name": "trino", "image": "i", "resources": {"limits": self.limits}}
        ]
        self.control("GET", "")

    @override
    def control(self, method: str, where: str) -> None:
        super().control(method, where)
        if not hasattr(self, "pod") or "s-1" not in str(self.api.objects):
            return
        found = self.api.get(self.pod)
        wanted: dict[str, Any] = found["spec"]["containers"][0].get("resources", {}).get("limits", {})
        if self.infeasible and wanted != self.limits:
            condition = {
                "type": "PodResizePending",
                "status": "True",
                "reason": "Infeasible",
                "message": "Node\n too small",
            }
            found["status"]["conditions"] = [{"type": "Ready", "status": "True"}, condition]
            return
        found["status"]["containerStatuses"] = [
            {
                "name": "trino",
                "containerID": "c1",
                "resources": {"limits": dict(wanted)},
                "state": {"running": {"startedAt": "t"}},
            }
        ]


def test_a_pod_is_resized_in_place_and_back(tmp_path: Path) -> None:
    stack = Resized(tmp_path)
    fault = Resize(stack, "trino", "server", Tuning())
    assert fault.plan() == "pod/s-1: limits from 500m CPU and 1Gi memory to 1000m CPU and 1536Mi memory, in place"
    ledger = stack.inject(fault)
    assert stack.resizes == 1
    assert fault.proof() == "s-1 runs with 1000m CPU and 1536Mi memory, without a restart"
    fault.revert()
    fault.revert()
    assert fault.revert_proof().endswith("is as before; it runs with 500m CPU and 1Gi memory again, without a restart")
    ledger.clear(ledger.pending()[0])
    assert stack.leftovers() == []


def test_a_resize_whose_runner_died_is_undone(tmp_path: Path) -> None:
    stack = Resized(tmp_path)
    ledger = stack.inject(Resize(stack, "trino", "server", Tuning()))
    (recovery,) = recover(stack, ledger, limit=5)
    assert "runs with 500m CPU" in recovery.proof


def test_a_node_that_is_too_small_says_so(tmp_path: Path) -> None:
    stack = Resized(tmp_path)
    stack.infeasible = True
    fault = Resize(stack, "trino", "server", Tuning())
    stack.inject(fault)
    with pytest.raises(MeansError, match="the node does not give s-1 more: Node too small"):
        fault.proof()


def test_a_pod_that_was_replaced_needs_no_revert(tmp_path: Path) -> None:
    stack = Resized(tmp_path)
    fault: Fault = Resize(stack, "trino", "server", Tuning())
    stack.inject(fault)
    stack.api.get(stack.pod)["metadata"]["uid"] = "another"
    fault.revert()
    assert fault.revert_proof().endswith("the pod that was resized is gone")


def test_a_pod_without_limits_cannot_be_resized() -> None:
    with pytest.raises(NotPossible, match="p has no limits"):
        larger({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}})
