"""A runner killed at random moments of every fault: whatever it left, ``recover`` removes, and the cluster is clean."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faults.base import fault_classes
from targets.base import NetworkControl, ProcessControl
from tests.e2e.clean import READY_SECONDS, all_ready, differences, leftovers, shapes
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import ROOT, PulumiStack, runner

pytestmark = pytest.mark.full

KILLS = int(os.environ.get("QER_E2E_KILLS", "3"))
"""For each fault on each engine."""
SEED = os.environ.get("QER_E2E_SEED", "1")
EARLIEST, LATEST = 3.0, 25.0
"""Seconds after the start of the runner; a fault with these settings begins after some 8 s and holds for 6 s."""
HOLD = "6"
RECOVER_SECONDS = 420
FAULTS = [name for name, fault in fault_classes().items() if fault.means not in (ProcessControl, NetworkControl)]


@pytest.fixture(scope="module")
def stack(struck: PulumiStack) -> PulumiStack:
    return struck


def killed(command: list[str], report: Path, moment: float) -> None:
    """Start a runner and end it with SIGKILL at its moment, if it is still there.

    Raises:
        Skipped: the fault is not possible here, as the runner says.
    """
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
    written = report / "results.json"
    if written.exists():
        found = json.loads(written.read_text())["experiments"]
        if found and all(one["verdict"] == "SKIPPED" for one in found):
            pytest.skip(found[0]["reason"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("engine", ["clickhouse", "trino"])
def test_nothing_is_left_of_a_killed_runner(  # noqa: PLR0917 - fixtures
    stack: PulumiStack,
    document: Path,
    commands: tuple[str, ...],
    tmp_path: Path,
    engine: str,
    fault: str,
) -> None:
    mending = tuple(one for one in commands if one.startswith(("--node-start", "--kubelet-start", "--node-heal")))
    moments = random.Random(f"{SEED} {engine} {fault}")  # noqa: S311 - moments, no secrets
    began, took, struck = [], [], 0
    for number in range(KILLS):
        eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready")
        before = shapes(stack)
        report = tmp_path / str(number)
        options = ("--target", str(document), "--engine", engine, "--hold", HOLD, "--output", str(report), "--yes")
        moment = moments.uniform(EARLIEST, LATEST)
        killed([sys.executable, "-m", "runner", "fault", fault, *options, *commands], report, moment)
        began.append(round(moment, 1))
        struck += bool(leftovers(stack))
        start = time.monotonic()
        done = runner("recover", "--target", str(document), *mending, timeout=RECOVER_SECONDS)
        took.append(round(time.monotonic() - start, 1))
        assert done.status == 0, done.text
        assert leftovers(stack) == []
        eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready again")
        assert differences(before, shapes(stack)) == []
    print(f"{engine} {fault}: killed after {began} s, {struck} of {KILLS} left something; recover took {took} s")
