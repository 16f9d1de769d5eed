"""The per-user cache: where downloads and generated data are kept between runs, and how runs side by side share it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from targets.base import TargetError

APP_NAME = "query-engine-reliability"
VARIABLE = "QER_CACHE_DIR"
_POLL_SECONDS = 0.1


def cache_directory() -> Path:
    """The per-user cache directory, created when missing and proven to be writable.

    ``QER_CACHE_DIR`` names another one; otherwise the platform's own place for caches is used.

    Raises:
        TargetError: it cannot be created or written (read-only, full, not a directory).
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    directory = Path(chosen).expanduser() if chosen else platformdirs.user_cache_path(APP_NAME, appauthor=False)
    with cache_errors(directory):
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"\0")  # a full disk lets a file be created, but not filled
            file.flush()
    return directory


@contextmanager
def cache_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` raised while the cache is used at ``path`` into one line that names the remedy.

    Raises:
        TargetError: in place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise TargetError(f"cache directory {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    remedy = f"set {VARIABLE} to a directory that can be written"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk is full; free some space there or {remedy}"
    return f"{(error.strerror or str(error)).lower()}; {remedy}"


def require_space(directory: Path, size: int, purpose: str) -> None:
    """Check that ``size`` bytes can be written below ``directory`` before a long job starts.

    Args:
        directory: an existing directory of the cache.
        size: bytes that will be written at most.
        purpose: what needs them, for the message.

    Raises:
        TargetError: less than that is free.
    """
    with cache_errors(directory):
        free = shutil.disk_usage(directory).free
    if free < size:
        raise TargetError(
            f"cache directory {directory}: {purpose} needs about {megabytes(size)}, only {megabytes(free)} are free;"
            f" free some space there or set {VARIABLE} to a directory on another disk"
        )


def megabytes(size: float) -> str:
    """A size in bytes as people read it: ``345 MB``, ``1.2 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def write_atomically(file: Path, text: str) -> None:
    """Replace a file's content by one rename, so that nobody ever reads half of it.

    Raises:
        OSError: it cannot be written; the old content is still there then.
    """
    with tempfile.NamedTemporaryFile(
        "w", dir=file.parent, prefix=f".{file.name}-", delete=False, encoding="utf-8"
    ) as new:
        try:
            new.write(text)
            new.close()
            Path(new.name).replace(file)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise


@contextmanager
def cache_lock(path: Path, *, timeout: float, waiting: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold an exclusive lock on the file ``path``, which the kernel releases when its holders have ended.

    Yields the file descriptor: a child process that inherits it (``pass_fds``) keeps the lock until it too has ended,
    even when this process was killed.

    Args:
        path: the lock file; created when missing and left in place.
        timeout: seconds to wait for another holder.
        waiting: called once when another process holds the lock.

    Raises:
        TargetError: another process held the lock all the time, or the file cannot be opened.
    """
    with cache_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, timeout, waiting)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, timeout: float, waiting: Callable[[], None] | None) -> None:
    give_up = time.monotonic() + timeout
    told = False
    while not _try_lock(descriptor):
        if not told and waiting:
            waiting()
        told = True
        if time.monotonic() >= give_up:
            raise TargetError(f"{path}: another run holds this lock for over {timeout:.0f} s; wait for it or end it")
        time.sleep(_POLL_SECONDS)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
