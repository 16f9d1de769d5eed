"""Query streams under way side by side, with the refresh stream, and the comparison of their answers afterwards."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from benchmarks.tpch.compare import problem
from benchmarks.tpch.model import Progress, Step
from benchmarks.tpch.oracle import Oracle
from benchmarks.tpch.parameters import Question
from benchmarks.tpch.power import describe
from benchmarks.tpch.throughput_model import Checked, Function, RefreshRun, Stream, StreamQuery
from engines import Answer, Engine, EngineError, Session

FUNCTIONS: tuple[Function, ...] = ("RF1", "RF2")
_REFRESHED = re.compile(r"\b(?:orders|lineitem)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Changed:
    """What one refresh function did: rows by table, in ``seconds`` (``None`` where it failed), and what was wrong."""

    seconds: float | None
    rows: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


class RefreshFunctions(Protocol):
    """The refresh functions on one engine; what they insert and delete is at hand."""

    def run(self, pair: int, function: Function) -> Changed:
        """Run one; ``pair`` counts from 1."""
        ...

    def oracle(self) -> Oracle:
        """Knows the answers over the data after all pairs."""
        ...


@dataclass(frozen=True, slots=True)
class Executed:
    """One query as it went; moments in seconds from the start of the test."""

    question: Question
    started: float
    ended: float
    outcome: Answer | EngineError


@dataclass(slots=True)
class StreamTest:
    """The streams under way: a thread and a connection each; ``pairs`` of refresh functions, and what came of all."""

    engine: Engine
    factor: float
    pairs: int
    deadline: float
    refresh: RefreshFunctions | None
    progress: Progress | None
    executed: dict[int, list[Executed]] = field(default_factory=dict)
    refreshes: list[RefreshRun] = field(default_factory=list)
    refreshed: float = 0.0
    seconds: float = 0.0
    _began: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _broken: list[BaseException] = field(default_factory=list)

    def run(self, asked: Mapping[int, Sequence[Question]]) -> None:
        """Run all streams to their ends; an exception in one of them, or here, ends all at their next query."""
        self.executed = {stream: [] for stream in asked}
        jobs: list[tuple[str, Callable[[], None]]] = [
            (f"stream {stream}", partial(self._stream, stream, questions)) for stream, questions in asked.items()
        ]
        if self.refresh:
            jobs.append(("refresh stream", self._refresh_stream))
        threads = [threading.Thread(target=self._guarded, args=(job,), name=name, daemon=True) for name, job in jobs]
        self._began = time.perf_counter()
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._stop.set()
        self.seconds = self._now()
        if self._broken:
            raise self._broken[0]

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self._broken.append(error)
            self._stop.set()

    def _stream(self, stream: int, questions: Sequence[Question]) -> None:
        session: Session | None = None
        try:
            for done, one in enumerate(questions, start=1):
                if self._stop.is_set():
                    return
                started = self._now()
                outcome: Answer | EngineError
                try:
                    session = session or self.engine.connect()
                    outcome = self._execute(session, one)
                except EngineError as error:
                    outcome = error
                    if session:
                        session.close()
                    session = None
                self.executed[stream].append(Executed(one, started, self._now(), outcome))
                self._tell(f"stream {stream}: Q{one.query.number}", done, len(questions), self._now() - started)
        finally:
            if session:
                session.close()

    def _execute(self, session: Session, one: Question) -> Answer:
        sql, settings = self.engine.tpch_sql(one.query, self.factor)
        return session.execute(sql, deadline=self.deadline, settings=settings)

    def _refresh_stream(self) -> None:
        assert self.refresh is not None  # noqa: S101 - started only with one
        for pair in range(1, self.pairs + 1):
            for function in FUNCTIONS:
                if self._stop.is_set():
                    return
                started = self._now()
                changed = self.refresh.run(pair, function)
                run = RefreshRun(pair, function, started, changed.seconds, changed.rows, changed.problem)
                self.refreshes.append(run)
                self.refreshed = self._now()
                self._tell(f"refresh: {function} of pair {pair}", pair, self.pairs, self._now() - started)

    def _now(self) -> float:
        return time.perf_counter() - self._began

    def _tell(self, subject: str, done: int, total: int, took: float) -> None:
        if self.progress:
            with self._lock:
                self.progress(Step("stream", subject, done, total, f"{took:.2f} s", self.engine.endpoint.kind))


@dataclass(frozen=True, slots=True)
class StreamJudge:
    """Compares answers with those of the state of the data that each query saw."""

    loaded: Oracle
    refresh: RefreshFunctions | None
    runs: tuple[RefreshRun, ...]
    refreshed: float

    def stream(self, number: int, executed: Sequence[Executed]) -> Stream:
        """One stream with its answers compared."""
        seconds = executed[-1].ended - executed[0].started if executed else 0.0
        return Stream(number, seconds, tuple(self._query(one) for one in executed))

    def _query(self, one: Executed) -> StreamQuery:
        asked, answer = one.question.query, one.outcome
        checked = self._state(one)
        result = StreamQuery(asked.number, one.started, None, None, None, checked, parameters=one.question.values)
        if isinstance(answer, EngineError):
            return replace(result, checked=Checked.NO, problem=describe(answer))
        oracle = self.refresh.oracle() if self.refresh and checked is Checked.REFRESHED else self.loaded
        return replace(
            result,
            seconds=one.ended - one.started,
            engine_seconds=answer.engine_seconds,
            rows=len(answer.rows),
            problem="" if checked is Checked.NO else problem(oracle.answer(asked), answer),
        )

    def _state(self, one: Executed) -> Checked:
        if not self.runs or not _REFRESHED.search(one.question.query.sql) or one.ended <= self.runs[0].started_seconds:
            return Checked.LOADED
        done = not any(run.problem for run in self.runs)
        return Checked.REFRESHED if done and one.started >= self.refreshed else Checked.NO
