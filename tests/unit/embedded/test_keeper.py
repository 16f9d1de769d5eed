"""The keeper of processes, on small real processes: restarts, kill, freeze, thaw, and the end with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from targets.base import MeansError, ProcessInfo, ProcessState
from targets.embedded.keeper import SHIM, Keeper, ProcessSpec

LIMIT = 30.0
STAYS = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('set', flush=True); time.sleep(600)"
)


def _spec(directory: Path, code: str = STAYS, *, up: Callable[[int], bool] = lambda _: True) -> ProcessSpec:
    return ProcessSpec(
        name="fake-server",
        engine="fake",
        role="server",
        command=(sys.executable, "-c", code),
        directory=directory,
        environment={"PATH": os.environ["PATH"], "MARK": "given"},
        log=directory / "log",
        port=1,
        up=up,
    )


@asynccontextmanager
async def _kept(
    spec: ProcessSpec, record: Callable[[Sequence[ProcessInfo]], None] = lambda _: None
) -> AsyncIterator[Keeper]:
    keeper = Keeper([spec], record)
    keeper.start()
    try:
        yield keeper
    finally:
        await keeper.stop()


async def _until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        await asyncio.sleep(0.01)


def _state(keeper: Keeper) -> ProcessState:
    return keeper.infos()[0].state


async def _running(keeper: Keeper) -> ProcessInfo:
    await _until(lambda: _state(keeper) is ProcessState.RUNNING)
    return keeper.infos()[0]


def test_it_starts_and_is_running_once_its_port_says_so(tmp_path: Path) -> None:
    answers = iter([False, False, True])

    async def scenario() -> None:
        async with _kept(_spec(tmp_path, up=lambda _: next(answers))) as keeper:
            info = await _running(keeper)
            assert info.pid is not None
            assert info.started == psutil.Process(info.pid).create_time()
            assert (info.restarts, info.engine, info.role) == (0, "fake", "server")
            assert (info.rss_bytes or 0) > 0
            assert os.getsid(info.pid) == info.pid  # a session of its own: no Ctrl-C of ours reaches it

    asyncio.run(scenario())


def test_killed_it_is_gone_at_once_and_another_one_comes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _kept(_spec(tmp_path)) as keeper:
            before = await _running(keeper)
            assert before.pid is not None
            killed = await keeper.find("fake-server").kill()
            assert killed.pid == before.pid
            assert not psutil.pid_exists(before.pid)
            await _until(lambda: keeper.infos()[0].pid not in {None, before.pid})
            after = await _running(keeper)
            assert after.restarts == 1

    asyncio.run(scenario())


def test_frozen_it_does_not_run_until_thawed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _kept(_spec(tmp_path)) as keeper:
            pid = (await _running(keeper)).pid
            info = await keeper.find("fake-server").freeze(60)
            assert info.state is ProcessState.FROZEN
            assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
            info = await keeper.find("fake-server").thaw()
            assert info.state is ProcessState.RUNNING
            assert psutil.Process(pid).status() != psutil.STATUS_STOPPED
            assert info.pid == pid

    asyncio.run(scenario())


def test_a_freeze_ends_by_itself(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _kept(_spec(tmp_path)) as keeper:
            pid = (await _running(keeper)).pid
            await keeper.find("fake-server").freeze(0.1)
            await _until(lambda: _state(keeper) is ProcessState.RUNNING)
            assert psutil.Process(pid).status() != psutil.STATUS_STOPPED

    asyncio.run(scenario())


def test_thaw_is_harmless_when_nothing_is_frozen(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _kept(_spec(tmp_path)) as keeper:
            await _running(keeper)
            assert (await keeper.find("fake-server").thaw()).state is ProcessState.RUNNING

    asyncio.run(scenario())


def test_a_frozen_one_can_be_killed_and_the_next_is_not_frozen(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _kept(_spec(tmp_path)) as keeper:
            before = await _running(keeper)
            await keeper.find("fake-server").freeze(60)
            await keeper.find("fake-server").kill()
            await _until(lambda: keeper.infos()[0].pid not in {None, before.pid})
            assert (await _running(keeper)).pid != before.pid

    asyncio.run(scenario())


def test_one_that_ends_early_again_and_again_is_called_broken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _kept(_spec(tmp_path, "raise SystemExit('no')", up=lambda _: False)) as keeper:
            await _until(lambda: keeper.broken() is not None)
            broken = keeper.broken()
            assert broken is not None
            assert broken.info.restarts >= 2
            assert "no" in broken.spec.log.read_text()

    asyncio.run(scenario())


def test_acting_on_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _kept(_spec(tmp_path, "pass", up=lambda _: False)) as keeper:
            await _until(lambda: keeper.broken() is not None)
            await _until(lambda: _state(keeper) is ProcessState.DEAD)
            with pytest.raises(MeansError, match="is not running"):
                await keeper.find("fake-server").kill()
            with pytest.raises(MeansError, match=r"no process other; there are fake-server"):
                keeper.find("other")

    asyncio.run(scenario())


def test_stopping_ends_even_one_that_ignores_sigterm_and_is_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("targets.embedded.keeper.GRACE_SECONDS", 0.2)

    async def scenario() -> int:
        async with _kept(_spec(tmp_path, STUBBORN)) as keeper:
            pid = (await _running(keeper)).pid
            await _until(lambda: "set" in (tmp_path / "log").read_text())
            await keeper.find("fake-server").freeze(60)
            assert pid is not None
        return pid

    assert not psutil.pid_exists(asyncio.run(scenario()))


def test_every_change_is_recorded(tmp_path: Path) -> None:
    states: list[ProcessState] = []

    async def scenario() -> None:
        async with _kept(_spec(tmp_path), lambda infos: states.append(infos[0].state)) as keeper:
            await _running(keeper)
            await keeper.find("fake-server").kill()
            await _until(lambda: states.count(ProcessState.RUNNING) == 2)

    asyncio.run(scenario())
    expected = [ProcessState.STARTING, ProcessState.RUNNING]
    assert states[:5] == [*expected, ProcessState.DEAD, *expected]


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is signalled on Linux only")
def test_it_dies_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    parent_code = textwrap.dedent(f"""
        import os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, {str(SHIM)!r}, str(os.getpid()), sys.executable, "-c", {STAYS!r}],
                                 start_new_session=True)
        print(child.pid, flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        give_up = time.monotonic() + LIMIT
        while "time.sleep" not in " ".join(child.cmdline()) or str(SHIM) in child.cmdline():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    psutil.wait_procs([child], timeout=LIMIT)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_shim_whose_parent_is_gone_starts_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, str(SHIM), "1", sys.executable, "-c", "print('started')"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "started" not in ended.stdout
