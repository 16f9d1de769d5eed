"""The command line on real engines: the main job in small, and every way of being interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from faults.ledger import Ledger
from runner.results import SCHEMA_FILE
from targets.base import ProcessState
from targets.embedded import lifecycle
from targets.embedded.lifecycle import KeptInstance

pytestmark = pytest.mark.embedded

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "runner", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def results(directory: Path) -> Any:
    document = json.loads((directory / "results.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    return document


def states(instance: KeptInstance) -> dict[str, ProcessState]:
    (now,) = (kept for kept in lifecycle.status() if kept.name == instance.name)
    return {process.name: process.state for process in now.status.processes}


def undisturbed(instance: KeptInstance) -> bool:
    (now,) = (kept for kept in lifecycle.status() if kept.name == instance.name)
    return all(proxy.active is None and proxy.listening for proxy in now.status.proxies) and set(
        states(instance).values()
    ) == {ProcessState.RUNNING}


def test_the_main_job_in_small(kept_instance: KeptInstance, tmp_path: Path) -> None:
    done = run(
        *("all", "--engine", "clickhouse", "--scale-factor", "0.01", "--queries", "1,6,13", "--warmups", "0"),
        *("--iterations", "1", "--duration", "3", "--hold", "1", "--seed", "3", "--output", str(tmp_path)),
    )
    document = results(tmp_path)
    assert done.returncode in {0, 1}, done.stderr
    assert (done.returncode == 0) == (document["verdict"] == "PASS")
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json",
        "junit.xml",
        "report.md",
        "report.html",
        "metrics.prom",
    }
    assert len(document["checks"]) > 5
    assert [query["valid"] for query in document["benchmarks"][0]["queries"]] == [True] * 3
    assert document["loads"][0]["answers"]["wrong"] == 0
    experiments = {experiment["fault"]: experiment for experiment in document["experiments"]}
    assert set(experiments) == {"kill", "freeze", "latency", "bandwidth", "blackhole", "reset", "refused"}
    for experiment in experiments.values():
        assert experiment["injection"]["confirmed"], experiment["reason"]
        assert experiment["injection"]["revert_confirmed"], experiment["reason"]
        assert experiment["answers"]["wrong"] == 0
        assert experiment["answers"]["ok"] > 0
        assert experiment["rto_seconds"] is not None
        assert experiment["durability"]["acknowledged"] > 0
        assert {name: experiment["durability"][name] for name in ("lost", "duplicated", "unexpected")} == {
            "lost": 0,
            "duplicated": 0,
            "unexpected": 0,
        }
    assert experiments["kill"]["unavailable_seconds"] > 0
    assert experiments["refused"]["errors"]["refused"] > 0
    assert experiments["reset"]["errors"]["reset"] > 0
    assert experiments["latency"]["latency_during"]["p50"] > experiments["latency"]["latency_before"]["p50"]
    secrets = [path.read_text().strip() for path in kept_instance.document.parent.glob("*password*") if path.is_file()]
    assert secrets, "no password file to look for"
    everything = done.stdout + done.stderr + "".join(path.read_text() for path in tmp_path.iterdir())
    assert not [secret for secret in secrets if secret in everything]
    assert undisturbed(kept_instance)


def test_faults_on_each_trino_process(kept_instance: KeptInstance, tmp_path: Path) -> None:
    done = run(*("fault", "kill", "freeze", "--engine", "trino", "--hold", "1", "--output", str(tmp_path)))
    assert done.returncode in {0, 1}, done.stderr
    experiments = {experiment["name"]: experiment for experiment in results(tmp_path)["experiments"]}
    assert set(experiments) == {
        f"trino/{component}/{fault}" for component in ("coordinator", "worker-1") for fault in ("kill", "freeze")
    }
    for experiment in experiments.values():
        assert experiment["injection"]["confirmed"], experiment["reason"]
        assert experiment["answers"]["wrong"] == 0
        assert experiment["durability"] is None
    assert experiments["trino/coordinator/kill"]["unavailable_seconds"] > 0
    assert experiments["trino/coordinator/kill"]["full_capacity_seconds"] > 0
    assert undisturbed(kept_instance)


def injecting(instance: KeptInstance, output: Path, *fault: str) -> subprocess.Popen[str]:
    """A runner that holds a fault for long; returns once the fault is on record and in effect."""
    assert Ledger(instance.document.parent).pending() == [], "an earlier test left something behind"
    runner = subprocess.Popen(
        command("fault", *fault, "--engine", "clickhouse", "--hold", "300", "--output", str(output)),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: bool(Ledger(instance.document.parent).pending()) and not undisturbed(instance))
    return runner


@pytest.mark.parametrize("fault", ["freeze", "blackhole", "refused"])
def test_recover_undoes_what_a_killed_runner_left(kept_instance: KeptInstance, tmp_path: Path, fault: str) -> None:
    runner = injecting(kept_instance, tmp_path, fault)
    runner.kill()
    runner.communicate()
    assert not undisturbed(kept_instance), "it would have ended anyway"
    done = run("recover")
    assert done.returncode == 0, done.stderr
    assert f"{fault}: reverted" in done.stdout
    assert undisturbed(kept_instance)
    assert Ledger(kept_instance.document.parent).pending() == []
    assert "Nothing to revert" in run("recover").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_runner_reverts_first(
    kept_instance: KeptInstance, tmp_path: Path, number: signal.Signals
) -> None:
    runner = injecting(kept_instance, tmp_path, "freeze")
    runner.send_signal(number)
    _, stderr = runner.communicate(timeout=PATIENCE)
    assert runner.returncode == 3
    assert f"interrupted by {number.name}" in stderr
    assert "Traceback" not in stderr
    assert undisturbed(kept_instance)
    assert Ledger(kept_instance.document.parent).pending() == []


def test_two_runners_do_not_inject_at_once(kept_instance: KeptInstance, tmp_path: Path) -> None:
    runner = injecting(kept_instance, tmp_path / "first", "freeze")
    try:
        document = str(kept_instance.document)
        second = run(
            "fault", "freeze", "--target", document, "--engine", "clickhouse", "--output", str(tmp_path / "two")
        )
        assert second.returncode == 3
        assert "another run" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        runner.send_signal(signal.SIGTERM)
        runner.communicate(timeout=PATIENCE)


def test_engines_that_nobody_keeps_end_with_their_runner(tmp_path: Path) -> None:
    """kill -9 of a runner with engines of its own leaves no process behind."""
    environment = {**os.environ, "QER_STATE_DIR": str(tmp_path / "state")}
    runner = subprocess.Popen(
        command("fault", "freeze", "--engine", "clickhouse", "--hold", "300", "--output", str(tmp_path / "report")),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: bool(list((tmp_path / "state" / "runs").glob("*/ledger/*.json"))))
    engines = children(runner.pid)
    assert len(engines) >= 2, "a supervisor and an engine"
    runner.kill()
    runner.wait()
    until(lambda: not any(alive(pid) for pid in engines))


def children(pid: int) -> list[int]:

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
