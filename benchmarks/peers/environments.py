"""Where a peer lives: a virtual environment of its own, so that this project's dependencies stay few."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

INSTALL_SECONDS = 900
PROBE_SECONDS = 60


class PeerError(Exception):
    """A peer could not be installed or run: one line that says why."""


def environment(directory: Path, requirements: Sequence[str]) -> Path:
    """The interpreter of an environment that holds these requirements, made where it is missing.

    Args:
        directory: of the environment.
        requirements: pinned, as for pip: ``name==version``, or ``-r`` and a file.

    Raises:
        PeerError: it cannot be made, or the package registry does not give it.
    """
    python = directory / "bin" / "python"
    done = directory / "installed"
    wanted = "\n".join(requirements)
    if done.is_file() and done.read_text() == wanted and python.exists():
        return python
    run([sys.executable, "-m", "venv", str(directory)], "venv", INSTALL_SECONDS)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    run(command, f"pip install {' '.join(requirements)}", INSTALL_SECONDS)
    done.write_text(wanted)
    return python


def run(
    command: Sequence[str], what: str, seconds: float, *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> str:
    """Standard output of a command.

    Raises:
        PeerError: it cannot be started, fails or takes longer; with the last line that names an error.
    """
    try:
        ended = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{what}: no end within {seconds:g} s") from error
    except OSError as error:
        raise PeerError(f"{what}: {error.strerror or error}") from error
    if ended.returncode:
        lines = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
        telling = [line for line in lines if "Error" in line or "ERROR" in line] or lines
        raise PeerError(f"{what}: {telling[-1].strip() if telling else f'exit code {ended.returncode}'}")
    return ended.stdout
