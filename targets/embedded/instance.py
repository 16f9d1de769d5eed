"""One embedded instance as a runner sees it: start it or find it, ask it, end it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from targets.base import MeansError, TargetError
from targets.cache import cache_directory
from targets.embedded import aot, distribution, runs
from targets.embedded.config import EmbeddedConfig
from targets.embedded.control import ask
from targets.embedded.logs import redact, tail
from targets.embedded.messages import Message, Reply, ShutdownRequest, Status, StatusRequest
from targets.embedded.paths import state_errors
from targets.embedded.plan import ROOT, SETTINGS_FILE, Settings
from targets.embedded.tls import write_private

POLL_SECONDS = 0.1
END_SECONDS = 30.0
REHEARSAL_SECONDS = 120.0


@dataclass(slots=True)
class Instance:
    """A running supervisor.

    Attributes:
        run: its state directory.
        supervisor: the process, when this one started it and it is not detached.
        use: descriptor that holds the instance for this runner, when it was only attached to.
    """

    run: runs.Run
    supervisor: subprocess.Popen[bytes] | None = None
    use: int | None = None

    def ask(self, request: Message) -> Reply:
        """Ask the supervisor; see ``control.ask``."""
        return ask(self.run.socket, request)

    def status(self) -> Status:
        """Everything the supervisor knows.

        Raises:
            MeansError: it does not answer.
        """
        status = self.ask(StatusRequest()).status
        if status is None:
            raise MeansError("the supervisor gave no status")
        return status

    def serves(self, config: EmbeddedConfig) -> bool:
        """Whether it was started with settings that fit; not if another version of this program started it."""
        try:
            settings = Settings.model_validate_json((self.run.directory / SETTINGS_FILE).read_bytes())
        except (OSError, ValidationError):
            return False
        return config.fits(settings.config)

    def release(self, seconds: float = END_SECONDS) -> None:
        """End an instance of our own; leave one that was attached to. May be called twice.

        Args:
            seconds: how long it may take before it is ended by force.
        """
        if self.use is not None:
            os.close(self.use)
            self.use = None
        elif self.supervisor is not None:
            if self.supervisor.stdin is not None:
                self.supervisor.stdin.close()
            _wait_or_kill(self.supervisor, seconds)
            runs.end_leftovers(self.run)
            self.run.remove()
            self.supervisor = None


def _wait_or_kill(supervisor: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        supervisor.wait(seconds)
    except subprocess.TimeoutExpired:
        supervisor.kill()  # every engine dies with it
        supervisor.wait()


def start(config: EmbeddedConfig) -> Instance:
    """Start an instance and wait until every engine has its full capacity.

    Raises:
        TargetError: it cannot be started; nothing of it is left then.
    """
    return _launch(_settings(config))


def _launch(settings: Settings) -> Instance:
    config = settings.config
    run, lock = runs.create(kept=config.keep)
    with tempfile.TemporaryFile() as log:
        try:
            with state_errors(run.directory):
                write_private(run.directory / SETTINGS_FILE, settings.model_dump_json())
            instance = Instance(run, _spawn(run, lock, log, detached=config.keep))
        finally:
            os.close(lock)
        try:
            _await_ready(instance, config, log)
        except BaseException:
            _abandon(instance)
            raise
    return instance


def _settings(config: EmbeddedConfig) -> Settings:
    if "trino" not in config.engines:
        return Settings(config=config, trino_home=None, detached=config.keep)
    cache = cache_directory()
    home = distribution.ensure(cache, config.listener)
    caches = aot.ensure(cache, home, config, lambda notes: _rehearse(config, home, notes))
    return Settings(config=config, trino_home=home, aot_caches=caches, detached=config.keep)


def _rehearse(config: EmbeddedConfig, home: Path, notes: Path) -> None:
    """Start Trino alone until it is ready, and let it end by itself: then it writes its notes."""
    alone = replace(config, engines=("trino",), trino_workers=1, keep=False)
    settings = Settings(config=alone, trino_home=home, aot_notes=notes, grace_seconds=REHEARSAL_SECONDS)
    _launch(settings).release(2 * REHEARSAL_SECONDS)


def _spawn(run: runs.Run, lock: int, log: IO[bytes], *, detached: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "targets.embedded.supervisor", str(run.directory)],
        stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd=run.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,  # a terminal's Ctrl-C is the runner's: it reverts faults before the engines end
        pass_fds=(lock,),
    )


def _await_ready(instance: Instance, config: EmbeddedConfig, log: IO[bytes]) -> None:
    give_up = time.monotonic() + config.ready_seconds
    phase = ""
    while True:
        _require_supervisor(instance, log)
        status = _status_or_none(instance)
        if status and status.failure:
            raise TargetError(f"the embedded engines do not start: {status.failure}")
        if status and len(status.ready) == len(config.engines):
            return
        if status and status.phase != phase:
            phase = status.phase
            config.listener.phase(phase)
        if time.monotonic() > give_up:
            raise TargetError(_too_slow(instance, config, phase))
        time.sleep(POLL_SECONDS)


def _require_supervisor(instance: Instance, log: IO[bytes]) -> None:
    if instance.supervisor is not None and instance.supervisor.poll() is not None:
        log.seek(0)
        lines = redact(log.read().decode(errors="replace")).strip().splitlines()
        raise TargetError(f"the embedded supervisor ended: {lines[-1] if lines else 'it said nothing'}")


def _status_or_none(instance: Instance) -> Status | None:
    if not instance.run.socket.exists():
        return None
    try:
        return instance.status()
    except MeansError:  # not listening yet, or ended: the caller looks at its process next
        return None


def _too_slow(instance: Instance, config: EmbeddedConfig, phase: str) -> str:
    logs = sorted(instance.run.directory.glob("*.log"), key=lambda path: phase.startswith(path.stem), reverse=True)
    end = f"\n{tail(logs[0])}" if logs else ""
    return (
        f"the embedded engines are not ready after {config.ready_seconds:.0f} s ({phase or 'no answer yet'}); "
        f"is the machine busy or short of memory?{end}"
    )


def _abandon(instance: Instance) -> None:
    if instance.supervisor is not None and instance.supervisor.stdin is None:
        instance.supervisor.terminate()
    instance.release()


def attach(config: EmbeddedConfig) -> Instance | None:
    """A kept instance that fits and that no other runner uses, or ``None``."""
    for run in runs.living():
        if not run.kept():
            continue
        instance = Instance(run)
        status = _status_or_none(instance)
        if status is None or not set(config.engines) <= set(status.ready):
            continue
        if instance.serves(config) and (use := run.use()) is not None:
            instance.use = use
            return instance
    return None


def find(stack: str) -> Instance | None:
    """The living instance of that name, or ``None``."""
    return next((Instance(run) for run in runs.living() if run.directory.name == stack), None)


def kept() -> list[Instance]:
    """Living instances that were started to outlive their runner."""
    return [Instance(run) for run in runs.living() if run.kept()]


def end(instance: Instance) -> None:
    """Shut an instance down and wait until nothing of it is left.

    Raises:
        TargetError: something is left after ``END_SECONDS``.
    """
    with contextlib.suppress(MeansError):  # it is ending already, or hangs: what counts is whether it is gone
        ask(instance.run.socket, ShutdownRequest(), timeout=END_SECONDS)
    runs.wait_gone(instance.run, END_SECONDS)
    runs.end_leftovers(instance.run)
    if not runs.wait_gone(instance.run, END_SECONDS):
        raise TargetError(
            f"the embedded instance {instance.run.directory.name} does not end: see {instance.run.directory}"
        )
    instance.run.remove()
