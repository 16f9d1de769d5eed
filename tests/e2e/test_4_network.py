"""Fault pods on a real stack: their rules take effect, and go: at the revert, by recover, at their TTL, by a kill."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.base import Tuning
from faults.observer import wait_until
from faults.partitions import PartitionClients
from targets.contract import Outputs
from targets.kubernetes import KubernetesTarget
from targets.kubernetes.faultpod_manifest import LIBRARY, table
from tests.e2e.clean import left_as_found
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import ROOT, PulumiStack, kubectl, objects, run, runner

ENGINE = "clickhouse"
PROOF_SECONDS = 30
TTL = 8
IMAGE = "nicolaka/netshoot:v0.13"
RULES = (
    "for process in /proc/[0-9]*; do readlink $process/ns/net; done | sort -u | while read -r net; do "
    'for process in /proc/[0-9]*; do [ "$(readlink $process/ns/net)" = "$net" ] || continue; '
    "nsenter --net=$process/ns/net nft list tables; break; done; done 2>/dev/null | grep qer_ || true"
)


@pytest.fixture(scope="module")
def stack(struck: PulumiStack) -> PulumiStack:
    return struck


@pytest.fixture(autouse=True)
def clean(stack: PulumiStack) -> Iterator[None]:
    """Every test leaves the cluster as it found it."""
    with left_as_found(stack):
        yield
    assert rules(stack) == []


@pytest.fixture
def target(document: Path) -> Iterator[KubernetesTarget]:
    with KubernetesTarget(Outputs.model_validate_json(document.read_text()), (ENGINE,)) as opened:
        yield opened


def fault_pods(stack: PulumiStack) -> list[str]:
    return [one["metadata"]["name"] for one in objects("pods", stack.namespace("faults"))]


def rules(stack: PulumiStack) -> list[str]:
    """Tables of faults in any network namespace of the engine's node, as somebody else sees them."""
    (engine,) = objects("pods", stack.namespace(ENGINE))
    name, namespace = f"witness-{secrets.token_hex(3)}", stack.namespace("faults")
    container = {
        "name": "witness",
        "image": IMAGE,
        "command": ["sh", "-c", RULES],
        "securityContext": {"privileged": True},
    }
    spec = {"nodeName": engine["spec"]["nodeName"], "hostPID": True, "containers": [container]}
    kubectl(
        "run", name, "-n", namespace, f"--image={IMAGE}", "--restart=Never", "--overrides", json.dumps({"spec": spec})
    )
    try:
        kubectl("wait", f"pod/{name}", "-n", namespace, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        return [line for line in kubectl("logs", name, "-n", namespace).splitlines() if line]
    finally:
        kubectl("delete", "pod", name, "-n", namespace, "--now")


def partition(target: KubernetesTarget, ttl: float) -> PartitionClients:
    """Clients cut off, proven, with nobody who will end it."""
    fault = PartitionClients(target, ENGINE, "clients", Tuning(hold=1, ttl=ttl))
    fault.preflight()
    fault.remember()
    fault.inject()
    # The probes of a running experiment are missing here.
    (engine,) = target.engines()
    assert not engine.health(timeout=2).live
    assert wait_until(lambda: bool(fault.proof()), PROOF_SECONDS, interval=0.2)
    return fault


def reverted(fault: PartitionClients) -> bool:
    fault.revert()
    return bool(fault.revert_proof())


def test_a_network_fault_a_readiness_fault_and_a_killed_container(
    stack: PulumiStack, document: Path, tmp_path: Path
) -> None:
    chosen = ("partition-clients", "not-ready", "kill-container")
    options = ("--target", str(document), "--engine", ENGINE, "--output", str(tmp_path / "report"), "--yes")
    done = runner("fault", *chosen, *options, timeout=900)
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    found = {one["fault"]: one for one in results["experiments"]}
    assert set(found) == set(chosen), done.text
    for one in found.values():
        assert one["injection"]["confirmed"] and one["injection"]["revert_confirmed"], one
        assert one["steady_after"] and not one["rto_censored"], one
        assert one["answers"]["wrong"] == 0, one
    assert all(one["unavailable_seconds"] > 0 for one in found.values())
    assert "is in vain" in found["partition-clients"]["injection"]["proof"]
    assert "has no endpoint" in found["not-ready"]["injection"]["proof"]
    assert "clickhouse-0 ended" in found["kill-container"]["injection"]["proof"]


def test_the_rules_end_at_their_ttl_with_nobody_to_revert_them(stack: PulumiStack, target: KubernetesTarget) -> None:
    fault = partition(target, TTL)
    began = time.monotonic()
    assert rules(stack) == [f"table inet {table(fault.key)}"]
    (pod,) = fault.pods.find(fault.key)
    eventually(lambda: fault.pods.find(fault.key)[0].last_words == "clean", TTL + 20, "the fault pod ends by itself")
    assert time.monotonic() - began < TTL + 20
    assert rules(stack) == []
    assert reverted(fault) and pod.ref.name not in fault_pods(stack)


def test_a_killed_fault_pod_takes_its_rules_along(stack: PulumiStack, target: KubernetesTarget) -> None:
    fault = partition(target, 120)
    (pod,) = fault.pods.find(fault.key)
    (found,) = [one for one in objects("pods", stack.namespace("faults")) if one["metadata"]["name"] == pod.ref.name]
    container = found["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    kill = f'{LIBRARY.read_text()}\nkill -KILL "$(main_process {container})"'
    run("kubectl", "exec", pod.ref.name, "-n", stack.namespace("faults"), "--", "env", "ACTION=", "sh", "-c", kill)
    eventually(lambda: rules(stack) == [], 60, "the rules go with their pod")
    eventually(lambda: reverted(fault), 60, "the revert is proven")


def test_recover_removes_the_rules_of_a_killed_runner(stack: PulumiStack, document: Path, tmp_path: Path) -> None:
    options = ["--target", str(document), "--engine", ENGINE, "--output", str(tmp_path / "report"), "--yes"]
    command = [sys.executable, "-m", "runner", "fault", "partition-clients", "--hold", "120", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: rules(stack) or process.poll() is not None, 240, "the rules are in force")
            assert process.poll() is None, "it ended by itself"
        finally:
            process.kill()
    assert rules(stack)
    done = runner("recover", "--target", str(document), timeout=300)
    assert done.status == 0, done.text
    assert f"{ENGINE}/clients/partition-clients: reverted" in done.text
    assert fault_pods(stack) == []
