"""A real cluster: the one in KUBECONFIG, or the throwaway one beside the checkout."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.pulumi_stack import ROOT, PulumiStack, kubectl, run

SANDBOX = Path(os.environ.get("SANDBOX", ROOT.parent / "shared" / "sandbox"))
START_ATTEMPTS = 4
IGNORED_KINDS = ("events", "componentstatuses", ".metrics.k8s.io", "endpoint", "replicasets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a cluster."""
    for item in items:
        if Path(__file__).parent in item.path.parents:  # pytest hands over the items of all folders
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Path | None]:
    """The throwaway cluster's command, with that cluster up and the environment set; ``None`` on any other cluster."""
    if os.environ.get("KUBECONFIG") and os.environ.get("SANDBOX_HOME") is None:
        yield None
        return
    command = SANDBOX / "sandbox"
    if not command.exists():
        pytest.skip("no cluster: set KUBECONFIG, or have the sandbox beside the checkout")
    was_up = run(str(command), "status").status == 0
    for _ in range(START_ATTEMPTS):
        done = run(str(command), "up", timeout=300)
        if done.status == 0:
            break
    assert done.status == 0, done.text
    for line in run(str(command), "env").text.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = "".join(shlex.split(value))
    yield command
    if not was_up:
        run(str(command), "down", timeout=300)


@pytest.fixture(scope="session")
def base_settings(sandbox: Path | None) -> dict[str, object]:
    """Small sizes; on the throwaway cluster also the images and the chart that are there."""
    settings: dict[str, object] = {"trinoWorkers": 1, "prometheusRetention": "6h", "clickhouseStorageSize": "2Gi"}
    if sandbox is None:
        return settings
    (chart,) = (SANDBOX / "charts").glob("kube-prometheus-stack-*.tgz")
    return settings | {
        "grafanaEnabled": False,
        # What the stand-in for ClickHouse says of itself, and the tag it has.
        "clickhouseVersion": "26.9",
        "clickhouseTag": "25.8",
        "monitoringChart": str(chart),
        "monitoringChartRepository": "",
        "monitoringValues": {
            "prometheusOperator": {
                "image": {"tag": "v0.93.0"},
                "prometheusConfigReloader": {"image": {"tag": "v0.93.0"}},
            },
            "alertmanager": {"alertmanagerSpec": {"image": {"tag": "v0.25.0"}, "version": "v0.25.0"}},
            "prometheus-node-exporter": {"image": {"tag": "v1.5.0", "distroless": False}},
            # There is no clock daemon.
            "defaultRules": {"disabled": {"NodeClockNotSynchronising": True, "NodeClockSkewDetected": True}},
        },
    }


@pytest.fixture(scope="session")
def new_stack(
    base_settings: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], PulumiStack]]:
    """Makes stacks with names of their own; all are gone at the end, whatever happened."""
    if shutil.which("pulumi") is None:
        pytest.skip("the Pulumi CLI is not on the PATH")
    made: list[PulumiStack] = []

    def make(purpose: str) -> PulumiStack:
        name = f"e2e-{purpose}-{secrets.token_hex(2)}"
        stack = PulumiStack(name, tmp_path_factory.mktemp("project") / name, dict(base_settings))
        stack.create()
        made.append(stack)
        return stack

    yield make
    for stack in reversed(made):
        stack.remove()


@pytest.fixture(scope="session")
def stack(before: set[str], new_stack: Callable[[str], PulumiStack]) -> PulumiStack:
    """The stack whose life is told: refused at first, then repaired and brought up."""
    assert before
    return new_stack("one")


@pytest.fixture(scope="session")
def struck(new_stack: Callable[[str], PulumiStack]) -> PulumiStack:
    """A stack for faults of every kind, up; its pods need not be Ready yet."""
    made = new_stack("faults")
    port = 30000 + secrets.randbelow(2700)
    made.settings |= {
        "monitoringEnabled": False,
        "faultsNetwork": True,
        "faultsNode": True,
        # So that it does not depend on port-forwards how many clients there can be.
        "trinoNodePort": port,
        "clickhouseNodePort": port + 1,
        "clientCidrs": ["0.0.0.0/0"],
    }
    made.must_up()
    return made


@pytest.fixture(scope="module")
def document(stack: PulumiStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs document of the module's stack, as a file."""
    path = tmp_path_factory.mktemp("outputs") / "outputs.json"
    path.write_text(json.dumps(stack.outputs()))
    return path


@pytest.fixture
def commands(sandbox: Path | None) -> tuple[str, ...]:
    """The runner's options that break nodes and mend them."""
    if sandbox is None:
        pytest.skip("this cluster has no commands that break nodes")
    return (
        f"--node-stop={sandbox} node kill {{node}}",
        f"--node-start={sandbox} node boot {{node}}",
        f"--kubelet-stop={sandbox} node stop {{node}} kubelet",
        f"--kubelet-start={sandbox} node start {{node}} kubelet",
        f"--node-cut={sandbox} node partition {{node}}",
        f"--node-heal={sandbox} node heal {{node}}",
    )


@pytest.fixture(scope="session")
def before(everything: Callable[[], set[str]]) -> set[str]:
    """What is in the cluster before there is any stack."""
    return everything()


@pytest.fixture(scope="session")
def everything(sandbox: Path | None) -> Callable[[], set[str]]:
    """Lists every object of the cluster that a person would count."""

    def names() -> set[str]:
        kinds = [
            kind
            for kind in kubectl("api-resources", "--verbs=list", "-o", "name").split()
            if not any(ignored in kind for ignored in IGNORED_KINDS)
        ]
        columns = "custom-columns=A:.kind,B:.metadata.namespace,C:.metadata.name"
        found = kubectl("get", ",".join(kinds), "-A", "--no-headers", "-o", columns).splitlines()
        return {" ".join(line.split()) for line in found if line}

    return names


def eventually(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it did not in that time.
    """
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"not within {seconds:g} s: {what}"
        time.sleep(1)
