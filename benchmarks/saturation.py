"""The highest rate that meets an objective: steps upwards, then bisection, with enough arrivals at each step.

An objective is a percentile of corrected latency, a limit for it, and a share of errors. It is met when at most the
share beyond the percentile (1 % for the 99th) of all *arrivals* was not answered right within the limit: what failed
or was dropped took, for whoever waited, longer than any limit.

How long a step lasts has two reasons, and the longer one counts:

* enough arrivals for the percentile (``benchmarks.tails.enough``: 1,522 for the 99th);
* long enough for an overload to show: at a rate ``r`` times the capacity the delay grows by ``r - 1`` seconds per
  second, so an overload as small as the search's resolution passes the limit after limit / resolution seconds.

A step ends early when it has certainly missed. With fewer arrivals than needed, because the time was limited, only a
clear result counts: met or missed with 95 % confidence, by exact binomial bounds. Anything else is *undecided* and
never taken for a rate that meets the objective.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from benchmarks.load import LoadRun, Sofar, Watch
from benchmarks.tails import enough, surely_less, surely_more

Purpose = Literal["warm-up", "search", "confirm"]
FACTOR = 2.0
EARLY_DOUBT = 1e-4
"""Risk of ending a step early by chance; small, because it is asked several times per second."""

CONFIRMATIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a rate has to meet.

    Attributes:
        limit: seconds, for the percentile of corrected latency.
        percentile: between 50 and 99.99.
        errors: largest share of arrivals that are failed, wrong, unknown or dropped.
    """

    limit: float
    percentile: float = 99.0
    errors: float = 0.001

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 600:
            raise ValueError(f"the limit must be greater than 0 and at most 600 seconds, not {self.limit:g}")
        if not 50 <= self.percentile <= 99.99:
            raise ValueError(f"the percentile must be from 50 to 99.99, not {self.percentile:g}")
        if not 0 <= self.errors < 1:
            raise ValueError(f"the share of errors must be from 0 to less than 1, not {self.errors:g}")

    @property
    def beyond(self) -> float:
        """Share of arrivals that may miss the limit."""
        return 1 - self.percentile / 100

    @property
    def needed(self) -> int:
        """Arrivals after which the percentile is known well enough."""
        return enough(self.percentile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How to search.

    Attributes:
        start: arrivals per second to begin with.
        lowest, highest: rates per second that are not passed.
        resolution: the search ends when the lowest rate that missed is at most this much above the highest that met.
        most_steps: bound of steps, warm-up and confirmation included.
        seconds: bound of the whole search; no step begins after it.
        step_seconds: bound of one step.
    """

    start: float
    lowest: float = 0.1
    highest: float = 100_000.0
    resolution: float = 0.05
    most_steps: int = 24
    seconds: float = 1800.0
    step_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.lowest <= self.start <= self.highest:
            rates = f"{self.lowest:g}, {self.start:g} and {self.highest:g}"
            raise ValueError(f"rates must be greater than 0, lowest <= start <= highest, not {rates}")
        if not 0.005 <= self.resolution <= 1:
            raise ValueError(f"the resolution must be from 0.005 to 1, not {self.resolution:g}")
        if not 3 <= self.most_steps <= 100:
            raise ValueError(f"the number of steps must be from 3 to 100, not {self.most_steps}")
        if not (0 < self.step_seconds <= 3600 and 0 < self.seconds <= 86_400):
            raise ValueError("a step may last up to 3600 seconds and a search up to 86400, both more than 0")

    def duration(self, rate: float, objective: Objective) -> float:
        """Seconds that a step at this rate lasts."""
        wanted = max(objective.needed / rate, objective.limit / self.resolution, 1.0)
        return min(wanted, self.step_seconds)


class StepOutcome(StrEnum):
    """What a step says about its rate."""

    MEETS = "meets"
    MISSES = "misses"
    UNDECIDED = "undecided"
    GENERATOR = "generator"


@dataclass(frozen=True, slots=True)
class Step:
    """One rate that was tried. ``promising``: no more of its few arrivals missed the limit than may."""

    purpose: Purpose
    rate: float
    duration: float
    run: LoadRun
    outcome: StepOutcome
    reason: str
    stopped: bool
    promising: bool

    @property
    def good(self) -> bool:
        """Whether higher rates are worth a try: it meets the objective, or may well do with more arrivals."""
        return self.outcome is StepOutcome.MEETS or (self.outcome is StepOutcome.UNDECIDED and self.promising)


@dataclass(frozen=True, slots=True)
class Saturation:
    """What a search has found.

    Attributes:
        rate: highest that met the objective; ``None`` when none did.
        above: lowest that was tried and did not meet it.
        complete: ``above`` is within the resolution of ``rate``.
        confirmed: ``rate`` met the objective a second time.
        reason: why it is not complete.
    """

    objective: Objective
    rate: float | None
    above: float | None
    complete: bool
    confirmed: bool
    steps: tuple[Step, ...]
    reason: str = ""

    @property
    def hopeless(self) -> bool:
        """Whether every rate that was tried is certainly too high; one that had too few arrivals may not be."""
        outcomes = {step.outcome for step in self.steps if step.purpose != "warm-up"}
        return outcomes == {StepOutcome.MISSES}


Offer = Callable[[float, float, Watch], LoadRun]
"""Offers a rate (per second) for a duration (seconds) and lets the watch end it early."""


def judge(run: LoadRun, objective: Objective, *, stopped: bool = False) -> tuple[StepOutcome, str]:
    """Whether a run meets the objective, and why not.

    The generator's lag is part of the corrected latency: a run that meets the objective in spite of it does. One that
    does not says nothing of the engine.
    """
    outcome, reason = _judge(run, objective, stopped=stopped)
    if run.invalid and outcome is not StepOutcome.MEETS:
        return StepOutcome.GENERATOR, run.invalid
    return outcome, reason


def _judge(run: LoadRun, objective: Objective, *, stopped: bool) -> tuple[StepOutcome, str]:
    errors = run.dropped + sum(run.errors.values())
    few = run.offered < objective.needed
    if stopped or _exceeds(errors, run.offered, objective.errors, few=few):
        what = f"{errors} of {run.offered} arrivals failed or were dropped, {run.over} missed {objective.limit:g} s"
        return StepOutcome.MISSES, what
    if _exceeds(run.over, run.offered, objective.beyond, few=few):
        return StepOutcome.MISSES, f"{run.over} of {run.offered} arrivals missed {objective.limit:g} s"
    if not few:
        return StepOutcome.MEETS, ""
    if surely_less(run.over, run.offered, objective.beyond):
        return StepOutcome.MEETS, ""
    needed = f"{run.offered} arrivals, {objective.needed} needed"
    return StepOutcome.UNDECIDED, f"too few to tell ({needed}): {run.over} missed {objective.limit:g} s"


def _exceeds(count: int, total: int, share: float, *, few: bool) -> bool:
    if not few:
        return count > share * total
    return surely_more(count, total, share, doubt=0.05)


@dataclass(slots=True)
class _Searching:
    """The state of one search."""

    offer: Offer
    objective: Objective
    search: Search
    settle: Callable[[], None]
    tell: Callable[[Step], None]
    clock: Callable[[], float]
    steps: list[Step] = field(default_factory=list)
    ends: float = 0.0

    def above(self) -> float | None:
        """Lowest rate that was tried and is too high."""
        return min((step.rate for step in self._counted() if not step.good), default=None)

    def low(self) -> float | None:
        """Highest rate below it that is good."""
        return self._highest(lambda step: step.good)

    def met(self) -> float | None:
        """Highest rate below it that was shown to meet the objective."""
        return self._highest(lambda step: step.outcome is StepOutcome.MEETS)

    def _highest(self, wanted: Callable[[Step], bool]) -> float | None:
        above = self.above()
        rates = (step.rate for step in self._counted() if wanted(step) and (above is None or step.rate < above))
        return max(rates, default=None)

    def _counted(self) -> list[Step]:
        return [step for step in self.steps if step.purpose != "warm-up"]

    def exhausted(self) -> str:
        """Why no further step may be made; empty when one may."""
        if len(self.steps) >= self.search.most_steps:
            return f"the search has made its {self.search.most_steps} steps"
        if self.clock() >= self.ends:
            return f"the search has used its {self.search.seconds:g} s"
        return ""

    def try_rate(self, rate: float, purpose: Purpose) -> Step:
        """One step, after the engine has come to rest."""
        if self.steps:
            self.settle()
        duration = self.search.duration(rate, self.objective)
        stopped = False

        def lost(sofar: Sofar) -> bool:
            nonlocal stopped
            expected = max(1, math.ceil(rate * duration))
            # Lost for good: even if everything from now on were in time.
            stopped = stopped or (
                sofar.over > self.objective.beyond * expected
                and surely_more(sofar.over, expected, self.objective.beyond, EARLY_DOUBT)
            )
            return stopped

        run = self.offer(rate, duration, lost)
        outcome, reason = judge(run, self.objective, stopped=stopped)
        promising = run.over <= self.objective.beyond * run.offered
        step = Step(purpose, rate, duration, run, outcome, reason, stopped, promising)
        self.steps.append(step)
        self.tell(step)
        return step


def find_saturation(
    offer: Offer,
    objective: Objective,
    search: Search,
    *,
    settle: Callable[[], None] = lambda: None,
    tell: Callable[[Step], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Saturation:
    """Search.

    Args:
        offer: offers load at a rate.
        objective: what the rate has to meet.
        search: bounds.
        settle: waits until the engine has come to rest, between two steps.
        tell: told of each step.
        clock: seconds, monotonic.
    """
    state = _Searching(offer, objective, search, settle, tell, clock, ends=clock() + search.seconds)
    state.try_rate(search.start, "warm-up")
    _bracket(state)
    while (low := state.low()) is not None and (above := state.above()) is not None:
        if above <= low * (1 + search.resolution) or state.exhausted():
            break
        # Capacity is a matter of factors, so the middle is the geometric one.
        state.try_rate(math.sqrt(low * above), "search")
    return _conclude(state)


def _bracket(state: _Searching) -> None:
    """Upwards by factors until a rate is too high; downwards when already the first one is."""
    search, rate = state.search, state.search.start
    while not state.exhausted():
        good = state.try_rate(rate, "search").good
        if state.low() is not None and state.above() is not None:
            return
        if rate >= search.highest if good else rate <= search.lowest:
            return
        rate = min(search.highest, rate * FACTOR) if good else max(search.lowest, rate / FACTOR)


def _conclude(state: _Searching) -> Saturation:
    """Confirm the rate; one that does not hold a second time gives way to the next lower one that did."""
    confirmed = False
    for _ in range(CONFIRMATIONS):
        met = state.met()
        if met is None or confirmed or state.exhausted():
            break
        confirmed = state.try_rate(met, "confirm").outcome is StepOutcome.MEETS
    met, above = state.met(), state.above()
    complete, reason = _completeness(state, met, above)
    return Saturation(state.objective, met, above, complete, confirmed, tuple(state.steps), reason)


def _completeness(state: _Searching, met: float | None, above: float | None) -> tuple[bool, str]:
    """Whether the search has found what there is to find, and what has ended it otherwise."""
    low = state.low()
    at_above = [step for step in state.steps if step.rate == above and not step.good]
    at_low = [step for step in state.steps if step.rate == low and step.outcome is StepOutcome.UNDECIDED]
    if low is None:
        return False, at_above[-1].reason if at_above else "no step was made"
    if at_low and (met is None or met < low):
        return False, f"at {low:.4g}/s {at_low[-1].reason}; allow longer steps"
    if above is None:
        highest = f"the highest rate allowed, {state.search.highest:g}/s, meets the objective"
        return False, highest if low >= state.search.highest else state.exhausted()
    if at_above and at_above[-1].outcome is not StepOutcome.MISSES:
        return False, f"at {above:.4g}/s {at_above[-1].reason}"
    if above > low * (1 + state.search.resolution) * 1.0001:
        return False, state.exhausted() or f"{above:.4g}/s met the objective only once"
    return True, ""
