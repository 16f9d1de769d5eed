"""The ledger: what has to be undone, recorded outside the process before anything is changed.

Where it is kept is the target's affair (``Target.store``): files on this machine, annotations in a cluster.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from targets.base import EntryStore, Kept, StoreError
from targets.store import FileStore

LedgerError = StoreError
"""An entry cannot be written or read; says which and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change that is about to be made, and all that its revert needs.

    Attributes:
        id: unique; the fault's ``key``.
        fault: registered name of the fault class.
        engine: kind of the engine it strikes.
        component: which part of it.
        created_at: seconds since the epoch.
        ttl: seconds after which the injection ends by itself.
        runner_pid: process that injects.
        subject: the object that the entry is kept on, where entries are kept on objects.
        original: what ``Fault.remember`` returned.
        mark: the injection's mark (``faults.marks``), to be ended with it; empty: none.
    """

    id: str
    fault: str
    engine: str
    component: str
    created_at: float
    ttl: float
    runner_pid: int
    subject: str = ""
    original: str = ""
    mark: str = ""


class Ledger:
    """Entries in a store; several runners may use one.

    Args:
        store: of the target, or a directory for files.
    """

    def __init__(self, store: EntryStore | Path) -> None:
        self._store: EntryStore = FileStore(store) if isinstance(store, Path) else store

    def record(
        self,
        fault: str,
        engine: str,
        component: str,
        *,
        created_at: float,
        ttl: float,
        key: str = "",
        subject: str = "",
        original: str = "",
        mark: str = "",
    ) -> Entry:
        """Write an entry durably; returns only when it is safe.

        Raises:
            LedgerError: it cannot be written, so nothing may be injected.
        """
        identity = key or uuid.uuid4().hex
        entry = Entry(identity, fault, engine, component, created_at, ttl, os.getpid(), subject, original, mark)
        try:
            self._store.put(entry.id, subject or engine, json.dumps(asdict(entry)))
        except LedgerError:
            with contextlib.suppress(LedgerError):  # it may be there all the same, with nothing to revert
                self.clear(entry)
            raise
        return entry

    def clear(self, entry: Entry) -> None:
        """Remove an entry whose revert is proven; harmless when it is gone already.

        Raises:
            LedgerError: it cannot be removed.
        """
        self._store.remove(entry.id, entry.subject or entry.engine)

    def pending(self) -> list[Entry]:
        """Entries not yet reverted, oldest first.

        Raises:
            LedgerError: something in the store is not an entry of ours.
        """
        return sorted((_entry(kept) for kept in self._store.all()), key=lambda entry: entry.created_at)

    def exclusive(self, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """Hold the ledger, so that two runners never inject (or revert) at once; a dead holder's is freed.

        Args:
            patience: seconds to wait for a holder that may be dead; one that shows itself alive is not waited for.

        Raises:
            LedgerError: another process holds it, or it cannot be locked.
        """
        return self._store.exclusive(patience=patience)


def _entry(kept: Kept) -> Entry:
    try:
        return Entry(**json.loads(kept.text))
    except (ValueError, TypeError) as error:
        raise LedgerError(f"{kept.place} is not a ledger entry ({error}); look at it, then delete it") from error
