"""Faults on engine processes: killed, as a pod whose container dies; frozen, as a node that stalls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from faults.base import Fault, Kind, NotPossible
from targets.base import ProcessControl, ProcessInfo, ProcessState, Target


class _ProcessFault(Fault):
    """Finds its process through the target's ``ProcessControl``."""

    means: ClassVar[type | None] = ProcessControl

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._before: ProcessInfo | None = None

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return [process.name.removeprefix(f"{engine}-") for process in _control(target).processes(engine)]

    @override
    def preflight(self) -> None:
        process = self._process()
        if process.state is not ProcessState.RUNNING:
            raise NotPossible(f"{process.name} is {process.state}, not running")

    @property
    def _name(self) -> str:
        return f"{self.engine}-{self.component}"

    def _process(self) -> ProcessInfo:
        for process in _control(self.target).processes(self.engine):
            if process.name == self._name:
                return process
        raise NotPossible(f"there is no process {self._name}")


class Kill(_ProcessFault):
    """SIGKILL; the target's keeper starts the process again, as a kubelet would."""

    name: ClassVar[str] = "kill"
    kind: ClassVar[Kind] = Kind.POD
    summary: ClassVar[str] = "process killed (SIGKILL), started again by its keeper"
    momentary: ClassVar[bool] = True

    @override
    def inject(self) -> None:
        self._before = _control(self.target).kill(self._name)

    @override
    def proof(self) -> str:
        before, now = self._before, self._process()
        if before is None or (now.pid, now.started) == (before.pid, before.started):
            return ""
        successor = f"process {now.pid} took its place" if now.pid else "no process in its place yet"
        return f"process {before.pid} is gone, {successor}"

    @override
    def revert(self) -> None:
        """Nothing to undo: the keeper restarts the process."""

    @override
    def revert_proof(self) -> str:
        process = self._process()
        return f"{process.name} runs as process {process.pid}" if process.state is ProcessState.RUNNING else ""


class Freeze(_ProcessFault):
    """SIGSTOP for a while: the process keeps its connections and answers nothing."""

    name: ClassVar[str] = "freeze"
    kind: ClassVar[Kind] = Kind.NODE
    summary: ClassVar[str] = "process stopped (SIGSTOP), connections stay open, nothing answers"

    @override
    def inject(self) -> None:
        _control(self.target).freeze(self._name, ttl=self.tuning.ttl)

    @override
    def proof(self) -> str:
        process = self._process()
        return f"process {process.pid} is stopped" if process.state is ProcessState.FROZEN else ""

    @override
    def revert(self) -> None:
        _control(self.target).thaw(self._name)

    @override
    def revert_proof(self) -> str:
        process = self._process()
        return f"process {process.pid} runs" if process.state is ProcessState.RUNNING else ""


def _control(target: Target) -> ProcessControl:
    control = target.means(ProcessControl)
    if control is None:
        raise NotPossible("the runner did not start these processes, so it may not stop them")
    return control
