"""Java's ahead-of-time cache for Trino: made once per user, a third less work at each start afterwards.

Java checks by itself that a cache fits (same Java, same jars, same flags) and goes on without it when not, so that
a stale or missing cache costs time and nothing else. It is made in two steps: Trino runs once and notes which classes
it loads; a second Java process, which runs nothing, makes the cache of that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from targets.base import TargetError
from targets.cache import cache_errors, cache_lock, require_space
from targets.embedded import java
from targets.embedded.config import EmbeddedConfig
from targets.embedded.distribution import PARTIAL
from targets.embedded.keeper import SHIM

ROLES = ("coordinator", "worker")
CREATE_SECONDS = 300.0
LOCK_SECONDS = 1200.0
NEEDED_BYTES = 600_000_000

Rehearse = Callable[[Path], None]


def ensure(cache: Path, home: Path, config: EmbeddedConfig, rehearse: Rehearse) -> Mapping[str, Path]:
    """The cache files by role, made now if they are not there yet.

    Args:
        cache: the per-user cache directory.
        home: the unpacked distribution.
        config: whose listener hears of it.
        rehearse: starts Trino until it is ready and ends it again, noting classes in ``<role>.aotconf`` of a directory.
    """
    made = cache / f"{home.name}-{java.fingerprint()}"
    if not made.is_dir():
        lock = cache_lock(
            cache / "trino-start.lock",
            timeout=LOCK_SECONDS,
            waiting=lambda: config.listener.phase("waiting for another run that prepares Trino"),
        )
        with lock:
            if not made.is_dir():
                _make(cache, made, home, config, rehearse)
    return {role: made / f"{role}.aot" for role in ROLES if (made / f"{role}.aot").is_file()}


def _make(cache: Path, made: Path, home: Path, config: EmbeddedConfig, rehearse: Rehearse) -> None:
    config.listener.phase("preparing quicker starts of Trino (once)")
    with cache_errors(cache), tempfile.TemporaryDirectory(prefix=PARTIAL, dir=cache) as scratch:
        directory = Path(scratch) / "aot"
        directory.mkdir()
        try:
            require_space(cache, NEEDED_BYTES, "preparing quicker starts of Trino")
            rehearse(directory)
        except TargetError as failure:  # whether Trino starts at all is for the real start to say
            config.listener.phase(f"not prepared, trying again next time: {failure}")
            return
        for role in ROLES:
            if problem := _create(directory, role, home):  # kept without that file: it would fail the next time too
                config.listener.phase(f"not prepared for the {role}: {problem}")
        for notes in directory.glob("*.aotconf"):
            notes.unlink()
        directory.rename(made)


def _create(directory: Path, role: str, home: Path) -> str:
    """Make one cache of its notes; why it could not be made, or an empty string."""
    command = java.create_cache_command(home, directory / f"{role}.aotconf", directory / f"{role}.aot")
    try:
        subprocess.run(
            [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CREATE_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"not made within {CREATE_SECONDS:.0f} s"
    except subprocess.CalledProcessError as problem:
        lines = problem.stdout.decode(errors="replace").splitlines()
        return lines[-1] if lines else f"Java ended with {problem.returncode}"
    return ""
