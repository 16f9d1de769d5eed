"""Faults in containers and on volumes."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from faults.base import Fault, NotPossible, Tuning
from faults.commands import end_script, processes_script
from faults.containers import Cpu, KillContainer, OutOfMemory, busy_script, memory_script
from faults.observer import wait_until
from faults.policies import PolicyPartition
from faults.storage import PodMoved, VolumeFull, admits, filler_script
from targets.base import MeansError
from targets.kubernetes.means import NodeView, ObjectRef
from targets.kubernetes.quantity import amount
from targets.kubernetes.selectors import selects
from tests.unit.faults.stack import CLICKHOUSE, TRINO, FakeStack

CLAIM = ObjectRef("PersistentVolumeClaim", "data", CLICKHOUSE)
POLICY = ObjectRef("NetworkPolicy", "trino", TRINO)
TUNING = Tuning(hold=1, ttl=5)


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    made = FakeStack(tmp_path)
    manifest = dict(made.control.objects[made.server.ref])
    (engine,) = manifest["spec"]["containers"]
    manifest["spec"] = {
        "containers": [{**engine, "volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
        "volumes": [{"name": "tmp"}, {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    made.control.objects[made.server.ref] = manifest
    made.control.objects[CLAIM] = {"spec": {"volumeName": "pv"}, "status": {"capacity": {"storage": "1Gi"}}}
    return made


def test_a_killed_container_is_proven_by_its_end_and_over_when_all_are_ready(stack: FakeStack) -> None:
    assert KillContainer.components(stack, "trino") == ["coordinator", "worker", "workers"]
    fault = KillContainer(stack, "trino", "workers", TUNING)
    fault.preflight()
    fault.remember()
    fault.inject()
    assert stack.fault_pods is not None
    assert [one[1] for one in stack.fault_pods.struck] == stack.workers
    assert "kill -KILL" in stack.fault_pods.struck[0][2].start and not stack.fault_pods.struck[0][2].counters
    assert fault.proof() == ""
    now = [replace(one, started_at="", ready=False, last_exit="Error") for one in stack.workers]
    stack.control.by_role["trino", "worker"] = [now[0], stack.workers[1]]
    assert fault.proof() == ""  # one of two
    stack.control.by_role["trino", "worker"] = now
    assert "worker-1 ended (Error)" in fault.proof()
    fault.revert()
    assert fault.revert_proof() == ""
    stack.control.by_role["trino", "worker"] = [replace(one, started_at="later", ready=True) for one in now]
    assert fault.revert_proof() == "2 of 2 pods are ready: worker-1, worker-2"


def test_killing_needs_a_fault_pod(stack: FakeStack) -> None:
    stack.fault_pods = None
    with pytest.raises(NotPossible, match="no privileged fault pods"):
        KillContainer(stack, "trino", "worker", TUNING).preflight()


def test_only_the_kernels_verdict_proves_that_memory_ran_out(stack: FakeStack) -> None:
    def end(pod: str, command: str) -> str:
        if "oom_score_adj" in command:
            raise MeansError("the container is gone")
        return ""

    stack.control.answer = end
    fault = OutOfMemory(stack, "clickhouse", "server", TUNING)
    fault.preflight()
    fault.remember()
    fault.inject()
    assert f"head -c {2**25 * 5 // 4} /dev/zero" in stack.control.executed[-1][1]
    assert fault.proof() == ""
    for reason, proven in (("Error", False), ("OOMKilled", True)):
        ended = replace(stack.server, started_at="later", restarts=1, last_exit=reason)
        stack.control.by_role["clickhouse", "server"] = [ended]
        assert bool(fault.proof()) is proven
    fault.revert()
    assert fault.revert_proof()


@pytest.mark.parametrize(("fault", "what"), [(OutOfMemory, "memory"), (Cpu, "cpu")])
def test_a_container_without_the_limit_is_spared(stack: FakeStack, fault: type[Fault], what: str) -> None:
    (container,) = stack.control.objects[stack.coordinator.ref]["spec"]["containers"]
    del container["resources"]["limits"][what]
    with pytest.raises(NotPossible, match=f"has no {what} limit"):
        fault(stack, "trino", "coordinator", TUNING).preflight()


def test_a_container_without_the_tools_is_a_reason(stack: FakeStack) -> None:
    def bare(pod: str, command: str) -> str:
        raise MeansError("exited with status 127")

    stack.control.answer = bare
    with pytest.raises(NotPossible, match="lacks one of sh, timeout, grep"):
        Cpu(stack, "trino", "worker", TUNING).preflight()


def test_exec_is_a_right_that_is_asked_for(stack: FakeStack) -> None:
    stack.control.lacking = {"pods/exec"}
    with pytest.raises(MeansError, match="no right to get pods/exec"):
        Cpu(stack, "trino", "worker", TUNING).preflight()


def test_throttling_proves_that_the_cpu_is_taken(stack: FakeStack) -> None:
    ended, seen = threading.Event(), {"loops": 0, "throttled": 7}

    def shell(pod: str, command: str) -> str:
        if command.startswith("timeout"):
            seen["loops"] = 2
            assert ended.wait(5)
        elif "kill -TERM" in command:
            seen["loops"] = 0
            ended.set()
        return f"{seen['loops']}\n{seen['throttled']}\n"

    stack.control.answer = shell
    fault = Cpu(stack, "clickhouse", "server", TUNING)
    fault.preflight()
    fault.remember()
    fault.inject()
    assert wait_until(lambda: seen["loops"] == 2, 5)
    assert fault.proof() == ""
    seen["throttled"] = 9
    assert "throttled 2 times" in fault.proof()
    assert fault.revert_proof() == ""
    fault.revert()
    fault.revert()
    assert "no busy loop is left" in fault.revert_proof()
    (started,) = [command for _, command in stack.control.executed if command.startswith("timeout")]
    assert started.startswith("timeout 5 sh -c ") and "seq 2" in started and fault.key in started


def test_loops_of_a_pod_that_is_gone_are_gone(stack: FakeStack) -> None:
    fault = Cpu(stack, "clickhouse", "server", TUNING)
    fault.remember()
    stack.control.by_role["clickhouse", "server"] = [replace(stack.server, uid="another")]
    fault.revert()
    assert fault.revert_proof()
    assert not stack.control.executed


def test_busy_loops_end_for_good_when_told_to_and_by_themselves() -> None:
    def count() -> int:
        return int(subprocess.run(["sh", "-c", processes_script(key)], capture_output=True, check=True).stdout)

    for key, ttl, ender in (("endedearly01", "20", True), ("endedbyttl01", "1", False)):
        loops = subprocess.Popen(["timeout", ttl, "sh", "-c", busy_script(key, 1)])
        assert wait_until(lambda: count() >= 2, 5)
        if ender:
            subprocess.run(["sh", "-c", end_script(key)], check=True)
        loops.wait(10)
        assert wait_until(lambda: count() == 0, 5)


def test_the_memory_script_makes_everybody_but_itself_a_victim() -> None:
    script = memory_script(1000)
    assert '[ "$process" = "/proc/$$" ] || echo 1000 > "$process/oom_score_adj"' in script
    assert "head -c 40 /dev/zero" in script and "seq 32" in script


def test_a_volume_is_filled_only_when_it_has_a_limit(stack: FakeStack) -> None:
    sizes = {"stat": "4096 262144 1000"}
    stack.control.answer = lambda _, command: sizes["stat"] if command.startswith("stat") else "0"
    VolumeFull(stack, "clickhouse", "server", TUNING).preflight()
    sizes["stat"] = "4096 2621440 1000"
    with pytest.raises(NotPossible, match=r"no limit of its own: its file system has 10\.0 GiB, .* is 1\.0 GiB"):
        VolumeFull(stack, "clickhouse", "server", TUNING).preflight()


def test_a_full_volume_is_proven_by_its_free_space(stack: FakeStack) -> None:
    state = {"free": 1000, "held": 0}
    filled = threading.Event()

    def shell(pod: str, command: str) -> str:
        if command.startswith("stat"):
            return f"4096 262144 {state['free']}"
        if command.startswith("timeout"):
            state.update(free=0, held=1)
            filled.set()
        elif "kill -TERM" in command:
            state.update(free=1000, held=0)
        return str(state["held"])

    stack.control.answer = shell
    fault = VolumeFull(stack, "clickhouse", "server", TUNING)
    fault.remember()
    assert fault.proof() == ""
    fault.inject()
    assert filled.wait(5)
    assert fault.proof() == "0 of 1073741824 bytes are free in /data of clickhouse-0"
    assert fault.revert_proof() == ""
    fault.revert()
    assert fault.revert_proof()
    (started,) = [command for _, command in stack.control.executed if command.startswith("timeout")]
    assert f"exec 9<>'/data/.qer-{fault.key}'; rm -f" in started and "fallocate -l 4096000 " in started


@pytest.mark.skipif(not shutil.which("pgrep"), reason="pgrep is not here")
def test_a_filler_has_no_name_and_its_space_comes_back(tmp_path: Path) -> None:
    key, size = "fillertest01", 8 * 2**20
    filler = subprocess.Popen(["timeout", "20", "sh", "-c", filler_script(key, str(tmp_path), size, 20)])

    def held() -> int:
        """Size of the file without a name that any process of the filler holds."""
        found = subprocess.run(["pgrep", "-P", str(filler.pid)], capture_output=True, text=True, check=False)
        descriptors = [Path(f"/proc/{shell}/fd/9") for shell in found.stdout.split()]
        return max((one.stat().st_size for one in descriptors if one.is_symlink()), default=0)

    try:
        assert wait_until(lambda: held() == size, 5)
        assert not list(tmp_path.iterdir())
    finally:
        subprocess.run(["sh", "-c", end_script(key)], check=True)
        began = time.monotonic()
        filler.wait(10)
    assert time.monotonic() - began < 10


def test_engines_without_data_have_no_volume(stack: FakeStack) -> None:
    for fault in (VolumeFull, PodMoved):
        with pytest.raises(NotPossible, match="trino keeps no data"):
            fault.components(stack, "trino")


def volume(**affinity: object) -> dict[str, object]:
    return {"spec": {"nodeAffinity": affinity} if affinity else {}}


BOUND = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "host", "operator": "In", "values": ["node1"]}]}]}


def test_a_volume_bound_to_its_node_cannot_move(stack: FakeStack) -> None:
    stack.control.seen = [NodeView("node1", True, True), NodeView("node2", True, True)]
    for name in ("node1", "node2"):
        stack.control.objects[ObjectRef("Node", name)] = {"metadata": {"labels": {"host": name}}, "spec": {}}
    stack.control.objects[ObjectRef("PersistentVolume", "pv")] = volume(required=BOUND)
    fault = PodMoved(stack, "clickhouse", "server", TUNING)
    with pytest.raises(NotPossible, match="volume pv is bound to node node1"):
        fault.preflight()
    stack.control.objects[ObjectRef("PersistentVolume", "pv")] = volume()
    fault.preflight()
    stack.control.seen = [NodeView("node1", True, True), NodeView("node2", True, False)]
    with pytest.raises(NotPossible, match="no other node than node1"):
        fault.preflight()
    stack.control.lacking = {"Node/node1"}
    with pytest.raises(MeansError, match="not ours to strike"):
        fault.preflight()


def test_a_moved_pod_leaves_its_node_open(stack: FakeStack) -> None:
    node = ObjectRef("Node", "node1")
    stack.control.objects[node] = {"metadata": {"managedFields": [{"manager": "kubelet"}]}, "spec": {}}
    fault = PodMoved(stack, "clickhouse", "server", TUNING)
    record = fault.remember()
    moved = replace(stack.server, uid="new", node="node2")
    stack.control.by_role["clickhouse", "server"] = [moved]
    fault.inject()
    assert stack.control.patched == [(node, {"spec": {"unschedulable": True}})]
    assert stack.control.deleted == [stack.server.ref] and stack.switches.armed(fault.key)
    assert fault.proof() == "clickhouse-0 is on node2 now, it was on node1"
    again = PodMoved(stack, "clickhouse", "server", TUNING)
    again.key = fault.key
    again.recall(record)
    assert again.revert_proof() == ""
    again.revert()
    again.revert()
    assert again.revert_proof()
    assert stack.control.back[0].patch == {"spec": {"unschedulable": None}}
    assert json.loads(record)["node"]["managedFields"] == [{"manager": "kubelet"}]


def policies(stack: FakeStack) -> None:
    stack.control.objects[POLICY] = {
        "metadata": {},
        "spec": {"podSelector": {"matchLabels": {"tier": "q"}}, "ingress": [{}]},
    }
    stack.control.objects[ObjectRef("NetworkPolicy", "nothing", TRINO)] = {"metadata": {}, "spec": {"podSelector": {}}}
    stack.control.objects[ObjectRef("NetworkPolicy", "others", TRINO)] = {
        "metadata": {},
        "spec": {"podSelector": {"matchLabels": {"tier": "other"}}, "ingress": [{}]},
    }


def test_workers_leave_the_policy_that_admits_them(stack: FakeStack) -> None:
    policies(stack)
    reached = {"worker": True}
    stack.control.answer = lambda _pod, _command: "reached" if reached["worker"] else ""
    fault = PolicyPartition(stack, "trino", "workers", TUNING)
    fault.preflight()
    fault.remember()
    fault.inject()
    ((ref, patch),) = stack.control.patched
    without = {"key": "app.kubernetes.io/component", "operator": "NotIn", "values": ["worker"]}
    assert ref == POLICY and patch == {"spec": {"podSelector": {"matchExpressions": [without]}}}
    assert stack.switches.armed(fault.key) and fault.proof() == ""
    reached["worker"] = False
    assert "connects to worker-1 in vain" in fault.proof()
    fault.revert()
    assert fault.revert_proof() == ""
    reached["worker"] = True
    assert fault.revert_proof()
    assert stack.control.back[0].patch == {"spec": {"podSelector": {"matchExpressions": None}}}


def test_policies_that_nobody_enforces_are_a_reason(stack: FakeStack) -> None:
    policies(stack)
    stack.control.answer = lambda _pod, _command: "reached"
    assert stack.fault_pods is not None
    stack.fault_pods.sees = "reached"
    with pytest.raises(NotPossible, match="does not enforce NetworkPolicies"):
        PolicyPartition(stack, "trino", "workers", TUNING).preflight()


def test_no_admitting_policy_is_a_reason(stack: FakeStack) -> None:
    with pytest.raises(NotPossible, match=r"exactly one NetworkPolicy .* it is none"):
        PolicyPartition(stack, "trino", "workers", TUNING).preflight()


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2", 2), ("1Gi", 2**30), ("1.5Ki", 1536), ("3k", 3000), ("2G", 2e9), ("1e3", 1000)],
)
def test_quantities(text: str, value: float) -> None:
    assert amount(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "Gi", "1Qi", "many"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        amount(text)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors(selector: dict[str, object], matches: bool) -> None:
    assert selects(selector, {"a": "1"}) is matches


def test_a_volume_without_affinity_goes_anywhere() -> None:
    assert admits(volume(), {})
    assert admits(volume(required=BOUND), {"host": "node1"})
    assert not admits(volume(required=BOUND), {"host": "node2"})
