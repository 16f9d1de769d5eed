"""Bootstrap intervals of a power run: of each query's median, of their geometric mean and of their sum.

Executions of one process resemble each other (just-in-time compilation, memory layout, the state of its files), so they
must not pass for independent ones: restarts are resampled first, then the passes within each drawn restart (Davison,
Hinkley 1997, *Bootstrap Methods and their Application*, section 3.8). All queries of a drawn pass are taken together,
since what slows a pass down slows many of its queries down. Intervals are percentile intervals (Efron, Tibshirani 1993,
*An Introduction to the Bootstrap*, chapter 13). With three restarts such an interval is little more than the range of
the restarts' medians, and covers the truth less often than its confidence says: more restarts are the remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Rounds = Sequence[Sequence[float]]
"""Seconds of one query: for each restart, as many timed passes as for any other."""

CONFIDENCE = 0.95
RESAMPLES = 2_000
FEWEST_ITERATIONS = 3
_BLOCK = 2_000_000  # drawn values at once


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval in seconds. Over ``iterations`` of a single process it says nothing about another process."""

    low: float
    high: float
    confidence: float
    over: Literal["restarts", "iterations"]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of each query's median, in the order given, of their geometric mean and of their sum."""

    medians: tuple[Interval, ...]
    geometric_mean: Interval
    total: Interval


def intervals(queries: Sequence[Rounds], *, seed: int = 1, confidence: float = CONFIDENCE) -> Intervals | None:
    """Intervals of what was measured together; ``None`` with fewer than two restarts and fewer than three iterations.

    Args:
        queries: the timed executions of each query, all with as many restarts and iterations; every one above zero.
        seed: of the resampling.
        confidence: of the intervals.

    Raises:
        ValueError: the queries have differing numbers of restarts or iterations.
    """
    if not queries:
        return None
    table = np.asarray(queries, dtype=np.float64)
    if table.ndim != 3:
        raise ValueError("intervals: each query needs as many restarts and iterations as any other")
    _, restarts, iterations = table.shape
    if not iterations or (restarts < 2 and iterations < FEWEST_ITERATIONS):
        return None
    over: Literal["restarts", "iterations"] = "restarts" if restarts > 1 else "iterations"

    def interval(drawn: Numbers) -> Interval:
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Interval(float(low), float(high), confidence, over)

    medians = np.concatenate(list(_drawn_medians(table, np.random.default_rng(seed))), axis=1)
    return Intervals(
        tuple(interval(row) for row in medians),
        interval(np.exp(np.log(medians).mean(axis=0))),
        interval(medians.sum(axis=0)),
    )


def _drawn_medians(table: Numbers, generator: np.random.Generator) -> Iterator[Numbers]:
    """Medians of each query (rows) in each resample (columns), block by block."""
    queries, restarts, iterations = table.shape
    block = max(1, min(RESAMPLES, _BLOCK // (restarts * iterations)))
    for start in range(0, RESAMPLES, block):
        size = min(block, RESAMPLES - start)
        rounds = generator.integers(restarts, size=(size, restarts, 1))
        passes = generator.integers(iterations, size=(size, restarts, iterations))
        yield np.stack([np.median(table[query][rounds, passes], axis=(1, 2)) for query in range(queries)])
