"""Locust on the same endpoint in the same run. It lives in an environment of its own and is only ever a process."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calibration.endpoint import HOST, ScriptedEndpoint
from benchmarks.calibration.measures import CLIENTS
from benchmarks.calibration.script import Script, Window

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
STATEMENT = "SELECT sum(number) FROM numbers(1000)\nFORMAT Native"
USERS = CLIENTS
START_SECONDS = 60.0
FAILED_TASKS = 1  # Locust's exit code when requests have failed: figures are there all the same


class PeerError(Exception):
    """Locust could not be run: one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerMeasure:
    """What Locust says of a run, and what it used.

    Attributes:
        users: that it ran.
        offered: requests per second it was told to make; 0: as fast as it can.
        achieved: requests per second, from the endpoint's own count over the run's length.
        p99: as it reports, in seconds.
        per_core: requests per second of processor time, without what it takes to start.
    """

    version: str
    users: int
    offered: float
    achieved: float
    p99: float
    per_core: float


def locust_version(python: Path) -> str:
    """The version of Locust in an environment.

    Raises:
        PeerError: there is none.
    """
    code = "import importlib.metadata as m; print(m.version('locust'))"
    try:
        found = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=START_SECONDS, check=False)
    except OSError as error:
        raise PeerError(f"no Locust: {python}: {error.strerror}") from error
    if found.returncode:
        raise PeerError(f"no Locust in the environment of {python}")
    return found.stdout.strip()


def run_locust(
    python: Path,
    endpoint: ScriptedEndpoint,
    *,
    rate: float,
    duration: float,
    stall: float = 0.0,
    users: int = USERS,
    startup: float = 0.0,
) -> PeerMeasure:
    """One run.

    Args:
        python: of the environment that has Locust.
        endpoint: where to send.
        rate: requests per second of all users together; 0: as fast as they can.
        duration: seconds.
        stall: seconds in the middle in which the endpoint does not answer.
        users: clients.
        startup: processor seconds that do not count, see ``startup_seconds``.

    Raises:
        PeerError: it has no figures.
    """
    python = python.absolute()  # it is started in a directory of its own
    version = locust_version(python)
    endpoint.play(Script(stalls=(Window(duration / 2, stall),) if stall else ()))
    used = _children_seconds()
    with tempfile.TemporaryDirectory() as directory:
        _run(python, endpoint, Path(directory), rate=rate / users, duration=duration, users=users)
        p99 = _p99(Path(directory) / "figures_stats.csv")
    seconds, log = _children_seconds() - used - startup, endpoint.log()
    return PeerMeasure(
        version=version,
        users=users,
        offered=rate,
        achieved=log.requests / duration,
        p99=p99,
        per_core=log.requests / seconds if seconds > 0 else 0.0,
    )


def startup_seconds(python: Path, endpoint: ScriptedEndpoint) -> float:
    """Processor seconds that Locust takes to start and to end, with next to no load between.

    Raises:
        PeerError: see ``run_locust``.
    """
    used = _children_seconds()
    run_locust(python, endpoint, rate=2.0, duration=2.0, users=1)
    return _children_seconds() - used


def _run(
    python: Path, endpoint: ScriptedEndpoint, directory: Path, *, rate: float, duration: float, users: int
) -> None:
    command: list[str | Path] = [python, "-m", "locust", "--locustfile", LOCUSTFILE, "--headless", "--only-summary"]
    command += ["--users", str(users), "--spawn-rate", str(users), "--run-time", f"{duration:g}s"]
    command += ["--host", f"http://{HOST}:{endpoint.port}", "--csv", directory / "figures", "--stop-timeout", "5"]
    environment = {**os.environ, "CALIBRATION_RATE": f"{rate:g}", "CALIBRATION_BODY": STATEMENT}
    try:
        ended = subprocess.run(
            command,
            env=environment,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=duration + START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"Locust did not end within {START_SECONDS:g} s after its run") from error
    if ended.returncode not in {0, FAILED_TASKS}:
        last = ended.stderr.strip().splitlines()[-1:] or ["no word"]
        raise PeerError(f"Locust ended with exit code {ended.returncode}: {last[0]}")


def _p99(file: Path) -> float:
    """Of the requests in Locust's own table, in seconds."""
    try:
        with file.open(newline="", encoding="utf-8") as table:
            rows = [row for row in csv.DictReader(table) if row["Name"] == "statement"]
        return float(rows[0]["99%"]) / 1000
    except (OSError, LookupError, ValueError) as error:
        raise PeerError(f"Locust has left no figures: {error}") from error


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
