"""Load at one rate: open-loop arrivals of checked statements, latency from intended and from actual start.

Histograms are HdrHistogram's (three significant digits, 1 microsecond to 1 hour), so percentiles can be merged and
redrawn without loss. A search for the saturation rate would call ``run_load`` at several rates.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

from benchmarks.openloop import Attempt, OpenLoop, poisson
from benchmarks.statements import Statement, StatementClient
from engines import Engine, Outcome

QUANTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "max": 100.0}
LONGEST_MICROSECONDS = 3_600_000_000
PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """One load run.

    Attributes:
        rate: arrivals per second on average (Poisson).
        duration: seconds over which arrivals are spread.
        deadline: seconds from its intended start in which a statement must be answered.
        max_in_flight: clients at most; an arrival that waits longer than the deadline for one is dropped.
        seed: of the arrival times.
    """

    rate: float
    duration: float
    deadline: float = 30.0
    max_in_flight: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rate", "duration", "deadline", "max_in_flight"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be greater than 0, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Latency of right answers in seconds; ``quantiles`` has the keys of ``QUANTILES``, empty without answers.

    ``curve`` holds (percentile, seconds) on HdrHistogram's own axis, denser towards 100.
    """

    count: int
    quantiles: dict[str, float]
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What one load run came to. ``achieved`` is right answers per second of the whole run, stragglers included."""

    spec: LoadSpec
    offered: int
    sent: int
    dropped: int
    outcomes: dict[Outcome, int]
    errors: dict[str, int]
    operations: dict[str, int]
    achieved: float
    corrected: LatencySummary
    uncorrected: LatencySummary
    problems: tuple[str, ...]


def run_load(
    engine: Engine,
    statements: Sequence[Statement],
    spec: LoadSpec,
    progress: Callable[[Attempt], None] | None = None,
) -> LoadRun:
    """Offer the load and wait for every answer or its deadline.

    Args:
        engine: where to send.
        statements: drawn in turn, so that every one gets its share.
        spec: rate, duration and limits.
        progress: called with each attempt, from several threads.
    """
    loop = OpenLoop(
        poisson(spec.rate, spec.duration, spec.seed),
        lambda: StatementClient(engine, statements, lambda index: index % len(statements)),
        deadline=spec.deadline,
        max_in_flight=spec.max_in_flight,
        listener=progress,
        name=f"load-{engine.kind}",
    )
    loop.start()
    try:
        loop.join()
    except BaseException:
        loop.stop()
        raise
    return summarize(loop.attempts(), spec, offered=loop.offered, elapsed=time.monotonic() - loop.began)


def summarize(attempts: Sequence[Attempt], spec: LoadSpec, *, offered: int, elapsed: float) -> LoadRun:
    """Counts and histograms of a finished run; ``elapsed`` in seconds from the first intended start to the end."""
    sent = [attempt for attempt in attempts if not attempt.dropped]
    right = [attempt for attempt in sent if attempt.outcome is Outcome.OK]
    wrong = [attempt for attempt in sent if attempt.outcome is not Outcome.OK]
    return LoadRun(
        spec=spec,
        offered=offered,
        sent=len(sent),
        dropped=offered - len(sent),
        outcomes={outcome: sum(a.outcome is outcome for a in sent) for outcome in Outcome},
        errors=dict(Counter(attempt.error for attempt in wrong)),
        operations=dict(Counter(attempt.operation for attempt in sent)),
        achieved=len(right) / elapsed if elapsed > 0 else 0.0,
        corrected=latency_summary(attempt.latency for attempt in right),
        uncorrected=latency_summary(attempt.service_time for attempt in right),
        problems=tuple(f"{a.operation}: {a.detail}" for a in wrong[:PROBLEMS_SHOWN]),
    )


def latency_summary(seconds: Iterable[float]) -> LatencySummary:
    """Summarise latencies given in seconds through an HdrHistogram."""
    histogram = HdrHistogram(1, LONGEST_MICROSECONDS, 3)
    for value in seconds:
        histogram.record_value(min(LONGEST_MICROSECONDS, max(1, round(value * 1e6))))
    count = histogram.get_total_count()
    if not count:
        return LatencySummary(0, {}, ())
    quantiles = {name: histogram.get_value_at_percentile(percentile) / 1e6 for name, percentile in QUANTILES.items()}
    curve = tuple(
        (item.percentile_level_iterated_to, item.value_iterated_to / 1e6)
        for item in histogram.get_percentile_iterator(ticks_per_half_distance=5)
    )
    return LatencySummary(count, quantiles, curve)
