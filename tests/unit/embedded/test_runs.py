"""State directories: private, held while their run lives, swept with all that is left of it afterwards."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from targets.base import ProcessInfo, ProcessState, TargetError
from targets.embedded import runs
from targets.embedded.paths import state_directory


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QER_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def _info(process: psutil.Process, started: float) -> ProcessInfo:
    return ProcessInfo("fake", "fake", "server", process.pid, started, ProcessState.RUNNING, 0)


def test_a_new_run_is_private_and_alive_while_its_lock_is_held(state: Path) -> None:
    run, lock = runs.create(kept=False)
    assert stat.S_IMODE(run.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert run.alive()
    assert runs.living() == [run]
    os.close(lock)
    assert not run.alive()
    assert runs.living() == []


def test_a_process_that_inherits_the_lock_keeps_the_run_alive() -> None:
    run, lock = runs.create(kept=False)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,)) as heir:
        os.close(lock)
        assert run.alive()
        heir.kill()
    assert not run.alive()


def test_dead_runs_are_swept_at_the_next_start_and_living_ones_are_not() -> None:
    dead, dead_lock = runs.create(kept=False)
    living, living_lock = runs.create(kept=True)
    os.close(dead_lock)
    another, another_lock = runs.create(kept=False)
    assert not dead.directory.exists()
    assert living.directory.exists()
    assert living.kept()
    assert not another.kept()
    os.close(living_lock)
    os.close(another_lock)


def test_sweeping_ends_what_a_killed_supervisor_left(sleeper: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    dead, lock = runs.create(kept=False)
    runs.record(dead, [_info(sleeper, sleeper.create_time())])
    _forget_self(dead, monkeypatch)
    os.close(lock)
    _, next_lock = runs.create(kept=False)
    os.close(next_lock)
    assert not sleeper.is_running()


def test_a_process_with_another_start_time_is_somebody_elses(
    sleeper: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, lock = runs.create(kept=False)
    runs.record(dead, [_info(sleeper, sleeper.create_time() - 5)])
    _forget_self(dead, monkeypatch)
    os.close(lock)
    runs.end_leftovers(dead)
    assert sleeper.is_running()
    assert sleeper.status() != psutil.STATUS_ZOMBIE


def _forget_self(run: runs.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder notes itself as the supervisor; here that is the test's own process."""
    path = run.directory / runs.PROCESSES_FILE
    assert f'"pid": {os.getpid()}' in path.read_text()
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 999999999'))
    monkeypatch.setattr(runs, "END_SECONDS", 5.0)


def test_an_instance_is_used_by_one_runner_at_a_time() -> None:
    run, lock = runs.create(kept=True)
    first = run.use()
    assert first is not None
    assert run.use() is None
    os.close(first)
    again = run.use()
    assert again is not None
    os.close(again)
    os.close(lock)


def test_state_that_cannot_be_written_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QER_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(TargetError, match="QER_STATE_DIR"):
        state_directory()
