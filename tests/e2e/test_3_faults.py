"""Faults on a real stack: proven, reverted without a trace; also by another process, and by nobody at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from targets.kubernetes.means import KEY_LABEL
from tests.e2e.clean import left_as_found
from tests.e2e.conftest import eventually
from tests.e2e.experiment import ATTEMPTS, experiment
from tests.e2e.pulumi_stack import ROOT, PulumiStack, kubectl, objects, runner

ENGINE, WORKLOAD = "clickhouse", "statefulset/clickhouse"
HOLD = 5
TTL = HOLD + 30  # of the command line
KILLED = "scale-to-zero"


@pytest.fixture(scope="module")
def stack(struck: PulumiStack) -> PulumiStack:
    return struck


@pytest.fixture(autouse=True)
def clean(stack: PulumiStack) -> Iterator[None]:
    """Every test leaves the cluster as it found it."""
    with left_as_found(stack):
        yield


def replicas(stack: PulumiStack) -> str:
    return kubectl("get", WORKLOAD, "-n", stack.namespace(ENGINE), "-o", "jsonpath={.spec.replicas}")


def switches(stack: PulumiStack) -> list[dict[str, Any]]:
    return objects("pods", stack.namespace("runner"), KEY_LABEL)


def kill_in_the_middle(stack: PulumiStack, document: Path, report: Path) -> None:
    """Start a runner, and end it with SIGKILL as soon as its fault is in force."""
    command = [sys.executable, "-m", "runner", "fault", KILLED, "--target", str(document), "--engine", ENGINE]
    command += ["--component", "server", "--hold", str(HOLD), "--output", str(report), "--yes"]
    for _ in range(ATTEMPTS):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                eventually(lambda: replicas(stack) == "0" or process.poll() is not None, 180, "the fault is in force")
            finally:
                process.kill()
        if replicas(stack) == "0":
            return
    pytest.fail("the fault never came into force")


def test_a_pod_fault(document: Path, tmp_path: Path) -> None:
    result = experiment("delete-now", ENGINE, document, tmp_path / "report")
    assert "is gone" in result["injection"]["proof"] or "is ending" in result["injection"]["proof"]
    assert result["unavailable_seconds"] > 0
    assert result["kubernetes"]["compared"]["unready_seconds"] > 0
    assert result["kubernetes"]["compared"]["ready_gap_seconds"] is not None


def test_a_service_fault(document: Path, tmp_path: Path) -> None:
    result = experiment("wrong-port", ENGINE, document, tmp_path / "report")
    assert "leads to" in result["injection"]["proof"]
    assert result["kubernetes"]["compared"]["failing_seconds"] > 0, "its pod is as ready as ever"


def test_another_process_recovers_what_a_killed_runner_left(stack: PulumiStack, document: Path, tmp_path: Path) -> None:
    kill_in_the_middle(stack, document, tmp_path / "report")
    assert switches(stack), "somebody must be there to revert"
    done = runner("recover", "--target", str(document))
    assert done.status == 0, done.text
    assert f"{ENGINE}/server/{KILLED}: reverted" in done.text


def test_the_switch_reverts_when_nobody_else_does(stack: PulumiStack, document: Path, tmp_path: Path) -> None:
    kill_in_the_middle(stack, document, tmp_path / "report")
    eventually(lambda: replicas(stack) == "1", TTL + 30, "the switch reverts")
    eventually(lambda: not switches(stack), 60, "the switch removes itself")
    done = runner("recover", "--target", str(document))
    assert done.status == 0, done.text
    assert "Nothing to revert" in done.text, "the record went with the revert; only the lock was left to remove"


def test_pulumi_sees_no_difference(stack: PulumiStack) -> None:
    assert stack.no_changes()
