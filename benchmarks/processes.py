"""Generators in processes of their own, started together, added up at the end.

Each process has its own event loop and its own interpreter, so that neither the runner nor the other generators take
its time. A process that loses its parent ends at once.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from benchmarks.generator import Generator
from benchmarks.lanes import DriverLanes, Lanes
from benchmarks.load import ClientKind, LoadSpec, Sofar, Watch
from benchmarks.mixture import Mixture
from benchmarks.tally import Tally, merged
from benchmarks.wirelane import WireLanes
from engines import Endpoint, Engine, engine_class

READY_SECONDS = 60.0
LEAD_SECONDS = 0.3  # in which every process hears when to begin
TELL_SECONDS = 0.2
ENDING_SECONDS = 30.0
MOST_SELECTED = 900
"""Descriptors that ``select`` is trusted with; it waits with microseconds' precision where epoll has milliseconds."""

SWITCH_SECONDS = 0.0005
"""How long a driver's thread may keep the event loop waiting for the interpreter."""


class GeneratorError(Exception):
    """A generator ended without a result: one line that says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """One process's part of a load run."""

    endpoint: Endpoint
    mixture: Mixture
    spec: LoadSpec
    number: int

    @property
    def max_in_flight(self) -> int:
        """This process's share of all clients."""
        whole, rest = divmod(self.spec.max_in_flight, self.spec.parts)
        return whole + (self.number < rest)


@dataclass(frozen=True, slots=True)
class _Failed:
    problem: str


def in_processes(engine: Engine, mixture: Mixture, spec: LoadSpec, watch: Watch) -> tuple[Tally, float]:
    """See ``benchmarks.load.Conduct``: processes of their own, all on this machine.

    Raises:
        GeneratorError: one of them ended without a result.
    """
    jobs = [Job(engine.endpoint, mixture, spec, number) for number in range(spec.parts)]
    return run_jobs(jobs, spec, lambda: time.monotonic() + LEAD_SECONDS, watch)


def run_jobs(jobs: Sequence[Job], spec: LoadSpec, begin: Callable[[], float], watch: Watch) -> tuple[Tally, float]:
    """Run some parts of a load run, each in a process of its own here.

    Args:
        jobs: the parts.
        spec: of the whole run.
        begin: called when all are ready; gives the moment of ``time.monotonic()`` to begin at.
        watch: told how far these parts have come; true ends them early.

    Returns:
        Their sum, and the moment.

    Raises:
        GeneratorError: one of them ended without a result.
    """
    with _started(jobs) as pipes:
        _receive_all(pipes, READY_SECONDS)
        began = begin()
        for pipe in pipes:
            pipe.send(began)
        return _collect(pipes, spec, began, watch), began


def in_this_process(engine: Engine, mixture: Mixture, spec: LoadSpec, watch: Watch) -> tuple[Tally, float]:
    """See ``benchmarks.load.Conduct``: one generator here, for engines that no other process could make."""
    tally, began = Tally(spec.limit), time.monotonic() + LEAD_SECONDS

    async def run() -> None:
        generator = _generator(spec, _lanes(engine, mixture, spec), tally, part=(0, 1), clients=spec.max_in_flight)
        running = asyncio.ensure_future(generator.run(began))
        while not (await asyncio.wait({running}, timeout=TELL_SECONDS))[0]:
            if watch(_sofar(tally)):
                generator.stop()
        await running

    asyncio.run(run())
    return tally, began


def _generator(spec: LoadSpec, lanes: Lanes, tally: Tally, *, part: tuple[int, int], clients: int) -> Generator:
    return Generator(spec.arrivals.part(*part), lanes, deadline=spec.deadline, max_in_flight=clients, tally=tally)


def _lanes(engine: Engine, mixture: Mixture, spec: LoadSpec) -> Lanes:
    if spec.client is ClientKind.DRIVER:
        return DriverLanes(engine, mixture)
    lanes = WireLanes.to(engine, mixture, spec.deadline)
    if lanes is None:
        raise GeneratorError(f"{engine.title} has no protocol of one request per statement; use its driver")
    return lanes


def _sofar(tally: Tally) -> Sofar:
    return Sofar(tally.offered, tally.done, tally.over)


@contextmanager
def _started(jobs: Sequence[Job]) -> Iterator[list[Connection]]:
    """The processes, each at the other end of a pipe; whatever happens, none is left."""
    context = multiprocessing.get_context("spawn")
    processes: list[SpawnProcess] = []
    pipes: list[Connection] = []
    try:
        for job in jobs:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, job), name=f"load-{job.number}", daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(1.0)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()


def _receive_all(pipes: Sequence[Connection], seconds: float) -> list[object]:
    ends = time.monotonic() + seconds
    found = []
    for pipe in pipes:
        if not pipe.poll(max(0.0, ends - time.monotonic())):
            raise GeneratorError(f"a generator process was not ready within {seconds:g} s")
        found.append(_receive(pipe))
    return found


def _receive(pipe: Connection) -> object:
    try:
        message = pipe.recv()
    except (EOFError, OSError) as error:
        raise GeneratorError("a generator process ended without a result") from error
    if isinstance(message, _Failed):
        raise GeneratorError(message.problem)
    return message


def _collect(pipes: Sequence[Connection], spec: LoadSpec, began: float, watch: Watch) -> Tally:
    """Listen until each has sent its tally."""
    ends = began + spec.arrivals.duration + spec.deadline + ENDING_SECONDS
    parts: dict[Connection, Tally] = {}
    sofar: dict[Connection, Sofar] = {}
    stopped = False
    while len(parts) < len(pipes):
        if time.monotonic() > ends:
            raise GeneratorError("a generator process did not end in time")
        for pipe in wait([pipe for pipe in pipes if pipe not in parts], TELL_SECONDS):
            assert isinstance(pipe, Connection)  # noqa: S101 - only these are waited for
            message = _receive(pipe)
            if isinstance(message, Tally):
                parts[pipe] = message
                sofar[pipe] = _sofar(message)
            elif isinstance(message, Sofar):
                sofar[pipe] = message
        if watch(_total(sofar.values())) and not stopped:
            stopped = True
            for pipe in pipes:
                with suppress(OSError):  # it has ended by itself
                    pipe.send(None)
    return merged(parts[pipe] for pipe in pipes)


def _total(parts: Iterable[Sofar]) -> Sofar:
    every = list(parts)
    return Sofar(sum(p.offered for p in every), sum(p.done for p in every), sum(p.over for p in every))


def _work(pipe: Connection, job: Job) -> None:
    """What a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop, and closes the pipe
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        engine = engine_class(job.endpoint.kind)(job.endpoint)
        lanes = _lanes(engine, job.mixture, job.spec)
        gc.collect()
        gc.freeze()  # what is here now stays: looking through it again would stop the clock for milliseconds
        with asyncio.Runner(loop_factory=lambda: _loop(job.max_in_flight)) as runner:
            tally = runner.run(_serve(pipe, job, lanes))
    except EOFError:
        return  # the parent is gone, and nobody wants to know
    except Exception as error:  # noqa: BLE001 - told to the parent, which raises it
        with suppress(OSError):
            pipe.send(_Failed(f"a generator process failed: {type(error).__name__}: {error}"))
        return
    with suppress(OSError):
        pipe.send(tally)


def _loop(clients: int) -> asyncio.AbstractEventLoop:
    precise = clients <= MOST_SELECTED
    return asyncio.SelectorEventLoop(selectors.SelectSelector() if precise else None)


async def _serve(pipe: Connection, job: Job, lanes: Lanes) -> Tally:
    """Wait for the beginning, generate, tell how far it is; end when the parent says so or is gone."""
    loop = asyncio.get_running_loop()
    tally = Tally(job.spec.limit)
    part = (job.number, job.spec.parts)
    generator = _generator(job.spec, lanes, tally, part=part, clients=job.max_in_flight)
    pipe.send("ready")
    began = await loop.run_in_executor(None, pipe.recv)
    if not isinstance(began, float):
        raise GeneratorError("no moment to begin at")

    def heard() -> None:
        try:
            pipe.recv()
        except (EOFError, OSError):
            os._exit(1)  # the parent is gone: nobody is left to measure for
        generator.stop()

    loop.add_reader(pipe.fileno(), heard)
    used = time.process_time()
    running = asyncio.ensure_future(generator.run(began))
    try:
        while not (await asyncio.wait({running}, timeout=TELL_SECONDS))[0]:
            pipe.send(_sofar(tally))
        await running
    finally:
        loop.remove_reader(pipe.fileno())
    return replace(tally, cpu_seconds=time.process_time() - used)
