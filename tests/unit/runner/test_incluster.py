"""Both halves of ``--in-cluster``: what goes into the pod, what the pod does, and what comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner import pod
from runner.errors import BadInput
from runner.incluster import forwarded, job_spec, run_in_cluster
from runner.options import Settings
from targets.base import BadOutputs
from targets.contract import Outputs
from targets.kubernetes.job import unpack
from tests.unit.kubernetes.test_monitoring_checks import OUTPUTS

ROOT = Path(__file__).parents[3]
STACK = Outputs.model_validate(
    {**OUTPUTS.model_dump(), "runner_namespace": "qer-runner", "runner_service_account": "runner"}
)


def settings(**changes: object) -> Settings:
    made = Settings(
        target="stack",
        engines=None,
        scale_factor=0.1,
        output=Path("report"),
        slo=None,
        seed=0,
        json=False,
        trino_workers=1,
        coordinator_heap=1,
        worker_heap=1,
        in_cluster=True,
        image="runner:1",
        arguments=("check", "--in-cluster"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_only_what_is_for_the_other_side_is_handed_on() -> None:
    given = ["fault", "kill", "--in-cluster", "--image", "x:1", "--target=stack:dev", "--hold", "5", "--json", "--yes"]
    given += ["--output", "here", "--slo=mine.yaml", "--transport", "auto", "--engine", "trino"]
    assert forwarded(given) == ["fault", "kill", "--hold", "5", "--engine", "trino"]


def test_the_pod_gets_the_document_and_the_objectives_as_files(tmp_path: Path) -> None:
    slo = tmp_path / "mine.yaml"
    slo.write_text("wrong_answers: 0\n")
    spec = job_spec(settings(slo=slo), STACK)
    assert spec.command[3:] == (
        "run", "check", "--target", "/etc/qer/outputs.json", "--output", "/report", "--slo", "/etc/qer/slo.yaml",
    )  # fmt: skip
    assert Outputs.model_validate_json(spec.files["outputs.json"]) == STACK
    assert spec.files["slo.yaml"] == "wrong_answers: 0\n"
    assert (spec.namespace, spec.account, spec.image) == ("qer-runner", "runner", "runner:1")


def test_the_pod_gets_the_workload_as_a_file(tmp_path: Path) -> None:
    workload = tmp_path / "mine.yaml"
    workload.write_text("version: 1\nmix: {Q1: 1}\n")
    given = ("load", "--in-cluster", "--workload", str(workload), "--rate", "5")
    spec = job_spec(settings(workload=workload, arguments=given), STACK)
    assert spec.command[3:6] == ("run", "load", "--rate")
    assert spec.command[-2:] == ("--workload", "/etc/qer/workload.yaml")
    assert spec.files["workload.yaml"] == workload.read_text()


def test_the_stacks_image_is_used_unless_another_is_named() -> None:
    stack = STACK.model_copy(update={"runner_image": "stack:1"})
    assert job_spec(settings(image=None), stack).image == "stack:1"
    assert job_spec(settings(image="mine:1"), stack).image == "mine:1"
    with pytest.raises(BadInput, match="no image for the runner: build one"):
        job_spec(settings(image=None), STACK)


def test_a_stack_without_a_place_for_the_runner_is_refused() -> None:
    with pytest.raises(BadOutputs, match="names no runnerNamespace"):
        job_spec(settings(), OUTPUTS)


def test_the_embedded_target_has_no_cluster() -> None:
    with pytest.raises(BadInput, match="--in-cluster needs a cluster"):
        run_in_cluster(settings(target="embedded"))


def start(report: Path, program: str) -> subprocess.Popen[str]:
    """The container's process, with a program in place of the runner."""
    code = "import sys; from runner import pod; sys.exit(pod.run(['verb'], (sys.executable, '-c', sys.argv[1])))"
    return subprocess.Popen(
        [sys.executable, "-c", code, program],
        cwd=ROOT,
        env={**os.environ, pod.REPORT_VARIABLE: str(report)},
        stdout=subprocess.PIPE,
        text=True,
    )


WRITES = "import os; open(os.environ['QER_REPORT_DIR'] + '/results.json', 'w').write('{}'); raise SystemExit(1)"


def test_the_pod_keeps_the_report_until_it_is_fetched(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.mkdir()
    with start(report, WRITES) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{pod.MARK}1\n"
        assert process.poll() is None
        fetch = [sys.executable, "-m", "runner.pod", "fetch"]
        environment = {**os.environ, pod.REPORT_VARIABLE: str(report)}
        text = subprocess.run(fetch, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        assert process.wait(10) == 1
    assert unpack(text, tmp_path / "here") == [tmp_path / "here" / "results.json"]


def test_a_pod_that_is_told_to_end_lets_the_verb_revert_and_waits_for_nobody(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('reverted', flush=True), sys.exit(3)))\n"
        "print('injected', flush=True)\n"
        "time.sleep(60)\n"
    )
    with start(tmp_path, program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "injected\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "reverted\n"
        assert process.wait(10) == 3


def test_the_image_needs_no_embedded_engine_and_no_pulumi() -> None:
    """What the Dockerfile leaves out is not imported until it is used."""
    left_out = ("pulumi", "pulumi_kubernetes", "pulumi_random", "chdb")
    code = (
        "import sys\n"
        f"for name in {left_out!r}: sys.modules[name] = None\n"
        "import runner.cli\n"
        "from faults.base import fault_classes\n"
        "fault_classes()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    line = next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if "sed" in line)
    assert "^(pulumi|pulumi-kubernetes|pulumi-random|chdb)==" in line
