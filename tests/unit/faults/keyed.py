"""An engine with a table of keys that breaks its promises as told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from typing_extensions import override

from engines import EngineError, ErrorClass, KeyTable, Session
from tests.unit.fakes import Script, ScriptedEngine


def failed(error_class: ErrorClass, name: str = "Failed") -> EngineError:
    return EngineError("as told", error_class=error_class, name=name)


@dataclass
class FakeTable(KeyTable):
    """Keeps keys in memory.

    ``answers`` holds, by key, what the insert raises; ``writes`` how often a key is written (once without it).
    """

    answers: Mapping[int, EngineError] = field(default_factory=dict)
    writes: Mapping[int, int] = field(default_factory=dict)
    keys: Counter[int] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    uncreatable: EngineError | None = None
    unreadable: list[EngineError] = field(default_factory=list)  # raised by the next reads, one each
    inserted: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @override
    def create(self, session: Session, *, deadline: float) -> None:
        self.calls.append("create")
        if self.uncreatable:
            raise self.uncreatable

    @override
    def insert(self, session: Session, key: int, *, deadline: float) -> None:
        session.execute("INSERT", deadline=deadline)
        self.keys[key] += self.writes.get(key, 0 if key in self.answers else 1)
        self.inserted.release()
        if key in self.answers:
            raise self.answers[key]

    @override
    def read(self, session: Session, *, deadline: float) -> Mapping[int, int]:
        self.calls.append("read")
        if self.unreadable:
            raise self.unreadable.pop(0)
        return {key: count for key, count in self.keys.items() if count}

    @override
    def drop(self, session: Session, *, deadline: float) -> None:
        self.calls.append("drop")


class KeyedEngine(ScriptedEngine):
    """A scripted engine that has such a table."""

    def __init__(self, table: FakeTable) -> None:
        super().__init__(Script())
        self.table = table
        self.names: list[str] = []

    @override
    def key_table(self, name: str) -> FakeTable:
        self.names.append(name)
        return self.table
