"""Has a run become slower than another one? Verdicts on a family of queries that were measured together.

What a fair verdict has to get past, and how it does:

- **Few executions.** Three executions of a query tell its noise badly, but all queries of an engine together tell it
  well: each query's noise is drawn towards that of its siblings (moderation, as in Smyth 2004, *Linear Models and
  Empirical Bayes Methods*), and residuals are resampled from the whole family (residual bootstrap, Davison, Hinkley
  1997, section 6.2.3). How badly the noise is known makes intervals wider, as in Student's.
- **Processes.** Noise has two levels, between restarts and within one; both are resampled (see ``statistics``). A run
  of one process does not show the first: the scatter of the siblings' ratios stands in for it.
- **Drift.** A machine is some per cent slower today. What moves many queries alike is the *shift*: queries are judged
  against it, so that one drifting run is not 22 alarms, and the engine as a whole has a verdict of its own, against 1.
  The shift is the *least* one that a good part of the queries agree on, so that a change of half of them is not
  mistaken for one of the other half. How far runs drift is seen only where a side has several; otherwise the whole
  must move by more than ``drift`` for a verdict.
- **Many queries.** A difference must hold at ``1 - error / number of queries`` (Bonferroni), so that a false alarm
  among all of them is as rare as one in a single test.
- **No difference is not the same.** *Same* must be shown: the interval lies within the margin (equivalence by interval
  inclusion, Schuirmann 1987). Otherwise it is *cannot tell*.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.noise import RunNoise, typical
from benchmarks.statistics import CONFIDENCE, Numbers, Sample, percentile_interval

Key = TypeVar("Key", bound=Hashable)

MARGIN = 0.12
"""Between two mistakes: a fifth slower is found nearly always, and what has not changed is called the same after an
amount of measuring that people do (docs/compare.md)."""

AGREEING = 0.4  # share of the queries that makes a shift; more than that may have changed in earnest
ROUNDS = 3
TAILS = (
    4  # degrees of freedom of the scatter of queries in single processes: a burst of others' work strikes a few hard
)
SIBLINGS = 8  # queries that it takes to speak of a shift, or of a scatter


class Change(StrEnum):
    """What became of a measure where less is better."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Rule:
    """How to judge.

    Attributes:
        margin: the smallest change worth a verdict: 0.1 is 10 % slower, or faster by the same factor.
        confidence: of the intervals that are shown and that *same* must keep within the margin.
        drift: how far a whole run may be off by its machine's doing, where a side is a single run.
        error: chance of any false alarm among all queries.
        tests: how many queries are tested in all; ``None`` for those of the family.
        resamples: bootstrap resamples.
        seed: of the bootstrap.
    """

    margin: float = MARGIN
    confidence: float = CONFIDENCE
    drift: float = 0.25
    error: float = 0.05
    tests: int | None = None
    resamples: int = 10_000
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.margin < math.inf:
            raise ValueError(f"a margin must be greater than 0, not {self.margin}")


@dataclass(frozen=True, slots=True)
class Ratio:
    """New over base, less is better. ``value`` is as measured, ``judged`` against the family's shift.

    ``low`` and ``high`` bound ``judged`` at the rule's confidence; ``None`` where nothing tells the noise.
    """

    value: float
    judged: float
    low: float | None
    high: float | None
    change: Change


@dataclass(frozen=True, slots=True)
class FamilyChange(Generic[Key]):
    """All queries of one engine.

    Attributes:
        together: geometric mean of the ratios, judged against 1.
        shift: the ratio that the queries were judged against; 1 where there are too few of them.
        agreeing: how many queries moved by the shift; all of them where they scatter and it is their median.
        ratios: each query's.
        one_process: a side saw a single process, so what another one would have changed is only guessed at.
        one_run: a side is a single run, so how far runs drift is not known.
    """

    together: Ratio
    shift: float
    agreeing: int
    ratios: dict[Key, Ratio]
    one_process: bool
    one_run: bool = True


def compare_family(
    base: Mapping[Key, Sample],
    new: Mapping[Key, Sample],
    rule: Rule | None = None,
    *,
    runs: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> FamilyChange[Key]:
    """Judge what both sides have; all seconds must be positive.

    Args:
        base: each query's sample.
        new: the same of what is judged.
        rule: how to judge.
        runs: of how many of the groups each run of a side consists, in their order; empty: a single run.

    Raises:
        ValueError: the runs have nothing in common, or a sample is empty.
    """
    rule = rule or Rule()
    keys = [key for key in base if key in new]
    if not keys:
        raise ValueError("the two runs have no query in common")
    sides = [[run[key] for key in keys] for run in (base, new)]
    value = np.array([math.log(typical(n) / typical(b)) for b, n in zip(*sides, strict=True)])
    noises = [RunNoise(side, each) for side, each in zip(sides, runs, strict=True)]
    one_process = any(noise.restarts == 1 for noise in noises)
    if not all(noise.known for noise in noises):
        return _unknown(keys, value, one_process=one_process)
    generator = np.random.default_rng(rule.seed)
    (base_own, base_all), (new_own, new_all) = (noise.draw(generator, rule.resamples) for noise in noises)
    own, common = new_own - base_own, new_all - base_all
    if one_process:
        own += _unseen(value, own, rule) * generator.standard_t(TAILS, own.shape)
    one_run = any(noise.runs == 1 for noise in noises)
    together = _together(value, own.mean(axis=0) + common, rule, one_run=one_run)
    shift, alike = 0.0, np.zeros(len(keys), dtype=bool)
    drawn = value[:, None] + own
    if len(keys) >= SIBLINGS:
        shift, alike = _shift(value, math.log1p(rule.margin))
        drawn -= shift + own[alike].mean(axis=0)
    else:
        drawn += common
    tests = rule.tests or len(keys)
    ratios = {key: _judge(float(value[i]), drawn[i], rule, tests, shift) for i, key in enumerate(keys)}
    return FamilyChange(together, math.exp(shift), int(alike.sum()), ratios, one_process, one_run)


def verdict(drawn: Numbers, point: float, rule: Rule, tests: int = 1) -> Change:
    """The rule itself, for logarithms of a ratio: its bootstrap distribution and its point estimate."""
    limit = math.log1p(rule.margin)
    low, high = percentile_interval(drawn, rule.confidence)
    if -limit <= low and high <= limit:
        return Change.SAME
    low, high = percentile_interval(drawn, 1 - rule.error / tests)
    if point > limit and low > 0:
        return Change.WORSE
    if point < -limit and high < 0:
        return Change.BETTER
    return Change.CANNOT_TELL


def _together(value: Numbers, noise: Numbers, rule: Rule, *, one_run: bool) -> Ratio:
    """All queries as one, which a drift of a single run may have moved."""
    mean = float(value.mean())
    found = _judge(mean, mean + noise, rule, tests=1)
    if one_run and abs(mean) <= math.log1p(rule.drift) and found.change is not Change.SAME:
        return replace(found, change=Change.CANNOT_TELL)
    return found


def _judge(value: float, drawn: Numbers, rule: Rule, tests: int, shift: float = 0.0) -> Ratio:
    low, high = percentile_interval(drawn, rule.confidence)
    change = verdict(drawn, value - shift, rule, tests)
    return Ratio(math.exp(value), math.exp(value - shift), math.exp(low), math.exp(high), change)


def _shift(value: Numbers, limit: float) -> tuple[float, NDArray[np.bool_]]:
    """The least shift that a share of ``AGREEING`` of the queries has, and which of them; their median if none has.

    Sought as a mode is (the shortest interval that holds the share: Robertson, Cryer 1974), but of all intervals within
    the margin the one nearest to no change is taken; it is then centred among the queries within the margin around it.
    """
    need = math.ceil(AGREEING * len(value))
    ordered = np.sort(value)
    lows, highs = ordered[: len(value) - need + 1], ordered[need - 1 :]
    centres = (lows + highs)[highs - lows <= limit] / 2
    if not centres.size:
        return float(np.median(value)), np.ones(len(value), dtype=bool)
    centre = float(centres[int(np.argmin(np.abs(centres)))])
    for _ in range(ROUNDS):
        centre = float(np.median(value[np.abs(value - centre) <= limit]))
    return centre, np.asarray(np.abs(value - centre) <= limit)


def _unseen(value: Numbers, specific: Numbers, rule: Rule) -> float:
    """Spread of the ratios beyond what the noise explains: what another process would have changed."""
    if len(value) < SIBLINGS:
        return rule.margin / 2
    deviation = 1.4826 * np.median(np.abs(value - np.median(value)))  # a standard deviation, were it normal
    return math.sqrt(max(0.0, float(deviation**2 - np.median(specific.var(axis=1)))))


def _unknown(keys: Sequence[Key], value: Numbers, *, one_process: bool) -> FamilyChange[Key]:
    """Nothing tells the noise: single executions of single processes."""

    def ratio(log: float) -> Ratio:
        return Ratio(math.exp(log), math.exp(log), None, None, Change.CANNOT_TELL)

    ratios = {key: ratio(float(log)) for key, log in zip(keys, value, strict=True)}
    return FamilyChange(ratio(float(value.mean())), 1.0, 0, ratios, one_process)
