"""Where the embedded target keeps the state of its runs, and the locks that keep runs apart."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from targets.base import TargetError
from targets.cache import APP_NAME

VARIABLE = "QER_STATE_DIR"


def state_directory() -> Path:
    """Per-user state, mode 0700; ``QER_STATE_DIR`` overrides the platform's own place.

    Raises:
        TargetError: it cannot be created or written.
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    path = Path(chosen).expanduser().absolute() if chosen else platformdirs.user_state_path(APP_NAME, appauthor=False)
    with state_errors(path):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path):
            return path


@contextlib.contextmanager
def state_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` raised while state is written at ``path`` into one line that names the remedy.

    Raises:
        TargetError: in place of any ``OSError``.
    """
    try:
        yield
    except OSError as problem:
        text = (problem.strerror or str(problem)).lower()
        raise TargetError(f"state directory {path}: {text}; set {VARIABLE} to a writable directory") from problem


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` (created when missing); waits for whoever holds it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_lock(path: Path) -> int | None:
    """Take an exclusive lock if nobody holds it.

    The lock belongs to the open file: it lasts until every process that inherited the descriptor closed it or died.

    Returns:
        The descriptor that holds the lock, or ``None`` when somebody else does.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        if problem.errno in {errno.EAGAIN, errno.EACCES}:
            return None
        raise
    return descriptor


def target_directory(kind: str, identity: str) -> Path:
    """This user's directory for a target that has none of its own, made where it is missing.

    Args:
        kind: sort of target; part of the name.
        identity: what tells this target from others of its kind.
    """
    path = state_directory() / "targets" / f"{kind}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    with state_errors(path):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
