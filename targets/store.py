"""Where the records of reverts are kept when the target is on this machine: files outside the process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from targets.base import Kept, StoreError


class FileStore:
    """One JSON file per entry under ``directory``; several runners may use one store.

    Written to a temporary name, synced and renamed, so that a runner killed at any moment leaves either no entry
    (nothing was changed yet) or a whole one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "ledger"

    def put(self, key: str, subject: str, text: str) -> None:  # noqa: ARG002 - a file is kept on no object
        """See ``EntryStore.put``."""
        path = self._path(key)
        temporary = path.with_suffix(".tmp")
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with temporary.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise StoreError(f"cannot record the revert in {path}: {error.strerror}; nothing was injected") from error

    def remove(self, key: str, subject: str) -> None:  # noqa: ARG002 - a file is kept on no object
        """See ``EntryStore.remove``."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {path}: {error.strerror}") from error

    def all(self) -> Sequence[Kept]:
        """See ``EntryStore.all``."""
        return [self._kept(path) for path in sorted(self._directory.glob("*.json"))]

    @contextlib.contextmanager
    def exclusive(self, *, patience: float = 0.0) -> Iterator[None]:  # noqa: ARG002 - the system frees a dead one's
        """See ``EntryStore.exclusive``; freed when the process dies."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self._directory / "lock").open("w")
        except OSError as error:
            raise StoreError(f"cannot use the ledger {self._directory}: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError("another runner injects faults into this target now; wait until it is done") from error
            yield

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.json"

    @staticmethod
    def _kept(path: Path) -> Kept:
        try:
            return Kept(path.stem, path.read_text(), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path} is not a ledger entry ({error}); look at it, then delete it") from error
