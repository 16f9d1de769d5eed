"""Bootstrap intervals of medians, of ratios of medians and of geometric means, for timings repeated over restarts.

A *sample* is what one run measured of one thing: groups (process restarts), each with its executions, in seconds.
Executions of one process resemble each other (just-in-time compilation, memory layout), so they must not pass for
independent ones: restarts are resampled first, executions within the drawn restarts then (Davison, Hinkley 1997,
*Bootstrap Methods and their Application*, section 3.8; Kalibera, Jones 2013, *Rigorous Benchmarking in Reasonable
Time*). A sample of one group is resampled by its executions alone, and says nothing about another process.

Intervals are percentile intervals (Efron, Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 13). BCa is no
help here: its acceleration comes from the jackknife, which is inconsistent for medians (the same, section 11.6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Sample = Sequence[Sequence[float]]

RESAMPLES = 10_000
CONFIDENCE = 0.95
AT_ONCE = 2_000_000  # drawn values in memory


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, in the value's unit; ``high`` is infinite where a ratio's base may be zero."""

    value: float
    low: float
    high: float
    confidence: float


def bootstrap_medians(sample: Sample, generator: np.random.Generator, resamples: int = RESAMPLES) -> Numbers:
    """Medians of resampled samples, one for each resample.

    Raises:
        ValueError: there is no group, or an empty one.
    """
    lengths = np.array([len(group) for group in sample])
    if not lengths.size or not lengths.all():
        raise ValueError("a sample needs at least one group, and each group at least one value")
    table = np.full((len(sample), lengths.max()), np.nan)
    for row, group in zip(table, sample, strict=True):
        row[: len(group)] = group
    block = max(1, AT_ONCE // table.size)
    sizes = (min(block, resamples - start) for start in range(0, resamples, block))
    return np.concatenate([_drawn_medians(table, lengths, generator, size) for size in sizes])


def _drawn_medians(
    table: Numbers, lengths: NDArray[np.intp], generator: np.random.Generator, resamples: int
) -> Numbers:
    """Medians of resamples of a table with a row for each group, filled up with NaN."""
    groups = generator.integers(len(table), size=(resamples, len(table)))
    places = (generator.random((*groups.shape, table.shape[1])) * lengths[groups][..., None]).astype(np.intp)
    drawn = table[groups[..., None], places]
    if lengths.min() == lengths.max():
        return np.asarray(np.median(drawn.reshape(resamples, -1), axis=1))
    beyond = np.arange(table.shape[1]) >= lengths[groups][..., None]  # a shorter group gives as many as it has
    return np.asarray(np.nanmedian(np.where(beyond, np.nan, drawn).reshape(resamples, -1), axis=1))


def median_estimate(sample: Sample, *, confidence: float = CONFIDENCE, seed: int = 1) -> Estimate:
    """The median of all values with its interval.

    Raises:
        ValueError: as for ``bootstrap_medians``.
    """
    drawn = bootstrap_medians(sample, np.random.default_rng(seed))
    return _estimate(pooled_median(sample), drawn, confidence)


def ratio_estimate(new: Sample, base: Sample, *, confidence: float = CONFIDENCE, seed: int = 1) -> Estimate:
    """The median of ``new`` over that of ``base``; a base of zero makes it infinite.

    Raises:
        ValueError: as for ``bootstrap_medians``.
    """
    generator = np.random.default_rng(seed)
    drawn = _divide(bootstrap_medians(new, generator), bootstrap_medians(base, generator))
    value = _divide(np.array(pooled_median(new)), np.array(pooled_median(base)))
    return _estimate(float(value), drawn, confidence)


def geometric_mean_estimate(samples: Sequence[Sample], *, confidence: float = CONFIDENCE, seed: int = 1) -> Estimate:
    """The geometric mean of the samples' medians; every value must be positive.

    Samples are resampled one by one: what strikes all of them in the same restart is not seen (``regression`` sees it).

    Raises:
        ValueError: no sample, or as for ``bootstrap_medians``.
    """
    if not samples:
        raise ValueError("a geometric mean needs at least one sample")
    generator = np.random.default_rng(seed)
    drawn = np.mean([np.log(bootstrap_medians(sample, generator)) for sample in samples], axis=0)
    value = math.exp(np.mean([math.log(pooled_median(sample)) for sample in samples]))
    return _estimate(value, np.exp(drawn), confidence)


def pooled_median(sample: Sample) -> float:
    """The median of all values of all groups."""
    return float(np.median(np.concatenate([np.asarray(group, dtype=float) for group in sample])))


def percentile_interval(drawn: Numbers, confidence: float) -> tuple[float, float]:
    """The interval that leaves out equal tails of a bootstrap distribution; infinite draws are allowed."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], method="closest_observation")  # no interpolation with infinity
    return float(low), float(high)


def _estimate(value: float, drawn: Numbers, confidence: float) -> Estimate:
    return Estimate(value, *percentile_interval(drawn, confidence), confidence)


def _divide(over: Numbers, under: Numbers) -> Numbers:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under == 0, math.inf, over / under)
