"""Hand-written fakes: an engine that follows a script, a target that holds it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from engines import (
    Answer,
    Dataset,
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Health,
    LoadReport,
    ProbeQuery,
    RunningQuery,
    Session,
    TpchQuery,
)
from targets.base import Target
from targets.contract import EngineOutput, Outputs


@dataclass
class Script:
    """What the scripted engine does now; changed by tests and faults while clients are under way.

    ``mode``: ``ok``, ``refused`` (fails at once), ``stalled`` (answers only once it is ok again), ``wrong``.
    ``changes`` holds (moment, mode) of every change.
    """

    mode: str = "ok"
    delay: float = 0.0
    changes: list[tuple[float, str]] = field(default_factory=list)
    condition: threading.Condition = field(default_factory=threading.Condition)
    sent: int = 0

    def become(self, mode: str) -> None:
        with self.condition:
            self.mode = mode
            self.changes.append((time.monotonic(), mode))
            self.condition.notify_all()

    def answer(self, deadline: float) -> str:
        """Wait out a stall; returns the mode that decides the answer."""
        with self.condition:
            self.sent += 1
            if self.mode == "stalled" and not self.condition.wait_for(lambda: self.mode != "stalled", deadline):
                return "timeout"
            return self.mode


class ScriptedSession(Session):
    def __init__(self, script: Script) -> None:
        self._script = script

    @override
    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        mode = self._script.answer(deadline)
        if mode == "timeout":
            raise EngineError("no answer in time", error_class=ErrorClass.TIMEOUT, name="Timeout")
        if mode == "refused":
            raise EngineError("nothing listens", error_class=ErrorClass.REFUSED, name="ConnectionRefusedError")
        return Answer(("n",), ((25 if mode == "ok" else 24,),))

    @override
    def close(self) -> None:
        """Nothing is open."""


class ScriptedEngine(Engine):
    """An engine whose every answer the script decides; not registered."""

    title = "Scripted"

    def __init__(self, script: Script, *, period: float = 0.02, deadline: float = 0.3) -> None:
        super().__init__(Endpoint("scripted", "127.0.0.1", 1))
        self.script = script
        self._probe = ProbeQuery("SELECT 25", ((25,),), period, deadline)

    @override
    def connect(self) -> Session:
        return ScriptedSession(self.script)

    @override
    def start(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> RunningQuery:
        raise NotImplementedError

    @override
    def health(self, *, timeout: float = 5.0) -> Health:
        return Health(live=self.script.mode != "refused")

    @property
    @override
    def probe(self) -> ProbeQuery:
        return self._probe

    @override
    def load_tpch(self, dataset: Dataset, progress: Callable[[str, int], None] | None = None) -> LoadReport:
        raise NotImplementedError

    @override
    def tpch_sql(self, query: TpchQuery, scale_factor: float) -> tuple[str, Mapping[str, str]]:
        raise NotImplementedError


ScriptedEngine.kind = "scripted"  # afterwards, so that it is not registered among the real ones


class FakeTarget(Target):
    """A target around given engines; what else it can do, subclasses say."""

    def __init__(self, directory: Path, engines: Sequence[Engine]) -> None:
        self._directory = directory
        self._engines = engines
        self.outputs = Outputs(
            target="external",
            stack="fake",
            engines=tuple(
                EngineOutput(
                    kind=engine.endpoint.kind,
                    title="Fake",
                    version="1",
                    namespace="none",
                    service="fake",
                    port=1,
                    scheme="http",
                    user="nobody",
                )
                for engine in engines
            ),
        )

    @property
    @override
    def name(self) -> str:
        return "fake"

    @property
    @override
    def transport(self) -> str:
        return "none"

    @override
    def engines(self) -> Sequence[Engine]:
        return self._engines

    @property
    @override
    def state_directory(self) -> Path:
        return self._directory

    @override
    def open(self) -> None:
        """Nothing to open."""

    @override
    def close(self) -> None:
        """Nothing to close."""
