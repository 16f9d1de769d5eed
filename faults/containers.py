"""Faults in an engine's container: its main process killed, its memory used up, its CPU time taken."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from faults.base import Kind
from faults.commands import EXEC_MARGIN, ExecFault, end_script, processes_script
from faults.pods import WORKERS, pod_components, role_of
from faults.privileged import PrivilegedFault, running
from targets.base import MeansError, Target
from targets.kubernetes.faultpod_means import FaultScript
from targets.kubernetes.means import PodView, StackControl

OOM_KILLED = "OOMKilled"
_ALLOCATION_SECONDS, _ALLOCATORS = 60, 32
_REVERT_SECONDS = 10


def restarted(control: StackControl, engine: str, before: Sequence[PodView]) -> list[str]:
    """What happened to the containers of these pods since, for those whose run has ended."""
    roles = {pod.role for pod in before}
    now = {pod.uid: pod for role in roles for pod in control.pods(engine, role)}
    return [
        f"container {pod.container} of {pod.name} ended ({found.last_exit or 'no reason given'})"
        for pod in before
        if (found := now.get(pod.uid)) and found.started_at != pod.started_at
    ]


def back(control: StackControl, engine: str, before: Sequence[PodView]) -> str:
    """What shows that the workloads of these pods are whole again; empty while they are not."""
    shown = ["nothing was struck"] if not before else []
    for role in sorted({pod.role for pod in before}):
        wanted = int(control.read(control.workload(engine, role))["spec"].get("replicas", 1))
        ready = [pod.name for pod in control.pods(engine, role) if pod.ready]
        if len(ready) < wanted:
            return ""
        shown.append(f"{len(ready)} of {wanted} pods are ready: {', '.join(ready)}")
    return "; ".join(shown)


class KillContainer(PrivilegedFault):
    """SIGKILL for the container's main process, from outside: from inside, process 1 cannot be killed."""

    name: ClassVar[str] = "kill-container"
    kind: ClassVar[Kind] = Kind.POD
    summary: ClassVar[str] = "main process of the container killed (SIGKILL), started again by the kubelet"
    momentary: ClassVar[bool] = True
    needs: ClassVar[str] = ""

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return pod_components(target, engine)

    @override
    def choose(self) -> Sequence[PodView]:
        found = running(self.control, self.engine, role_of(self.component))
        return found if self.component == WORKERS else found[:1]

    @override
    def script(self, pod: PodView) -> FaultScript:
        return FaultScript(self.name, 'kill -KILL "${MAIN:?the container has no process any more}"')

    @override
    def proof(self) -> str:
        ended = restarted(self.control, self.engine, self._struck)
        return "; ".join(ended) if len(ended) == len(self._struck) > 0 else ""

    @override
    def revert_proof(self) -> str:
        ready = back(self.control, self.engine, self._struck)
        return ready and super().revert_proof() and ready


class OutOfMemory(ExecFault):
    """The container's memory limit is reached by a neighbour process; the kernel is told to kill the engine for it."""

    name: ClassVar[str] = "out-of-memory"
    summary: ClassVar[str] = "container's memory used up until the kernel kills the engine (OOMKilled)"
    momentary: ClassVar[bool] = True
    tools: ClassVar[tuple[str, ...]] = ("timeout", "head", "tail")

    @override
    def preflight(self) -> None:
        super().preflight()
        self.limit(self.choose(), "memory")

    @override
    def inject(self) -> None:
        for pod in self.struck:
            command = ["sh", "-c", memory_script(round(self.limit(pod, "memory")))]
            # The command ends with the container that it ends: the proof tells whether it did.
            with contextlib.suppress(MeansError):
                self.control.exec(pod.ref, command, timeout=_ALLOCATION_SECONDS + EXEC_MARGIN)

    @override
    def proof(self) -> str:
        ended = restarted(self.control, self.engine, self.struck)
        return "; ".join(ended) if ended and all(OOM_KILLED in one for one in ended) else ""

    @override
    def revert(self) -> None:
        """Nothing to undo: the kubelet starts the container again, the allocation went with the old one."""

    @override
    def revert_proof(self) -> str:
        return back(self.control, self.engine, self.struck)


class Cpu(ExecFault):
    """Busy loops in the container take the CPU time that its limit allows."""

    name: ClassVar[str] = "cpu"
    summary: ClassVar[str] = "busy loops in the container take the CPU time of its limit"
    tools: ClassVar[tuple[str, ...]] = ("timeout", "grep")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._throttled = 0

    @override
    def preflight(self) -> None:
        super().preflight()
        self.limit(self.choose(), "cpu")

    @override
    def inject(self) -> None:
        for pod in self.struck:
            loops = max(1, math.ceil(self.limit(pod, "cpu")))
            self._throttled = self._look(pod)[1]
            command = ["timeout", str(math.ceil(self.tuning.ttl)), "sh", "-c", busy_script(self.key, loops)]
            threading.Thread(target=self._burn, args=(pod, command), name=f"cpu-{pod.name}", daemon=True).start()

    def _burn(self, pod: PodView, command: Sequence[str]) -> None:
        # Ends with the loops, which end by themselves, at the revert, or with the container.
        with contextlib.suppress(MeansError):
            self.control.exec(pod.ref, command, timeout=self.tuning.ttl + EXEC_MARGIN)

    @override
    def proof(self) -> str:
        shown = []
        for pod in self.struck:
            running_loops, throttled = self._look(pod)
            if not running_loops or throttled <= self._throttled:
                return ""
            shown.append(f"busy loops in {pod.name}, throttled {throttled - self._throttled} times since")
        return "; ".join(shown)

    @override
    def revert(self) -> None:
        for pod in self.there():
            self.control.exec(pod.ref, ["sh", "-c", end_script(self.key)], timeout=_REVERT_SECONDS)

    @override
    def revert_proof(self) -> str:
        if any(self._look(pod)[0] for pod in self.there()):
            return ""
        return f"no busy loop is left in {', '.join(pod.name for pod in self.struck)}"

    def _look(self, pod: PodView) -> tuple[int, int]:
        """How many processes of the loops run there, and how often the container has been throttled."""
        words = self.control.exec(pod.ref, ["sh", "-c", look_script(self.key)]).split()
        return int(words[0]), int(words[1])


def memory_script(limit: int) -> str:
    """Allocate more than the limit (bytes), with every other process of the container as the likelier victim.

    Any process may make itself and those of its user likelier victims (proc(5)), never less likely ones: so the
    allocation is shared by processes that are each much smaller than an engine.
    """
    share = math.ceil(limit * 1.25 / _ALLOCATORS)
    allocate = (
        r'trap "kill \$all; wait; exit" TERM; all=; '
        f"for i in $(seq {_ALLOCATORS}); do {{ head -c {share} /dev/zero; sleep {_ALLOCATION_SECONDS}; }} | "
        'tail > /dev/null & all="$all $!"; done; wait'
    )
    return (
        "for process in /proc/[0-9]*; do "
        '[ "$process" = "/proc/$$" ] || echo 1000 > "$process/oom_score_adj"; done 2>/dev/null; '
        f"timeout {_ALLOCATION_SECONDS} sh -c '{allocate}'"
    )


def busy_script(key: str, loops: int) -> str:
    """Busy loops that end, and are waited for, when the shell is told to: the main process reaps nobody's children."""
    return (
        f": qer-{key}; trap 'kill $all; wait; exit' TERM; all=; "
        f'for i in $(seq {loops}); do while :; do :; done & all="$all $!"; done; wait'
    )


def look_script(key: str) -> str:
    """Print how many processes of the busy loops of that key there are, and how often the container was throttled."""
    return (
        f"{processes_script(key)}; "
        "cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu,cpuacct/cpu.stat 2>/dev/null | "
        "grep nr_throttled | head -n 1 | grep -o '[0-9]*' || echo 0"
    )
