"""State directories of embedded runs: one per run, private, locked while the run lives, swept afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from targets.base import ProcessInfo
from targets.embedded.paths import locked, state_directory, state_errors, try_lock
from targets.embedded.tls import write_private

LOCK_FILE = "lock"
USE_FILE = "in-use.lock"
KEPT_FILE = "kept"
PROCESSES_FILE = "processes.json"
SOCKET_FILE = "control.sock"
END_SECONDS = 10.0
START_TIME_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """One run's state directory."""

    directory: Path

    @property
    def socket(self) -> Path:
        """The supervisor's control socket."""
        return self.directory / SOCKET_FILE

    def alive(self) -> bool:
        """Whether a supervisor (or the runner that is about to start one) holds the directory."""
        lock = self.directory / LOCK_FILE
        if not lock.exists():
            return False
        descriptor = try_lock(lock)
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def kept(self) -> bool:
        """Whether it was started to outlive its runner."""
        return (self.directory / KEPT_FILE).exists()

    def use(self) -> int | None:
        """Take the instance for one runner; the returned descriptor holds it. ``None``: another runner uses it."""
        return try_lock(self.directory / USE_FILE)

    def remove(self) -> None:
        """Delete everything of it."""
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def _runs() -> Iterator[Path]:
    state = state_directory()
    with state_errors(state), locked(state / "runs.lock"):
        directory = state / "runs"
        directory.mkdir(exist_ok=True, mode=0o700)
        yield directory


def ports_directory() -> Path:
    """Where the locks of reserved ports are."""
    return state_directory() / "ports"


def create(*, kept: bool) -> tuple[Run, int]:
    """Make a run's directory; sweeps those of runs that died.

    Returns:
        The run and the descriptor of its lock, to be inherited by its supervisor.

    Raises:
        TargetError: it cannot be written.
    """
    with _runs() as directory:
        _sweep(directory)
        run = Run(directory / f"embedded-{secrets.token_hex(4)}")
        run.directory.mkdir(mode=0o700)
        descriptor = try_lock(run.directory / LOCK_FILE)
        if descriptor is None:
            raise OSError(f"{run.directory} is locked by somebody else")
        if kept:
            (run.directory / KEPT_FILE).touch(mode=0o600)
        return run, descriptor


def living() -> list[Run]:
    """Runs whose supervisor lives."""
    with _runs() as directory:
        return [run for run in map(Run, sorted(directory.iterdir())) if run.alive()]


def _sweep(directory: Path) -> None:
    for run in map(Run, list(directory.iterdir())):
        if not run.alive():
            end_leftovers(run)
            run.remove()


def record(run: Run, processes: Sequence[ProcessInfo]) -> None:
    """Note which processes belong to the run (the caller, its supervisor, first), for whoever has to end them."""
    known = [{"pid": os.getpid(), "started": psutil.Process().create_time()}]
    known += [{"pid": info.pid, "started": info.started} for info in processes if info.pid and info.started]
    part = write_private(run.directory / f"{PROCESSES_FILE}.part", json.dumps(known))
    part.replace(run.directory / PROCESSES_FILE)


def end_leftovers(run: Run) -> None:
    """End processes of a run whose supervisor is gone or hangs; only those whose start time is the recorded one."""
    try:
        known = json.loads((run.directory / PROCESSES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # nothing was started, or the disk was full
        return
    left = [process for entry in known if (process := _same(entry["pid"], entry["started"]))]
    for process in left:
        with contextlib.suppress(psutil.Error):  # it ended in this very moment
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(left, timeout=END_SECONDS)


def _same(pid: int, started: float) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):  # no such process any more
        process = psutil.Process(pid)
        if abs(process.create_time() - started) < START_TIME_TOLERANCE:
            return process
    return None


def wait_gone(run: Run, seconds: float) -> bool:
    """Wait until nothing of the run is left."""
    give_up = time.monotonic() + seconds
    while run.alive():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True
