"""The ledger: what has to be undone, recorded outside the process before anything is changed.

One JSON file per entry in the target's state directory, written to a temporary name, synced and renamed, so that a
runner killed at any moment leaves either no entry (nothing was changed yet) or a whole one that ``recover`` can act on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


class LedgerError(Exception):
    """An entry cannot be written or read; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change that is about to be made, and all that its revert needs.

    Attributes:
        id: unique.
        fault: registered name of the fault class.
        engine: kind of the engine it strikes.
        component: which part of it.
        created_at: seconds since the epoch.
        ttl: seconds after which the injection ends by itself.
        runner_pid: process that injects.
    """

    id: str
    fault: str
    engine: str
    component: str
    created_at: float
    ttl: float
    runner_pid: int


class Ledger:
    """Entries under ``directory``; several runners may use one ledger."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "ledger"

    def record(self, fault: str, engine: str, component: str, *, created_at: float, ttl: float) -> Entry:
        """Write an entry durably; returns only when it is on disk.

        Raises:
            LedgerError: it cannot be written, so nothing may be injected.
        """
        entry = Entry(uuid.uuid4().hex, fault, engine, component, created_at, ttl, os.getpid())
        path = self._path(entry)
        temporary = path.with_suffix(".tmp")
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with temporary.open("w") as file:
                json.dump(asdict(entry), file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise LedgerError(f"cannot record the revert in {path}: {error.strerror}; nothing was injected") from error
        return entry

    def clear(self, entry: Entry) -> None:
        """Remove an entry whose revert is proven; harmless when it is gone already."""
        self._path(entry).unlink(missing_ok=True)

    def pending(self) -> list[Entry]:
        """Entries not yet reverted, oldest first.

        Raises:
            LedgerError: a file is not an entry of ours.
        """
        entries = []
        for path in sorted(self._directory.glob("*.json")):
            try:
                entries.append(Entry(**json.loads(path.read_text())))
            except (ValueError, TypeError, OSError) as error:
                raise LedgerError(f"{path} is not a ledger entry ({error}); look at it, then delete it") from error
        return sorted(entries, key=lambda entry: entry.created_at)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the ledger, so that two runners never inject (or revert) at once; freed when the process dies.

        Raises:
            LedgerError: another process holds it, or it cannot be locked.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self._directory / "lock").open("w")
        except OSError as error:
            raise LedgerError(f"cannot use the ledger {self._directory}: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LedgerError(
                    "another runner injects faults into this target now; wait until it is done"
                ) from error
            yield

    def _path(self, entry: Entry) -> Path:
        return self._directory / f"{entry.id}.json"
