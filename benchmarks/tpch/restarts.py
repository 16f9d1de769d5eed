"""Starting an engine anew before a round of a power run, by whatever means its target offers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tpch import pagecache
from benchmarks.tpch.model import Restart
from targets.base import Capacity, MeansError, ProcessControl, ProcessInfo, ProcessState, Target
from targets.kubernetes.means import PodView, StackControl

PROCESS_SECONDS = 180.0
POD_SECONDS = 600.0
"""How long an engine may take until it has its full capacity again."""

POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """How an end is waited for: the clock and a way to let it pass, in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def await_true(self, condition: Callable[[], bool], limit: float, what: str) -> float:
        """Seconds until a condition holds.

        Raises:
            MeansError: it does not within ``limit`` seconds; ``what`` was waited for.
        """
        began = self.clock()
        while not condition():
            if self.clock() - began > limit:
                raise MeansError(f"{what} within {limit:.0f} s after its restart")
            self.sleep(POLL_SECONDS)
        return self.clock() - began


def refusal(target: Target) -> str:
    """Why engines of a target cannot be started anew; empty where they can."""
    if target.means(ProcessControl) or target.means(StackControl):
        return ""
    return f"the target {target.name} has no means to start its engines anew"


def restart(target: Target, engine: str, data: Sequence[Path], pace: Pace | None = None) -> Restart:
    """Start an engine anew, wait until it has its full capacity, and drop the page cache of its files where possible.

    Args:
        target: where it runs.
        engine: its kind.
        data: directories that hold files it reads, beside those of its own.
        pace: for tests.

    Raises:
        MeansError: the target has no means to, a right is missing, or the engine does not come back.
    """
    pace = pace or Pace()
    if processes := target.means(ProcessControl):
        seconds, method = _processes(target, processes, engine, pace)
        caches = pagecache.drop(pagecache.data_files(target.state_directory, *data))
        return Restart(seconds, method, f"those of its processes gone with them; {caches}")
    if stack := target.means(StackControl):
        seconds, method = _pods(target, stack, engine, pace)
        kept = "the nodes' page cache not dropped: that needs root on the nodes"
        return Restart(seconds, method, f"those of its processes gone with them; {kept}")
    raise MeansError(refusal(target))


def _processes(target: Target, control: ProcessControl, engine: str, pace: Pace) -> tuple[float, str]:
    before = control.processes(engine)
    for process in before:
        control.kill(process.name)
    gone = {_identity(process) for process in before}

    def again() -> bool:
        now = control.processes(engine)
        running = all(process.state is ProcessState.RUNNING for process in now)
        return running and not gone & {_identity(process) for process in now} and _full(target, engine)

    seconds = pace.await_true(again, PROCESS_SECONDS, f"{engine} did not have its full capacity")
    return seconds, f"killed and started again: {', '.join(process.name for process in before)}"


def _identity(process: ProcessInfo) -> tuple[int | None, float | None]:
    return process.pid, process.started


def _pods(target: Target, control: StackControl, engine: str, pace: Pace) -> tuple[float, str]:
    before = {role: [pod for pod in control.pods(engine, role) if not pod.ending] for role in control.roles(engine)}
    old = [pod for pods in before.values() for pod in pods]
    for namespace in sorted({pod.namespace for pod in old}):
        control.require("delete", "pods", namespace)
    for pod in old:
        control.delete(pod.ref, uid=pod.uid)
    gone = {pod.uid for pod in old}

    def again() -> bool:
        return all(_new(control.pods(engine, role), gone, len(pods)) for role, pods in before.items()) and _full(
            target, engine
        )

    seconds = pace.await_true(again, POD_SECONDS, f"{engine} did not have all its pods ready")
    return seconds, f"pods deleted and made anew: {', '.join(pod.name for pod in old)}"


def _new(pods: Sequence[PodView], gone: set[str], count: int) -> bool:
    return not gone & {pod.uid for pod in pods} and sum(pod.ready and not pod.ending for pod in pods) >= count


def _full(target: Target, engine: str) -> bool:
    capacity = target.means(Capacity)
    try:
        return capacity is None or capacity.full_capacity(engine)
    except MeansError:  # it cannot be told while the engine starts
        return False
