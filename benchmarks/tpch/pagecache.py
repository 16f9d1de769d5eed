"""The page cache: dropped for an engine's data files as far as a process may, and looked at afterwards.

Linux: ``/proc/sys/vm/drop_caches`` drops everything and is for root; ``posix_fadvise(POSIX_FADV_DONTNEED)`` drops the
clean pages of one file that nobody has mapped, and is for whoever may read the file. What is left of a file in the
cache shows by ``preadv2(RWF_NOWAIT)``, which reads only what is there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

DROP_CACHES = Path("/proc/sys/vm/drop_caches")
_SAMPLES = 64  # of each file
_PAGE = 4096


def data_files(*directories: Path) -> tuple[Path, ...]:
    """The regular files below directories, each of at least a page; links are not followed."""
    found: list[Path] = []
    for directory in directories:
        for folder, _, names in os.walk(directory):
            found += [Path(folder, name) for name in names]
    return tuple(file for file in found if not file.is_symlink() and _size(file) >= _PAGE)


def drop(files: Sequence[Path], *, everything: Path = DROP_CACHES) -> str:
    """Drop what the page cache holds of these files; says how, and what is still there.

    Args:
        files: what an engine reads.
        everything: the kernel's file that drops all caches, for tests.
    """
    if _drop_everything(everything):
        method = "the system's page cache dropped"
    else:
        dropped = sum(_drop_file(file) for file in files)
        method = f"page cache of {dropped} of {len(files)} data files dropped (posix_fadvise: not root)"
    share = resident_share(files)
    return method if share is None else f"{method}, {share:.0%} of sampled pages still cached"


def resident_share(files: Iterable[Path]) -> float | None:
    """Share of sampled pages that are in the page cache; ``None`` where the file system does not tell."""
    there = sampled = 0
    for file in files:
        size = _size(file)
        step = max(_PAGE, size // _SAMPLES // _PAGE * _PAGE)
        try:
            descriptor = os.open(file, os.O_RDONLY)
        except OSError:  # deleted meanwhile (a merged part), or not ours
            continue
        try:
            for offset in range(0, size, step):
                there += _is_cached(descriptor, offset)
                sampled += 1
        except OSError:
            return None
        finally:
            os.close(descriptor)
    return there / sampled if sampled else None


def _drop_everything(switch: Path) -> bool:
    os.sync()  # only clean pages can be dropped
    try:
        switch.write_text("3\n")
    except OSError:
        return False
    return True


def _drop_file(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except (OSError, AttributeError):  # not a file system with a cache, or not Linux
        return False
    finally:
        os.close(descriptor)
    return True


def _is_cached(descriptor: int, offset: int) -> bool:
    """Whether a page can be read without waiting for the disk.

    Raises:
        OSError: it cannot be told.
    """
    if not hasattr(os, "RWF_NOWAIT"):
        raise OSError(errno.ENOTSUP, "no preadv2")
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
