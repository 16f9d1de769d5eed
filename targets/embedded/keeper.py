"""Keeps engine processes running, as a kubelet would: starts them, watches them, starts ended ones again.

Each process runs in its own session (a terminal's Ctrl-C never reaches it) and dies with the supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from targets.base import MeansError, ProcessInfo, ProcessState

SHIM = Path(__file__).with_name("shim.py")
FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0
POLL_SECONDS = 0.1
CONFIRM_SECONDS = 5.0
GRACE_SECONDS = 5.0
EARLY_ENDS = 3


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to keep.

    Attributes:
        name: unique; also the name of its log.
        engine: engine kind.
        role: coordinator, worker or server.
        command: absolute program and arguments; holds no secret.
        directory: where it runs.
        environment: its whole environment.
        log: file its output is appended to.
        port: the port whose listener tells whether it has started.
        up: asks that port (called in a thread).
        grace_seconds: how long it may take to end after SIGTERM before SIGKILL.
    """

    name: str
    engine: str
    role: str
    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]
    log: Path
    port: int
    up: Callable[[int], bool]
    grace_seconds: float = GRACE_SECONDS


class KeptProcess:
    """One process through all its restarts."""

    def __init__(self, spec: ProcessSpec, changed: Callable[[], None]) -> None:
        self.spec = spec
        self.early_ends = 0
        self._changed = changed
        self._info = ProcessInfo(spec.name, spec.engine, spec.role, None, None, ProcessState.STARTING, 0)
        self._process: asyncio.subprocess.Process | None = None
        self._frozen_from = ProcessState.STARTING
        self._thaw_timer: asyncio.TimerHandle | None = None

    @property
    def info(self) -> ProcessInfo:
        """Its present state, with its resident memory."""
        return replace(self._info, rss_bytes=_rss(self._info.pid))

    async def keep(self) -> None:
        """Run it, and again whenever it ends, until cancelled; it is ended then."""
        try:
            while True:
                await self._run_once()
                await asyncio.sleep(self._delay())
                self._info = replace(self._info, restarts=self._info.restarts + 1)
        finally:
            await self._end()

    def _delay(self) -> float:
        """None for one that had started; ever longer for one that ends before it does."""
        return 0.0 if not self.early_ends else min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (self.early_ends - 1))

    async def _run_once(self) -> None:
        process = await self._spawn()
        watcher = asyncio.create_task(self._watch_start())
        try:
            await process.wait()
        finally:
            watcher.cancel()
        self.early_ends = self.early_ends + 1 if self._info.state is ProcessState.STARTING else 0
        self._forget_freeze()
        self._set(ProcessState.DEAD, pid=None, started=None)

    async def _spawn(self) -> asyncio.subprocess.Process:
        shim = (sys.executable, "-I", "-S", str(SHIM), str(os.getpid()))
        with self.spec.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *shim,
                *self.spec.command,
                cwd=self.spec.directory,
                env=dict(self.spec.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pid = self._process.pid
        self._set(ProcessState.STARTING, pid=pid, started=_started(pid))
        return self._process

    async def _watch_start(self) -> None:
        while not await asyncio.to_thread(self.spec.up, self.spec.port):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(POLL_SECONDS)
        if self._info.state is ProcessState.STARTING:
            self._set(ProcessState.RUNNING)
        self._frozen_from = ProcessState.RUNNING

    def _set(self, state: ProcessState, **changes: float | None) -> None:
        self._info = replace(self._info, state=state, **changes)  # type: ignore[arg-type] # pid is int or None
        self._changed()

    async def kill(self) -> ProcessInfo:
        """SIGKILL; returns what it was once it is gone."""
        before, process = self.info, self._alive()
        process.kill()
        await self._confirmed(lambda: process.returncode is not None, "did not end")
        return before

    async def freeze(self, ttl: float) -> ProcessInfo:
        """SIGSTOP; SIGCONT follows after ``ttl`` seconds by itself. Returns once the kernel says it is stopped."""
        process = self._alive()
        if self._info.state is not ProcessState.FROZEN:
            self._frozen_from = self._info.state
        self._forget_freeze()
        self._thaw_timer = asyncio.get_running_loop().call_later(ttl, self._continue)
        process.send_signal(signal.SIGSTOP)
        await self._confirmed(lambda: _status(process.pid) == psutil.STATUS_STOPPED, "did not stop")
        self._set(ProcessState.FROZEN)
        return self.info

    async def thaw(self) -> ProcessInfo:
        """SIGCONT; harmless for one that is not frozen or not there."""
        self._continue()
        pid = self._info.pid
        await self._confirmed(lambda: pid is None or _status(pid) != psutil.STATUS_STOPPED, "did not go on")
        return self.info

    def _continue(self) -> None:
        self._forget_freeze()
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
        if self._info.state is ProcessState.FROZEN:
            self._set(self._frozen_from)

    def _forget_freeze(self) -> None:
        if self._thaw_timer is not None:
            self._thaw_timer.cancel()
            self._thaw_timer = None

    def _alive(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None or self._info.pid is None:
            raise MeansError(f"{self.spec.name} is not running: it is being started again")
        return self._process

    async def _confirmed(self, condition: Callable[[], bool], complaint: str) -> None:
        give_up = asyncio.get_running_loop().time() + CONFIRM_SECONDS
        while not condition():
            if asyncio.get_running_loop().time() > give_up:
                raise MeansError(f"{self.spec.name} {complaint} within {CONFIRM_SECONDS:.0f} s")
            await asyncio.sleep(0.005)

    async def _end(self) -> None:
        """SIGTERM, then SIGKILL."""
        self._forget_freeze()
        process = self._process
        if process is None or process.returncode is not None:
            return
        for number in (signal.SIGCONT, signal.SIGTERM):
            process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), self.spec.grace_seconds)
        except TimeoutError:
            process.kill()
            await process.wait()


class Keeper:
    """All processes of one instance."""

    def __init__(self, specs: Sequence[ProcessSpec], record: Callable[[Sequence[ProcessInfo]], None]) -> None:
        self._record = record
        self.kept = {spec.name: KeptProcess(spec, self._changed) for spec in specs}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start all of them."""
        self._tasks = [asyncio.create_task(kept.keep(), name=kept.spec.name) for kept in self.kept.values()]

    async def stop(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def find(self, name: str) -> KeptProcess:
        """The process of that name.

        Raises:
            MeansError: there is none.
        """
        if name not in self.kept:
            raise MeansError(f"no process {name}; there are {', '.join(self.kept)}")
        return self.kept[name]

    def infos(self) -> tuple[ProcessInfo, ...]:
        """All of them, in the order they were given."""
        return tuple(kept.info for kept in self.kept.values())

    def broken(self) -> KeptProcess | None:
        """One that ended several times in a row before it had started."""
        return next((kept for kept in self.kept.values() if kept.early_ends >= EARLY_ENDS), None)

    def _changed(self) -> None:
        self._record(self.infos())


def _rss(pid: int | None) -> int | None:
    if pid is None:
        return None
    with contextlib.suppress(psutil.Error):  # it ended in this very moment
        return int(psutil.Process(pid).memory_info().rss)
    return None


def _started(pid: int) -> float | None:
    with contextlib.suppress(psutil.Error):  # it ended in this very moment
        return float(psutil.Process(pid).create_time())
    return None


def _status(pid: int) -> str:
    with contextlib.suppress(psutil.Error):  # it ended in this very moment
        return str(psutil.Process(pid).status())
    return ""
