"""A runner killed at random moments of a fault, and what ``recover`` makes of what it left."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.clean import left_as_found, leftovers
from tests.e2e.pulumi_stack import ROOT, PulumiStack, runner

KILLS = int(os.environ.get("QER_E2E_KILLS", "3"))
"""For each fault on each engine."""
SEED = os.environ.get("QER_E2E_SEED", "1")
EARLIEST, LATEST = 3.0, 25.0
"""Seconds after the start of the runner; a fault with these settings begins after some 8 s and holds for 6 s."""
HOLD = "6"
RECOVER_SECONDS = 420


def assert_nothing_is_left_of_killed_runners(  # noqa: PLR0917 - what a test has, in the order of its fixtures
    stack: PulumiStack, document: Path, commands: tuple[str, ...], folder: Path, engine: str, fault: str
) -> None:
    """Kill some runners, each at its moment; ``recover`` must leave the stack as it was before.

    Raises:
        Skipped: the fault is not possible here, as the runner says.
    """
    mending = tuple(one for one in commands if one.startswith(("--node-start", "--kubelet-start", "--node-heal")))
    moments = random.Random(f"{SEED} {engine} {fault}")  # noqa: S311 - moments, no secrets
    began, took, struck = [], [], 0
    for number in range(KILLS):
        report = folder / str(number)
        options = ("--target", str(document), "--engine", engine, "--hold", HOLD, "--output", str(report), "--yes")
        moment = moments.uniform(EARLIEST, LATEST)
        with left_as_found(stack):
            _killed([sys.executable, "-m", "runner", "fault", fault, *options, *commands], report, moment)
            began.append(round(moment, 1))
            struck += bool(leftovers(stack))
            start = time.monotonic()
            done = runner("recover", "--target", str(document), *mending, timeout=RECOVER_SECONDS)
            took.append(round(time.monotonic() - start, 1))
            assert done.status == 0, done.text
            assert leftovers(stack) == [], "before the pods are Ready again"
    print(f"{engine} {fault}: killed after {began} s, {struck} of {KILLS} left something; recover took {took} s")


def _killed(command: list[str], report: Path, moment: float) -> None:
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
