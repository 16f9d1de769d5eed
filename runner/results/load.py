"""Load, answers and latency in the results document."""

from __future__ import annotations

from runner.results.base import Model


class Percentiles(Model):
    """Latency in seconds; ``None`` where nothing was measured."""

    count: int
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None


class Answers(Model):
    """What became of the statements clients sent."""

    ok: int = 0
    failed: int = 0
    wrong: int = 0
    unknown: int = 0


class LoadResult(Model):
    """One open-loop load run.

    ``corrected`` counts latency from the intended start, ``uncorrected`` from the actual one: the gap between the two
    is what coordinated omission would have hidden. ``curve`` holds (percentile, seconds) of the corrected histogram.
    """

    engine: str
    rate_per_second: float
    duration_seconds: float
    offered: int
    sent: int
    dropped: int
    answers: Answers
    errors: dict[str, int] = {}
    achieved_per_second: float
    corrected: Percentiles
    uncorrected: Percentiles
    curve: tuple[tuple[float, float], ...] = ()
    mix: dict[str, int] = {}
    problems: tuple[str, ...] = ()
