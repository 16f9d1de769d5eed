"""However a run ends, nothing of it is left: no process, no directory, no port."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from targets.base import Capacity, ProcessControl
from targets.document import ExternalTarget, load_outputs
from targets.embedded import lifecycle, runs
from targets.embedded.config import EmbeddedConfig
from targets.embedded.target import EmbeddedTarget

pytestmark = pytest.mark.embedded

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 180.0
CLICKHOUSE = EmbeddedConfig(engines=("clickhouse",))


@dataclass(frozen=True)
class Started:
    runner: subprocess.Popen[str]
    supervisor: psutil.Process
    processes: list[psutil.Process]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QER_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@contextmanager
def _runner(engine: str, deed: str, *more: str) -> Iterator[Started]:
    """A runner in a process group of its own, as a terminal would start it."""
    script = str(Path(__file__).with_name("lone_runner.py"))
    with subprocess.Popen(
        [sys.executable, script, engine, deed, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        process_group=0,
    ) as runner:
        assert runner.stdout is not None
        try:
            said = json.loads(runner.stdout.readline())
            processes = [psutil.Process(pid) for pid in said["pids"]]
            yield Started(runner, psutil.Process(said["supervisor"]), processes)
        finally:
            runner.kill()


def _until(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _nothing_is_left(started: Started, state: Path) -> None:
    _until(lambda: all(map(_gone, started.processes)), "processes are left")
    _until(lambda: not runs.living(), "a run is held")
    assert not list((state / "runs").iterdir())


@pytest.mark.parametrize(
    ("deed", "number"),
    [
        ("leave", None),
        ("raise", None),
        ("idle", signal.SIGINT),
        ("idle", signal.SIGTERM),
        ("idle", signal.SIGHUP),
        ("idle", signal.SIGKILL),
    ],
    ids=["normal end", "error", "Ctrl-C", "SIGTERM", "hang-up", "kill -9"],
)
def test_nothing_is_left_of_clickhouse(deed: str, number: signal.Signals | None, tmp_path: Path, state: Path) -> None:
    with _runner("clickhouse", deed, str(tmp_path / "said")) as started:
        if number is not None:
            os.killpg(started.runner.pid, number)
        _nothing_is_left(started, state)


# The first start of all has a rehearsal before it, whose processes would be taken for the run's own.
@pytest.mark.usefixtures("kept_instance")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_nothing_is_left_of_trino_when_it_is_still_starting(number: signal.Signals, state: Path) -> None:
    with _runner("trino", "early") as started:
        assert len(started.processes) == 3
        os.killpg(started.runner.pid, number)
        _nothing_is_left(started, state)


@pytest.mark.usefixtures("kept_instance")
@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is signalled on Linux only")
@pytest.mark.parametrize("engine", ["clickhouse", "trino"])
def test_engines_die_with_a_killed_supervisor_and_the_next_start_sweeps(engine: str, state: Path) -> None:
    with _runner(engine, "early") as started:
        started.supervisor.send_signal(signal.SIGKILL)
        _until(lambda: all(map(_gone, started.processes)), "processes are left")
        started.runner.wait(LIMIT)
    with EmbeddedTarget(CLICKHOUSE):
        assert len(list((state / "runs").iterdir())) == 1


def test_ctrl_c_in_the_terminal_leaves_the_engines_until_the_runner_is_done(tmp_path: Path, state: Path) -> None:
    said = tmp_path / "said"
    with _runner("clickhouse", "idle", str(said)) as started:
        os.killpg(started.runner.pid, signal.SIGINT)
        _until(said.exists, "the runner did not come to its reverts")
        _until(lambda: said.read_text() == "True", "the engine was gone before the runner was done")
        _nothing_is_left(started, state)


def test_two_runs_side_by_side_do_not_collide() -> None:
    with EmbeddedTarget(CLICKHOUSE) as first, EmbeddedTarget(CLICKHOUSE) as second:
        ports = [target.proxy("clickhouse").port for target in (first, second)]
        assert len(set(ports)) == 2
        for target in (first, second):
            with target.engines()[0].connect() as session:
                session.execute("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a", deadline=20)
        assert first.state_directory != second.state_directory


def test_a_kept_instance_serves_run_after_run_until_it_is_ended(state: Path) -> None:
    kept = lifecycle.up(CLICKHOUSE)
    try:
        assert lifecycle.up(CLICKHOUSE).name == kept.name
        with EmbeddedTarget(CLICKHOUSE) as first:
            assert first.state_directory == kept.document.parent
            with EmbeddedTarget(CLICKHOUSE) as meanwhile:  # one run at a time: this one starts its own
                assert meanwhile.state_directory != first.state_directory
        (still,) = lifecycle.status()
        assert still.status.processes[0].pid == kept.status.processes[0].pid
    finally:
        assert lifecycle.down() == 1
    _until(lambda: not runs.living(), "a run is held")
    assert lifecycle.status() == []
    assert not psutil.pid_exists(kept.status.processes[0].pid or 0)
    assert not list((state / "runs").iterdir())


def test_a_kept_instances_document_is_a_target_with_all_means() -> None:
    kept = lifecycle.up(CLICKHOUSE)
    try:
        with ExternalTarget(load_outputs(kept.document)) as target:
            (engine,) = target.engines()
            assert engine.health().live
            assert target.state_directory == kept.document.parent
            control = target.means(ProcessControl)
            assert control is not None
            assert control.kill("clickhouse-server").pid == kept.status.processes[0].pid
            capacity = target.means(Capacity)
            assert capacity is not None
            _until(lambda: capacity.full_capacity("clickhouse"), "it did not come back")
    finally:
        lifecycle.down()


def test_a_kept_instance_that_hangs_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets.embedded.instance.END_SECONDS", 1.0)
    kept = lifecycle.up(CLICKHOUSE)
    os.kill(kept.status.pid, signal.SIGSTOP)
    pids = [kept.status.pid, *(process.pid or 0 for process in kept.status.processes)]
    lifecycle.down()
    _until(lambda: all(_gone(psutil.Process(pid)) if psutil.pid_exists(pid) else True for pid in pids), "it is left")


def test_ending_kept_instances_leaves_those_of_another_state_directory(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lifecycle.up(CLICKHOUSE)
    monkeypatch.setenv("QER_STATE_DIR", str(tmp_path / "elsewhere"))
    lifecycle.up(CLICKHOUSE)
    assert lifecycle.down() == 1
    monkeypatch.setenv("QER_STATE_DIR", str(state))
    assert [kept.name for kept in lifecycle.status()] == [first.name]
    assert lifecycle.down() == 1
