"""The process that owns one embedded instance: its engines, its proxies, its control socket.

``python -m targets.embedded.supervisor DIRECTORY`` runs until it is told to shut down or until its
standard input ends, which it does when the runner ends in any way at all, ``kill -9`` included. With its own end every
engine ends too (see ``shim.py``). An instance that is to outlive its runner is started as ``detached``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from targets.base import MeansError, ProcessInfo, ProcessState, ProxyStatus, TargetError
from targets.embedded import runs
from targets.embedded.control import ControlServer
from targets.embedded.keeper import Keeper, KeptProcess
from targets.embedded.logs import tail
from targets.embedded.messages import (
    CapacityRequest,
    DisturbRequest,
    FreezeRequest,
    KillRequest,
    Reply,
    Request,
    RestoreRequest,
    ShutdownRequest,
    Status,
    StatusRequest,
    ThawRequest,
)
from targets.embedded.plan import SETTINGS_FILE, EnginePlan, Planner, RunPlan, Settings
from targets.embedded.ports import HOST, PortPool
from targets.embedded.proxy import FaultProxy

SAMPLE_SECONDS = 1.0
READY_POLL_SECONDS = 0.25


class Supervisor:
    """Runs one plan."""

    def __init__(self, run: runs.Run, plan: RunPlan) -> None:
        self._run = run
        self._engines = {engine.kind: engine for engine in plan.engines}
        self._keeper = Keeper([spec for engine in plan.engines for spec in engine.processes], self._record)
        self._proxies = {
            engine.kind: FaultProxy(engine.kind, (HOST, engine.upstream_port), (HOST, engine.proxy_port))
            for engine in plan.engines
        }
        self._control = ControlServer(run.socket, self._handle)
        self._started = time.time()
        self._ready: list[str] = []
        self._phase = "starting"
        self._failure = ""
        self._peak = 0
        self.ended = asyncio.Event()

    def _record(self, processes: Sequence[ProcessInfo]) -> None:
        try:
            runs.record(self._run, processes)
        except OSError as problem:  # a full disk must not stop the keeping; the signal on our death needs no file
            sys.stderr.write(f"cannot record processes: {problem.strerror}\n")

    async def run(self) -> None:
        """Until ``ended`` is set."""
        tasks: list[asyncio.Task[None]] = []
        try:
            for proxy in self._proxies.values():
                await proxy.start()
            self._keeper.start()
            await self._control.start()
            tasks = [asyncio.create_task(self._await_ready()), asyncio.create_task(self._sample())]
            await self.ended.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._keeper.stop()
            for proxy in self._proxies.values():
                await proxy.stop()
            await self._control.close()

    async def _await_ready(self) -> None:
        """Note each engine's first full capacity, or give up when a process will not start."""
        while len(self._ready) < len(self._engines) and not self._failure:
            for engine in self._engines.values():
                if engine.kind in self._ready:
                    continue
                problem = await self._problem(engine)
                if not problem:
                    self._ready.append(engine.kind)
            if broken := self._keeper.broken():
                self._failure = _why_broken(broken)
            await asyncio.sleep(READY_POLL_SECONDS)
        self._phase = "ready" if not self._failure else "failed"

    async def _problem(self, engine: EnginePlan) -> str:
        """Why an engine lacks its full capacity: first what is known here, then what the engine says."""
        for spec in engine.processes:
            state = self._keeper.find(spec.name).info.state
            if state is not ProcessState.RUNNING:
                self._phase = f"{spec.name} is {state}"
                return self._phase
        problem = await asyncio.to_thread(engine.check.problem)
        self._phase = f"{engine.kind}: {problem or 'ready'}"
        return problem

    async def _sample(self) -> None:
        while True:
            self._peak = max(self._peak, sum(info.rss_bytes or 0 for info in self._keeper.infos()) + _own_rss())
            await asyncio.sleep(SAMPLE_SECONDS)

    def _status(self) -> Status:
        return Status(
            pid=os.getpid(),
            started=self._started,
            ready=tuple(self._ready),
            phase=self._phase,
            failure=self._failure,
            processes=self._keeper.infos(),
            proxies=tuple(proxy.status() for proxy in self._proxies.values()),
            peak_rss_bytes=self._peak,
        )

    async def _handle(self, request: Request) -> Reply:
        match request:
            case StatusRequest():
                return Reply(status=self._status())
            case CapacityRequest():
                problem = await self._problem(self._engine(request.engine))
                return Reply(full_capacity=not problem, detail=problem)
            case ShutdownRequest():
                self.ended.set()
                return Reply()
            case DisturbRequest() | RestoreRequest():
                return Reply(proxy=await self._on_network(request))
        return Reply(process=await self._on_process(request))

    async def _on_process(self, request: KillRequest | FreezeRequest | ThawRequest) -> ProcessInfo:
        process = self._keeper.find(request.name)
        match request:
            case KillRequest():
                return await process.kill()
            case FreezeRequest():
                return await process.freeze(request.ttl)
            case ThawRequest():
                return await process.thaw()

    async def _on_network(self, request: DisturbRequest | RestoreRequest) -> ProxyStatus:
        proxy = self._proxies[self._engine(request.engine).kind]
        match request:
            case DisturbRequest():
                return await proxy.disturb(request.disturbance)
            case RestoreRequest():
                return await proxy.restore()

    def _engine(self, kind: str) -> EnginePlan:
        if kind not in self._engines:
            raise MeansError(f"no engine {kind} here; there are {', '.join(self._engines)}")
        return self._engines[kind]


def _why_broken(broken: KeptProcess) -> str:
    return f"{broken.spec.name} ends before it has started ({broken.early_ends} times)\n{tail(broken.spec.log)}"


def _own_rss() -> int:
    return int(psutil.Process().memory_info().rss)


async def _standard_input_ended(ended: asyncio.Event) -> None:
    """Wait for the runner's end: its side of the pipe closes, or we become somebody else's child."""
    parent = os.getppid()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):  # the runner lives: look at the parent again
            if not await asyncio.wait_for(reader.read(4096), SAMPLE_SECONDS):
                break
    ended.set()


async def _main(run: runs.Run) -> None:
    settings = Settings.model_validate_json((run.directory / SETTINGS_FILE).read_bytes())
    ports = PortPool(runs.ports_directory())
    supervisor = Supervisor(run, Planner(run.directory, settings, ports).plan())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.ended.set)
    watch = None if settings.detached else asyncio.create_task(_standard_input_ended(supervisor.ended))
    await supervisor.run()
    if watch is not None:
        watch.cancel()
    ports.close()


def main(directory: Path) -> None:
    """Run the supervisor of the run in ``directory``; removes the directory at the end."""
    os.umask(0o077)
    run = runs.Run(directory)
    try:
        asyncio.run(_main(run))
    except TargetError as problem:
        sys.exit(str(problem))
    finally:
        run.remove()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
