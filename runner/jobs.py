"""``--jobs``: load generators as Jobs of the stack, conducted from here."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Self

from benchmarks.load import Conduct, LoadSpec, Watch
from benchmarks.mixture import Mixture
from benchmarks.processes import in_processes
from benchmarks.remote import LARGEST_PACKED, RemoteError, packed
from benchmarks.tally import Tally
from engines import Engine
from runner.errors import BadInput
from runner.fleet import Fleet
from runner.incluster import OUTPUTS_FILE, job_place
from runner.options import Settings
from runner.targets import EMBEDDED
from targets.contract import Outputs
from targets.document import only_engines
from targets.kubernetes.calls import Calls, ClusterCalls
from targets.kubernetes.cluster import Cluster
from targets.kubernetes.job import Logs, RunnerJob
from targets.kubernetes.job_manifest import FILES, JobSpec
from targets.kubernetes.jobgroup import JobGroup
from targets.kubernetes.joblog import ClusterLogs
from targets.kubernetes.rights import MissingRight, Right, Rights

WORK_FILE = "work"
PREFIX = "qer-load"
GRACE_SECONDS = 15
LONGEST_SECONDS = 26 * 3600
"""The longest load or search, and then some; a generator that nobody conducts ends long before."""

_NEEDED = (
    ("create", "jobs", "batch"),
    ("delete", "jobs", "batch"),
    ("list", "pods", ""),
    ("get", "pods/log", ""),
    # Which of the two is asked for depends on the version of the API server.
    ("create", "pods/exec", ""),
    ("get", "pods/exec", ""),
)


def check_jobs(settings: Settings) -> None:
    """Refuse what cannot have Jobs, before anything is started.

    Raises:
        BadInput: one line.
    """
    if settings.in_cluster:
        raise BadInput("--jobs conducts its Jobs from here: leave --in-cluster out")
    if settings.target == EMBEDDED:
        raise BadInput("--jobs needs a cluster: name one with --target stack or an outputs document")


@contextmanager
def conducting(outputs: Outputs, settings: Settings, jobs: int, tell: Callable[[str], None]) -> Iterator[Conduct]:
    """What runs the generators: processes on this machine, or Jobs that are gone with the block.

    Args:
        outputs: of the open target.
        settings: of the run.
        jobs: how many Jobs; 0 for none.
        tell: told what is going on.

    Raises:
        BadInput, BadOutputs: the target has no cluster, there is no place or image for the Jobs, or a right is missing.
        TargetError: the cluster cannot be reached.
    """
    if not jobs:
        yield in_processes
        return
    if outputs.target != "kubernetes":
        raise BadInput(f"--jobs needs a cluster, and {settings.target} is about {outputs.target} engines")
    place = job_place(settings, outputs)
    cluster = Cluster(outputs.kube_context)
    try:
        cluster.open()
        calls = ClusterCalls(cluster)
        require_rights(Rights(calls), place.namespace)
        with InJobs(place, outputs, calls, ClusterLogs(cluster), tell=tell) as conduct:
            yield conduct
    finally:
        cluster.close()


def require_rights(rights: Rights, namespace: str) -> None:
    """Whether we may make Jobs there, speak to them, and take them away.

    Raises:
        BadInput: not; the message has the rule to add.
        MeansError: the API does not answer.
    """
    for verb, resource, group in _NEEDED:
        try:
            rights.require(Right(verb, resource, namespace, group))
        except MissingRight as error:
            raise BadInput(f"--jobs: {error}") from None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A fleet, and what it was made for."""

    fleet: Fleet
    kind: str
    mixture: Mixture
    jobs: int

    def fits(self, kind: str, mixture: Mixture, jobs: int) -> bool:
        return (self.kind, self.jobs) == (kind, jobs) and self.mixture is mixture


class InJobs:
    """Implements ``benchmarks.load.Conduct``. A context manager: leaving it deletes the Jobs.

    They are started with the first run and kept while engine and mixture stay the same, so that a search has them
    started once.

    Args:
        place: where and from which image; see ``runner.incluster.job_place``.
        outputs: of the stack.
        calls: to the API.
        logs: of the Jobs.
        tell: told what is going on.
        clock: seconds, monotonic.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        place: JobSpec,
        outputs: Outputs,
        calls: Calls,
        logs: Logs,
        *,
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._place, self._outputs, self._calls, self._logs = place, outputs, calls, logs
        self._say, self._clock, self._sleep = tell, clock, sleep
        self._opened = ExitStack()
        self._ready: _Ready | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, engine: Engine, mixture: Mixture, spec: LoadSpec, watch: Watch) -> tuple[Tally, float]:
        """See ``benchmarks.load.Conduct``.

        Raises:
            BadInput: the mixture is more than a Job can carry.
            GeneratorError: a generator ended without a result.
            MeansError: the Jobs cannot be made, do not start, or cannot be spoken to.
        """
        kind = engine.endpoint.kind
        if self._ready is None or not self._ready.fits(kind, mixture, spec.jobs):
            self._close()
            self._ready = _Ready(self._open(kind, mixture, spec.jobs), kind, mixture, spec.jobs)
        return self._ready.fleet.run(spec, watch)

    def _open(self, kind: str, mixture: Mixture, jobs: int) -> Fleet:
        files = work_files(self._outputs, kind, mixture)
        group = secrets.token_hex(4)
        specs = [generator_spec(self._place, files, number, group) for number in range(jobs)]
        made = [RunnerJob(spec, self._calls, self._logs, clock=self._clock, sleep=self._sleep) for spec in specs]
        self._say(f"starting {jobs} Jobs in {self._place.namespace}")
        with ExitStack() as opened:
            grouped = opened.enter_context(JobGroup(made))
            grouped.start()
            fleet = opened.enter_context(Fleet(grouped.jobs, clock=self._clock, sleep=self._sleep))
            fleet.open()
            self._opened = opened.pop_all()
        self._say(f"{jobs} Jobs are ready")
        return fleet

    def _close(self) -> None:
        self._ready = None
        self._opened.close()


def work_files(outputs: Outputs, kind: str, mixture: Mixture) -> Mapping[str, str]:
    """What a generator's pod finds as files: how to reach its engine (Secrets by reference), and the mixture.

    Raises:
        BadInput: it is more than a Job can carry.
    """
    document = only_engines(outputs, (kind,)).model_copy(update={"monitoring": ()}).to_json()
    try:
        files = {OUTPUTS_FILE: document, WORK_FILE: packed(mixture)}
    except RemoteError as error:
        raise BadInput(f"--jobs: {error}") from None
    if (size := sum(len(text.encode()) for text in files.values())) > LARGEST_PACKED:
        raise BadInput(
            f"--jobs: the outputs document and the statements take {size:,} bytes, and a Job carries "
            f"{LARGEST_PACKED:,}; use fewer statements"
        )
    return files


def generator_spec(place: JobSpec, files: Mapping[str, str], number: int, group: str) -> JobSpec:
    """The Job of one generator."""
    command = ("python", "-m", "runner.generator", "--outputs", f"{FILES}/{OUTPUTS_FILE}")
    return replace(
        place,
        command=(*command, "--work", f"{FILES}/{WORK_FILE}", "--job", str(number)),
        files=files,
        prefix=PREFIX,
        group=group,
        deadline_seconds=LONGEST_SECONDS,
        grace_seconds=GRACE_SECONDS,
    )
