"""``--in-cluster``: run the verb in a Job of the stack and bring its report here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from runner import pod
from runner.consent import require_somebody_to_ask
from runner.console import Console
from runner.errors import BadInput, CouldNotRun
from runner.options import Settings, check_output
from runner.report import RESULTS_FILE, ReportError, load_results
from runner.slo import load_slo
from runner.targets import EMBEDDED, read_outputs
from targets.base import BadOutputs, MeansError
from targets.contract import Outputs
from targets.kubernetes import KubernetesTarget
from targets.kubernetes.calls import ClusterCalls
from targets.kubernetes.cluster import Cluster
from targets.kubernetes.job import RunnerJob
from targets.kubernetes.job_manifest import FILES, REPORT, JobSpec
from targets.kubernetes.joblog import ClusterLogs

OUTPUTS_FILE, SLO_FILE, WORKLOAD_FILE = "outputs.json", "slo.yaml", "workload.yaml"
# What is meant for this side of the job, and whether a value follows.
_OURS = {
    "--in-cluster": False,
    "--json": False,
    "--yes": False,
    "--image": True,
    "--target": True,
    "--transport": True,
    "--output": True,
    "--slo": True,
    "--workload": True,
}
_REPORT_COMMAND = ("python", "-m", "runner.pod", "fetch")


def run_in_cluster(settings: Settings, *, injects: bool = False) -> int:
    """Run the verb that was given in the cluster; its exit code is ours.

    Args:
        settings: of the run.
        injects: whether the verb changes the stack, so that its user is asked here before.

    Raises:
        BadInput, BadOutputs: the target has no cluster, the stack no place for the runner, or there is no image.
        TargetError: the cluster cannot be reached.
        CouldNotRun: the Job could not be made, did not start, or ended without a report.
    """
    load_slo(settings.slo)
    outputs = _outputs(settings)
    spec = job_spec(settings, outputs, injects=injects)
    if injects:
        _agree(settings, outputs)
    check_output(settings.output)
    cluster = Cluster(outputs.kube_context)
    try:
        cluster.open()
        job = RunnerJob(spec, ClusterCalls(cluster), ClusterLogs(cluster))
        with Console(json=settings.json) as console:
            return _conduct(job, settings, console)
    except MeansError as error:
        raise CouldNotRun(str(error)) from error
    finally:
        cluster.close()


def _outputs(settings: Settings) -> Outputs:
    if settings.target == EMBEDDED:
        raise BadInput("--in-cluster needs a cluster: name one with --target stack or an outputs document")
    if settings.node_actions:
        raise BadInput("commands for nodes run on this machine: leave --in-cluster out")
    outputs = read_outputs(settings.target)
    if outputs.target != "kubernetes":
        raise BadInput(f"--in-cluster needs a cluster, and {settings.target} is about {outputs.target} engines")
    return outputs


def _agree(settings: Settings, outputs: Outputs) -> None:
    """Ask before the Job injects; which experiments there are, only the Job finds out.

    Raises:
        BadInput: there is nobody to ask.
        CouldNotRun: the answer was no.
    """
    require_somebody_to_ask(KubernetesTarget(outputs), yes=settings.yes)
    what = " ".join(forwarded(settings.arguments))
    context = outputs.kube_context or "the current one"
    if not settings.yes and not click.confirm(
        f"Cluster context: {context}\nStack: {outputs.stack}\nIn a Job there: {what}\nInject its faults?", err=True
    ):
        raise CouldNotRun("not agreed to: nothing was injected")


def job_spec(settings: Settings, outputs: Outputs, *, injects: bool = False) -> JobSpec:
    """The Job for these settings; one that ``injects`` has been agreed to here.

    Raises:
        BadOutputs: the stack has no place for the runner.
        BadInput: there is no image.
    """
    place = job_place(settings, outputs)
    files = {OUTPUTS_FILE: outputs.to_json()}
    arguments = [*forwarded(settings.arguments), "--target", f"{FILES}/{OUTPUTS_FILE}", "--output", REPORT]
    if injects:
        arguments.append("--yes")
    if settings.slo is not None:
        files[SLO_FILE] = settings.slo.read_text(encoding="utf-8")
        arguments += ["--slo", f"{FILES}/{SLO_FILE}"]
    if settings.workload is not None:
        files[WORKLOAD_FILE] = settings.workload.read_text(encoding="utf-8")
        arguments += ["--workload", f"{FILES}/{WORKLOAD_FILE}"]
    return replace(place, command=("python", "-m", "runner.pod", "run", *arguments), files=files)


def job_place(settings: Settings, outputs: Outputs) -> JobSpec:
    """Where and from which image a Job of the runner runs, without anything to do yet.

    Raises:
        BadOutputs: the stack has no place for the runner.
        BadInput: there is no image.
    """
    if outputs.runner_namespace is None or outputs.runner_service_account is None:
        raise BadOutputs("the outputs document names no runnerNamespace and runnerServiceAccount; run pulumi up")
    image = settings.image or outputs.runner_image
    if not image:
        raise BadInput(
            "there is no image for the runner: build one (docker build -t NAME .), then set runnerImage and run pulumi "
            "up, or name it with --image"
        )
    return JobSpec(
        image=image,
        stack=outputs.stack,
        namespace=outputs.runner_namespace,
        account=outputs.runner_service_account,
        command=(),
        environment={pod.REPORT_VARIABLE: REPORT},
    )


def forwarded(arguments: Sequence[str]) -> list[str]:
    """The arguments without those that are for this side."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, is_joined, _ = argument.partition("=")
        if name not in _OURS:
            kept.append(argument)
        elif _OURS[name] and not is_joined:
            next(rest, None)
    return kept


@dataclass(slots=True)
class _Listener:
    """Shows the log's lines, and remembers the exit code that the last one holds."""

    console: Console
    code: int | None = None

    def __call__(self, line: str) -> bool:
        if line.startswith(pod.MARK):
            self.code = int(line.removeprefix(pod.MARK))
            return True
        self.console.line(line)
        return False


def _conduct(job: RunnerJob, settings: Settings, console: Console) -> int:
    listener = _Listener(console)
    with job:
        with console.phase(f"Starting the Job {job.name}"):
            job.start()
        job.follow(listener)
        if listener.code is None:
            raise CouldNotRun(f"the runner's pod has ended without a report ({job.end() or 'it is gone'})")
        paths = job.fetch(_REPORT_COMMAND, settings.output)
    for path in paths:
        console.line(f"fetched {path}")
    if settings.json and any(path.name == RESULTS_FILE for path in paths):
        _print_results(settings.output)
    return listener.code


def _print_results(directory: Path) -> None:
    try:
        sys.stdout.write(load_results(directory).to_json())
    except ReportError as error:
        raise CouldNotRun(str(error)) from error
