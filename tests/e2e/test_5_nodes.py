"""The stack found by its name, the runner in the cluster, and nodes drained and lost under a real engine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from tests.e2e.clean import READY_SECONDS, all_ready, leftovers, nodes
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import ROOT, PulumiStack, objects, runner
from tests.e2e.runner_image import load_runner_image

STRIKE = ("--engine", "clickhouse", "--component", "server", "--yes")


@pytest.fixture(scope="module")
def stack(struck: PulumiStack) -> PulumiStack:
    return struck


@pytest.fixture(autouse=True)
def clean(stack: PulumiStack) -> Iterator[None]:
    """Every test finds the stack ready, and leaves nothing of a fault on a node or beside the runner."""
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready")
    yield
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready again")
    assert leftovers(stack) == []


def experiment(stack: PulumiStack, report: Path, *arguments: str) -> dict[str, Any]:
    """One experiment on ClickHouse's node; what the results document says of it."""
    done = runner("fault", *arguments, *STRIKE, "--target", f"stack:{stack.name}", "--output", str(report))
    (found,) = json.loads((report / "results.json").read_text())["experiments"]
    assert found["injection"]["confirmed"] and found["injection"]["revert_confirmed"], done.text
    assert found["answers"]["wrong"] == 0
    result: dict[str, Any] = found
    return result


def test_a_stack_is_found_by_its_name(stack: PulumiStack, tmp_path: Path) -> None:
    arguments = ("--target", f"stack:{stack.name}", "--transport", "port-forward", "--output", str(tmp_path))
    done = runner("check", "--engine", "clickhouse", *arguments)
    assert done.status == 0, done.text
    environment = json.loads((tmp_path / "results.json").read_text())["environment"]
    assert environment["transport"] == "port-forward"
    (overhead,) = environment["transport_overheads"]
    assert overhead["connect"]["median"] > overhead["round_trip"]["median"] > 0


def test_a_stack_that_is_not_there_is_one_line() -> None:
    done = runner("check", "--target", "stack:nowhere")
    assert (done.status, done.text) == (
        2,
        "error: stack nowhere does not exist; list the stacks with: pulumi stack ls\n",
    )


def test_a_dry_run_changes_nothing(stack: PulumiStack) -> None:
    done = runner("fault", "drain", *STRIKE, "--target", f"stack:{stack.name}", "--dry-run")
    assert done.status == 0, done.text
    assert "node cordoned and the stack's pods there evicted" in done.text


def test_a_drained_node_is_left_and_taken_again(stack: PulumiStack, tmp_path: Path) -> None:
    (before,) = objects("pods", stack.namespace("clickhouse"))
    found = experiment(stack, tmp_path, "drain")
    (after,) = objects("pods", stack.namespace("clickhouse"))
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert f"node {before['spec']['nodeName']} is cordoned" in found["injection"]["proof"]


def test_a_lost_node_is_survived(stack: PulumiStack, commands: tuple[str, ...], tmp_path: Path) -> None:
    found = experiment(stack, tmp_path, "node-loss", *commands)
    assert found["rto_seconds"] is not None
    assert not found["rto_censored"], found["reason"]
    assert "is Ready again since" in found["injection"]["revert_proof"]


def test_a_lost_node_comes_back_although_its_runner_was_killed(
    stack: PulumiStack, commands: tuple[str, ...], tmp_path: Path
) -> None:
    (pod,) = objects("pods", stack.namespace("clickhouse"))
    node = pod["spec"]["nodeName"]
    target = ("--target", f"stack:{stack.name}")
    command = [sys.executable, "-m", "runner", "fault", "node-loss", *STRIKE, *commands, *target]

    def ready() -> bool:
        (found,) = [one for one in nodes() if one["metadata"]["name"] == node]
        return any(one["type"] == "Ready" and one["status"] == "True" for one in found["status"]["conditions"])

    with subprocess.Popen(
        [*command, "--output", str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        eventually(lambda: not ready() or process.poll() is not None, 240, "the node is lost")
        assert process.poll() is None, "it ended by itself"
        process.send_signal(signal.SIGKILL)
    done = runner("recover", *target, *(one for one in commands if one.startswith("--node-start")))
    assert done.status == 0, done.text
    assert "node-loss: reverted" in done.text
    assert ready()


@pytest.fixture(scope="module")
def image(sandbox: Path | None) -> str:
    """The runner's image of this checkout, on every node."""
    if sandbox is None:
        pytest.skip("there is no image of this checkout for this cluster")
    return load_runner_image(sandbox)


def test_the_runner_runs_in_the_cluster(stack: PulumiStack, image: str, tmp_path: Path) -> None:
    arguments = ("--target", f"stack:{stack.name}", "--in-cluster", "--image", image, "--output", str(tmp_path))
    done = runner("check", "--engine", "clickhouse", *arguments)
    assert done.status == 0, done.text
    assert json.loads((tmp_path / "results.json").read_text())["environment"]["transport"] == "in-cluster"


def test_load_comes_from_several_jobs_and_is_one_result(stack: PulumiStack, image: str, tmp_path: Path) -> None:
    workload = tmp_path / "workload.yaml"
    statements = {"one": {"sql": "SELECT 1", "expect": [[1]]}, "two": {"sql": "SELECT 2", "expect": [[2]]}}
    workload.write_text(json.dumps({"version": 1, "statements": statements, "mix": {"one": 3, "two": 1}}))
    report = tmp_path / "report"
    arguments = ("--target", f"stack:{stack.name}", "--jobs", "2", "--image", image, "--output", str(report))
    load = ("--rate", "40", "--duration", "10", "--arrivals", "constant", "--workload", str(workload))
    done = runner("load", "--engine", "clickhouse", *load, *arguments)
    assert (report / "results.json").exists(), done.text
    (found,) = json.loads((report / "results.json").read_text())["loads"]
    # Every second arrival is one Job's: with one of them missing there would be half as many.
    assert found["offered"] == found["sent"] + found["dropped"] == 400, done.text
    answers = found["answers"]
    assert answers["wrong"] == 0 and answers["ok"] >= 0.9 * found["sent"], done.text
    merged = HdrHistogram.decode(found["histograms"]["corrected"])
    assert merged.get_total_count() == found["corrected"]["count"] == answers["ok"]
    assert {name: one["count"] for name, one in found["by_statement"].items()}.keys() == {"one", "two"}
    assert sum(one["count"] for one in found["by_statement"].values()) == answers["ok"]
    generator = found["generator"]
    assert (generator["jobs"], generator["processes"], generator["lag"]["count"]) == (2, 1, 400)
    assert 0 < generator["begin_spread_seconds"] < 10
    assert objects("jobs,pods", stack.namespace("runner")) == []
