"""What a load generator counts while it works: bounded memory however long the run, mergeable across processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.latency import Latencies
from benchmarks.openloop import Reply
from engines import Outcome

LATE_SECONDS = 0.002
"""An arrival that the generator took up later than this was late through its own fault."""

PROBLEMS_SHOWN = 5


@dataclass(slots=True)
class Tally:
    """Counts and histograms of a load run, or of one process's part of it.

    Attributes:
        limit: seconds from the intended start; what is not answered right by then is counted in ``over``.
        offered: arrivals whose time had come.
        late: of these, how many the generator itself took up more than ``LATE_SECONDS`` after their time.
        waited: how many found all clients busy and had to wait for one.
        dropped: how many found none within the deadline; nothing was sent.
        over: arrivals that missed ``limit``: late, failed, wrong or dropped.
        lag: from the intended start until the generator took the arrival up. What it waited then for a free client
            is the engine's doing and not in here.
        corrected, uncorrected: latency of right answers from the intended and from the actual start.
        by_operation: corrected, for each statement.
        cpu_seconds: that the generator's processes used.
        last: moment of the last answer (``time.monotonic()``).
        spread: seconds within which all parts began, at most; 0 where they have one clock.
    """

    limit: float | None = None
    offered: int = 0
    late: int = 0
    waited: int = 0
    dropped: int = 0
    over: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    lag: Latencies = field(default_factory=Latencies)
    corrected: Latencies = field(default_factory=Latencies)
    uncorrected: Latencies = field(default_factory=Latencies)
    by_operation: dict[str, Latencies] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    last: float = 0.0
    spread: float = 0.0

    def arrived(self, lag: float) -> None:
        """The generator takes an arrival up, ``lag`` seconds after its time."""
        self.offered += 1
        self.late += lag > LATE_SECONDS
        self.lag.record(lag)

    def drop(self) -> None:
        """An arrival found no client within its deadline."""
        self.dropped += 1
        self.over += 1

    def answered(self, reply: Reply, intended: float, started: float, finished: float) -> None:
        """A client is done with an arrival; moments on one clock."""
        self.last = max(self.last, finished)
        self.outcomes[reply.outcome] += 1
        self.operations[reply.operation] += 1
        if reply.outcome is not Outcome.OK:
            self._wrong(reply)
            return
        latency = finished - intended
        self.over += self.limit is not None and latency > self.limit
        self.corrected.record(latency)
        self.uncorrected.record(finished - started)
        if reply.operation not in self.by_operation:
            self.by_operation[reply.operation] = Latencies()
        self.by_operation[reply.operation].record(latency)

    def _wrong(self, reply: Reply) -> None:
        self.over += 1
        self.errors[reply.error] += 1
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(f"{reply.operation}: {reply.detail}")

    @property
    def sent(self) -> int:
        """Arrivals that a client has sent and is done with."""
        return self.outcomes.total()

    @property
    def done(self) -> int:
        """Arrivals whose fate is known."""
        return self.sent + self.dropped


def merged(tallies: Iterable[Tally]) -> Tally:
    """The whole that the parts of several processes make."""
    whole = Tally()
    for part in tallies:
        whole.limit = part.limit
        for name in ("offered", "late", "waited", "dropped", "over", "cpu_seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        for name in ("outcomes", "errors", "operations"):
            getattr(whole, name).update(getattr(part, name))
        for name in ("lag", "corrected", "uncorrected"):
            getattr(whole, name).add(getattr(part, name))
        for operation, latencies in part.by_operation.items():
            whole.by_operation.setdefault(operation, Latencies()).add(latencies)
        whole.problems = (whole.problems + part.problems)[:PROBLEMS_SHOWN]
        whole.last = max(whole.last, part.last)
        whole.spread = max(whole.spread, part.spread)
    return whole
