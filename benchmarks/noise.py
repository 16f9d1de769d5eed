"""The noise of one run's timings: what differs between restarts and within one, learned from all queries together.

All in natural logarithms of seconds, since noise of timings grows with them: 0.05 is about 5 %.

What stands for many executions is their trimmed mean (Wilcox 2012, *Introduction to Robust Estimation and Hypothesis
Testing*, section 3.3): timings scatter more evenly than outliers alone would have them, and then a median throws much
of what was measured away; their tails are what bursts of others' work have struck, so a mean of all is no better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.statistics import Numbers, Sample

PRIOR = 4.0  # degrees of freedom that the family lends to each query; chosen by simulation
LEARNING = 2_000  # draws from which the variance of a trimmed mean is learned
TRIM = 0.2  # share of the values that is left out at either end


def trimmed_mean(values: Numbers) -> Numbers:
    """The mean along the last axis without the smallest and the largest ``TRIM``; of three values the middle one."""
    count = values.shape[-1]
    cut = min(round(TRIM * count), (count - 1) // 2)
    parted = np.partition(values, (cut, count - cut - 1), axis=-1)
    return np.asarray(parted[..., cut : count - cut].mean(axis=-1))


def typical(sample: Sample) -> float:
    """What stands for a sample, in its unit: the trimmed mean of the logarithms of all its values, taken back."""
    logs = np.log(np.concatenate([np.asarray(group, dtype=float) for group in sample]))
    return float(np.exp(trimmed_mean(logs)))


@dataclass(frozen=True, slots=True)
class _Level:
    """One source of noise: each query's standard deviation, and how well it is known (degrees of freedom)."""

    scale: Numbers
    freedom: Numbers

    def drawn(self, query: int, generator: np.random.Generator, resamples: int) -> Numbers:
        """What the standard deviation may as well be: as uncertain as so few values leave it."""
        freedom = self.freedom[query]
        return np.asarray(self.scale[query] * np.sqrt(freedom / generator.chisquare(freedom, size=(resamples, 1))))


class RunNoise:
    """Residuals of one run, from which what stands for each query can be drawn anew.

    Args:
        samples: each query's sample; all values positive.
        runs: of how many restarts each run consists, in their order, where the samples are those of several.

    Attributes:
        restarts: the smallest number of restarts that any query has.
        runs: how many runs there are; 1 as well where a query is not in all of them.
        known: whether any query was executed more than once, so that there is noise to see.
    """

    def __init__(self, samples: Sequence[Sample], runs: Sequence[int] = ()) -> None:
        logs = [[np.log(np.asarray(group, dtype=float)) for group in sample] for sample in samples]
        self.restarts = min(len(sample) for sample in logs)
        self.runs = len(runs) if runs and sum(runs) == self.restarts else 1
        self._shapes = [[len(group) for group in sample] for sample in logs]
        within = [[_deviations(group) for group in sample] for sample in logs]
        self._within = _moderated(within)
        self._residuals = _standardised(within, self._within)
        self._between = _Level(np.zeros(len(logs)), np.ones(len(logs)))
        self._common: Numbers = np.zeros(1)
        if self.restarts > 1:
            self._learn_restarts(logs)
        if self.runs > 1:  # restarts of one run share its drift
            starts = np.cumsum([0, *runs[:-1]])
            self._common = _deviations(np.add.reduceat(self._common, starts) / np.array(runs))
        self.known = self.restarts > 1 or any(length > 1 for shape in self._shapes for length in shape)

    def _learn_restarts(self, logs: Sequence[Sequence[Numbers]]) -> None:
        """Part what strikes all queries of a restart from what strikes one; take off what the executions explain."""
        levels = [[float(trimmed_mean(group)) for group in sample[: self.restarts]] for sample in logs]
        moved = np.array([_deviations(np.array(row)) for row in levels])
        self._common = np.median(moved, axis=0)
        spread = _moderated([[row] for row in moved - self._common])
        explained = self._within.scale**2 * [self._variance(shape) for shape in self._shapes]
        self._between = _Level(np.sqrt(np.maximum(0.0, spread.scale**2 - explained)), spread.freedom)

    def _variance(self, shape: Sequence[int]) -> float:
        """Variance of the trimmed mean of one restart's residuals."""
        if not self._residuals.size:
            return 0.0
        size = (LEARNING, round(float(np.mean(shape))))
        return float(trimmed_mean(np.random.default_rng(1).choice(self._residuals, size=size)).var())

    def draw(self, generator: np.random.Generator, resamples: int) -> tuple[Numbers, Numbers]:
        """Deviations of what stands for each query from the truth.

        Returns:
            Those of each query alone (queries x resamples), and those that all have in common (resamples).
        """
        own = np.array([self._query(index, generator, resamples) for index in range(len(self._shapes))])
        return own, generator.choice(self._common, size=(resamples, len(self._common))).mean(axis=1)

    def _query(self, index: int, generator: np.random.Generator, resamples: int) -> Numbers:
        between = self._between.drawn(index, generator, resamples)
        within = self._within.drawn(index, generator, resamples)
        drawn = []
        for length in self._shapes[index]:
            values = np.broadcast_to(between * generator.standard_normal((resamples, 1)), (resamples, length))
            if self._residuals.size:
                values = values + within * generator.choice(self._residuals, size=(resamples, length))
            drawn.append(values)
        return trimmed_mean(np.concatenate(drawn, axis=1))


def _deviations(values: Numbers) -> Numbers:
    """Deviations from the mean, made as wide as those from the truth; none of a single value."""
    count = len(values)
    return (values - values.mean()) * np.sqrt(count / (count - 1)) if count > 1 else np.empty(0)


def _moderated(queries: Sequence[Sequence[Numbers]]) -> _Level:
    """Each query's standard deviation, drawn towards that of all queries together.

    Args:
        queries: for each, groups of deviations as ``_deviations`` makes them.
    """
    freedom = np.array([sum(max(0, len(group) - 1) for group in groups) for groups in queries], dtype=float)
    squares = np.array(
        [sum((group**2).mean() * (len(group) - 1) for group in groups if len(group)) for groups in queries]
    )
    family = squares.sum() / max(1.0, freedom.sum())
    return _Level(np.sqrt((PRIOR * family + squares) / (PRIOR + freedom)), PRIOR + freedom)


def _standardised(queries: Sequence[Sequence[Numbers]], level: _Level) -> Numbers:
    """All residuals in units of their query's standard deviation; none where there is no noise at all."""
    pairs = [(group, scale) for groups, scale in zip(queries, level.scale, strict=True) for group in groups]
    return np.concatenate([group / scale for group, scale in pairs if scale > 0] or [np.empty(0)])
