"""The supervisor over fake engines: small processes that a fake check calls up or not."""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import pytest

from targets.base import Disturbance, MeansError, ProcessState
from targets.contract import EngineOutput, Outputs
from targets.embedded import runs
from targets.embedded.control import ask
from targets.embedded.keeper import ProcessSpec
from targets.embedded.messages import (
    CapacityRequest,
    DisturbRequest,
    FreezeRequest,
    KillRequest,
    Message,
    Reply,
    RestoreRequest,
    ShutdownRequest,
    Status,
    StatusRequest,
    ThawRequest,
)
from targets.embedded.plan import EnginePlan, RunPlan
from targets.embedded.ports import PortPool
from targets.embedded.supervisor import Supervisor

LIMIT = 30.0
NAME = "fake-server"


@dataclass
class FakeCheck:
    """Up as soon as it is asked; its problem is what the test says."""

    complaint: str = ""

    def up(self, _port: int) -> bool:
        return True

    def problem(self) -> str:
        return self.complaint


@pytest.fixture
def run(tmp_path: Path) -> runs.Run:
    return runs.Run(tmp_path)


def _plan(run: runs.Run, check: FakeCheck, ports: PortPool, code: str) -> RunPlan:
    spec = ProcessSpec(
        name=NAME,
        engine="fake",
        role="server",
        command=(sys.executable, "-c", code),
        directory=run.directory,
        environment={},
        log=run.directory / "fake.log",
        port=1,
        up=check.up if "sleep" in code else lambda _: False,
    )
    output = EngineOutput(
        kind="fake", title="Fake", version="1", namespace="n", service="s", port=1, scheme="http", user="u"
    )
    engine = EnginePlan("fake", (spec,), ports.take(), ports.take(), check, output)
    return RunPlan((engine,), Outputs(target="embedded", stack="fake", engines=(output,)))


Scenario = Callable[[Callable[[Message], Coroutine[None, None, Reply]]], Coroutine[None, None, None]]


def _supervised(
    run: runs.Run, check: FakeCheck, scenario: Scenario, code: str = "import time; time.sleep(600)"
) -> None:
    """Run the scenario beside a supervisor; it is told to shut down at the end."""

    async def main() -> None:
        ports = PortPool(run.directory / "ports")
        supervisor = Supervisor(run, _plan(run, check, ports, code))
        task = asyncio.create_task(supervisor.run())

        async def request(message: Message) -> Reply:
            return await asyncio.to_thread(ask, run.socket, message)

        try:
            await _until(run.socket.exists)
            await scenario(request)
            await request(ShutdownRequest())
        finally:
            supervisor.ended.set()
            await asyncio.wait_for(task, LIMIT)
            ports.close()

    asyncio.run(main())


async def _until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        await asyncio.sleep(0.01)


async def _status(
    request: Callable[[Message], Coroutine[None, None, Reply]], wanted: Callable[[Status], bool]
) -> Status:
    give_up = time.monotonic() + LIMIT
    while time.monotonic() < give_up:
        status = (await request(StatusRequest())).status
        assert status is not None
        if wanted(status):
            return status
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited in vain: {status}")


def test_it_says_when_its_engine_is_ready_and_what_runs(run: runs.Run) -> None:
    async def scenario(request: Callable[[Message], Coroutine[None, None, Reply]]) -> None:
        status = await _status(request, lambda status: status.ready == ("fake",))
        assert [(info.name, info.state) for info in status.processes] == [(NAME, ProcessState.RUNNING)]
        assert [proxy.engine for proxy in status.proxies] == ["fake"]
        assert status.proxies[0].listening
        assert (await request(CapacityRequest(engine="fake"))).full_capacity is True
        await _status(request, lambda status: status.peak_rss_bytes > 0)

    _supervised(run, FakeCheck(), scenario)


def test_an_engine_that_complains_is_neither_ready_nor_at_full_capacity(run: runs.Run) -> None:
    check = FakeCheck("1 of 2 nodes are active")

    async def scenario(request: Callable[[Message], Coroutine[None, None, Reply]]) -> None:
        status = await _status(request, lambda status: "1 of 2" in status.phase)
        assert status.ready == ()
        reply = await request(CapacityRequest(engine="fake"))
        assert (reply.full_capacity, reply.detail) == (False, "1 of 2 nodes are active")
        check.complaint = ""
        await _status(request, lambda status: status.ready == ("fake",))

    _supervised(run, check, scenario)


def test_a_frozen_process_costs_capacity_whatever_the_engine_says(run: runs.Run) -> None:
    async def scenario(request: Callable[[Message], Coroutine[None, None, Reply]]) -> None:
        await _status(request, lambda status: status.ready == ("fake",))
        frozen = (await request(FreezeRequest(name=NAME, ttl=60))).process
        assert frozen is not None
        assert frozen.state is ProcessState.FROZEN
        reply = await request(CapacityRequest(engine="fake"))
        assert (reply.full_capacity, reply.detail) == (False, f"{NAME} is frozen")
        thawed = (await request(ThawRequest(name=NAME))).process
        assert thawed is not None
        assert thawed.state is ProcessState.RUNNING

    _supervised(run, FakeCheck(), scenario)


def test_a_killed_process_comes_back(run: runs.Run) -> None:
    async def scenario(request: Callable[[Message], Coroutine[None, None, Reply]]) -> None:
        before = (await _status(request, lambda status: status.ready == ("fake",))).processes[0]
        killed = (await request(KillRequest(name=NAME))).process
        assert killed is not None
        assert killed.pid == before.pid
        after = await _status(request, lambda status: status.processes[0].state is ProcessState.RUNNING)
        assert (after.processes[0].restarts, after.ready) == (1, ("fake",))

    _supervised(run, FakeCheck(), scenario)


def test_disturbances_are_for_one_engines_proxy(run: runs.Run) -> None:
    async def scenario(request: Callable[[Message], Coroutine[None, None, Reply]]) -> None:
        disturbance = Disturbance("blackhole", ttl=60)
        proxy = (await request(DisturbRequest(engine="fake", disturbance=disturbance))).proxy
        assert proxy is not None
        assert proxy.active == disturbance
        proxy = (await request(RestoreRequest(engine="fake"))).proxy
        assert proxy is not None
        assert proxy.active is None
        with pytest.raises(MeansError, match="no engine other here; there are fake"):
            await request(DisturbRequest(engine="other", disturbance=disturbance))

    _supervised(run, FakeCheck(), scenario)


def test_an_engine_that_does_not_start_is_given_up_with_what_it_said(run: runs.Run) -> None:
    async def scenario(request: Callable[[Message], Coroutine[None, None, Reply]]) -> None:
        status = await _status(request, lambda status: bool(status.failure))
        assert "fake-server ends before it has started" in status.failure
        assert "Error: port 1 is haunted" in status.failure
        assert "hunter2" not in status.failure

    code = "raise SystemExit('Error: port 1 is haunted\\nError: password=hunter2')"
    _supervised(run, FakeCheck(), scenario, code)
