"""The comparison document (``comparison.json``). Durations in seconds; ratios are new over base."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from benchmarks.regression import Change
from runner.results import Model


class RunSide(Model):
    """One side: where its documents were read, and what the first of them says of itself."""

    files: tuple[str, ...]
    started_at: float
    target: str
    command: str
    verdict: str
    platform: str
    cpus: int
    memory_bytes: int
    scale_factor: float
    versions: dict[str, str]


class QueryComparison(Model):
    """One query on one engine.

    ``base_seconds`` and ``new_seconds`` are trimmed means (``benchmarks.noise.typical``), ``ratio`` is theirs,
    ``judged`` the same over the engine's shift, ``low`` and ``high`` the interval of ``judged``. All are ``None`` where
    a side has no time that counts, the interval also where nothing tells the noise. ``executions``: timed ones of both.
    """

    query: int
    base_seconds: float | None = None
    new_seconds: float | None = None
    ratio: float | None = None
    judged: float | None = None
    low: float | None = None
    high: float | None = None
    executions: tuple[int, int] = (0, 0)
    change: Change
    reason: str = ""


class EngineComparison(Model):
    """All queries of one engine.

    ``ratio`` is the geometric mean of the queries' ratios with its interval; ``shift`` what the queries were judged
    against, on which ``agreeing`` of them agree. ``restarts``: process starts of each side; with a single one nobody
    knows what the next start would have changed, and the scatter of the queries stands in for it. ``one_run``: a side
    is a single run, which does not show how far whole runs drift.
    """

    engine: str
    title: str
    ratio: float | None
    low: float | None = None
    high: float | None = None
    change: Change
    shift: float = 1.0
    agreeing: int = 0
    restarts: tuple[int, int]
    one_run: bool = True
    queries: tuple[QueryComparison, ...]
    only_base: tuple[int, ...] = ()
    only_new: tuple[int, ...] = ()


class Measure(Model):
    """Anything else that both runs measured. A ``ratio`` is ``None`` where the base is zero; texts are for people."""

    part: Literal["load", "recovery", "verdict"]
    subject: str
    name: str
    base: str
    new: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    change: Change
    reason: str = ""


class Comparison(Model):
    """The whole of it. ``allowed`` names what differs between the runs and was allowed to."""

    base: RunSide
    new: RunSide
    margin: float
    coarse_margin: float
    confidence: float
    allowed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    engines: tuple[EngineComparison, ...] = ()
    measures: tuple[Measure, ...] = ()

    @property
    def change(self) -> Change:
        """The whole in a word: anything worse is worse, anything better better; nothing told is cannot tell."""
        counted = self.counts()
        for change in (Change.WORSE, Change.BETTER, Change.SAME):
            if counted[change]:
                return change
        return Change.CANNOT_TELL

    def counts(self) -> Counter[Change]:
        """How many of each verdict."""
        return Counter(self._changes())

    def _changes(self) -> Iterator[Change]:
        for engine in self.engines:
            if engine.ratio is not None:
                yield engine.change
            yield from (query.change for query in engine.queries)
        yield from (measure.change for measure in self.measures)

    def to_json(self) -> str:
        """The document as it is written, with the verdict of the whole and the counts."""
        counted = {change.value: count for change, count in self.counts().items()}
        whole = {"change": self.change.value, "counts": counted, **self.model_dump(mode="json")}
        return json.dumps(whole, indent=1) + "\n"
