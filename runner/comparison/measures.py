"""What both runs measured once: latency under load, recovery times, verdicts.

One load or one experiment of each sort does not show how the next one would have come out, so these are judged by a
wide margin, and their intervals hold only what a single one knows of itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.regression import Change
from benchmarks.statistics import ratio_estimate
from runner.comparison.latency import Bounded, error_share, percentile
from runner.comparison.model import Measure
from runner.comparison.sides import Side
from runner.report.units import duration, percent, rate, with_uncertainty
from runner.results import Experiment, LoadResult, Results, Verdict

T = TypeVar("T")
K = TypeVar("K")

LEAST_SECONDS = 0.5  # of a recovery time; what differs by less is the same to everybody
ENOUGH = 3  # experiments of a side from which their own scatter is known
CHANGED = {
    (Verdict.PASS, Verdict.FAIL): Change.WORSE,
    (Verdict.FAIL, Verdict.PASS): Change.BETTER,
}


def compare_loads(base: Side, new: Side, margin: float) -> Iterator[Measure]:
    """Loads of the same engine at the same rate over the same statements, in their order."""
    ours, theirs = _by(_load_key, _loads(base)), _by(_load_key, _loads(new))
    for key in ours:
        pairs = list(zip(ours[key], theirs.get(key, ()), strict=False))
        for number, (left, right) in enumerate(pairs, start=1):
            subject = f"{left.engine} at {rate(left.rate_per_second)}" + (f", load {number}" if len(pairs) > 1 else "")
            yield from _load(subject, left, right, margin)


def compare_recoveries(base: Side, new: Side, margin: float) -> Iterator[Measure]:
    """Recovery times of experiments of the same name that both sides measured."""
    ours, theirs = (_by(lambda one: one.name, _experiments(side)) for side in (base, new))
    for name in ours:
        if theirs.get(name):
            yield _recovery(
                name, [_Recovery.of(e) for e in ours[name]], [_Recovery.of(e) for e in theirs[name]], margin
            )


def compare_verdicts(base: Side, new: Side) -> Iterator[Measure]:
    """Checks and experiments that failed on one side and passed on the other; the last run of each side counts."""
    ours, theirs = _verdicts(base.runs[-1]), _verdicts(new.runs[-1])
    for name, was in ours.items():
        now = theirs.get(name, was)
        if change := CHANGED.get((was, now)):
            yield Measure(part="verdict", subject=name, name="verdict", base=was.value, new=now.value, change=change)


def _verdicts(run: Results) -> dict[str, Verdict]:
    checks = {f"check {check.name}": check.status for check in run.checks}
    return checks | {f"experiment {experiment.name}": experiment.verdict for experiment in run.experiments}


def _loads(side: Side) -> list[LoadResult]:
    return [load for run in side.runs for load in run.loads]


def _experiments(side: Side) -> list[Experiment]:
    """Those with a recovery time."""
    return [one for run in side.runs for one in run.experiments if one.rto_seconds is not None]


def _load_key(load: LoadResult) -> tuple[object, ...]:
    """Loads that are the same work: engine, rate, how arrivals come and what they ask for."""
    fields = (getattr(load, name, None) for name in ("arrivals", "to_rate_per_second", "workload"))
    return load.engine, load.rate_per_second, frozenset(load.mix), *fields


def _by(key: Callable[[T], K], items: Iterable[T]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


@dataclass(frozen=True, slots=True)
class _Recovery:
    """One recovery time between ``low`` and ``high`` seconds; censored ones have no upper bound."""

    seconds: float
    low: float
    high: float
    text: str

    @classmethod
    def of(cls, experiment: Experiment) -> _Recovery:
        seconds, spread = experiment.rto_seconds or 0.0, experiment.rto_uncertainty_seconds or 0.0
        text = with_uncertainty(seconds, spread, censored=experiment.rto_censored)
        if experiment.rto_censored:
            return cls(seconds, seconds, math.inf, text)
        return cls(seconds, max(0.0, seconds - spread), seconds + spread, text if seconds else "no outage")


def _recovery(name: str, base: Sequence[_Recovery], new: Sequence[_Recovery], margin: float) -> Measure:
    ours, theirs = _middle(base), _middle(new)
    ratio, low, high = _recovery_ratio(base, new)
    known = ratio is not None and low is not None
    return Measure(
        part="recovery",
        subject=name,
        name="RTO",
        base=ours.text,
        new=theirs.text,
        ratio=ratio if ratio is not None and math.isfinite(ratio) else None,
        low=low if known else None,
        high=high if high is not None and math.isfinite(high) else None,
        change=_recovery_change(ours, theirs, low, high, margin),
    )


def _recovery_ratio(
    base: Sequence[_Recovery], new: Sequence[_Recovery]
) -> tuple[float | None, float | None, float | None]:
    """Of several experiments by their scatter, of single ones by what bounds them."""
    if min(len(base), len(new)) >= ENOUGH and all(one.seconds > 0 for one in base):
        found = ratio_estimate([[one.seconds for one in new]], [[one.seconds for one in base]])
        return found.value, found.low, found.high
    ours, theirs = _middle(base), _middle(new)
    if not ours.seconds:
        return None, None, None
    low = 0.0 if math.isinf(ours.high) else theirs.low / ours.high
    return theirs.seconds / ours.seconds, low, theirs.high / ours.low if ours.low else math.inf


def _recovery_change(
    ours: _Recovery, theirs: _Recovery, low: float | None, high: float | None, margin: float
) -> Change:
    """Not recovered is worse than any recovery; seconds too few to matter are none."""
    if math.isinf(ours.high) or math.isinf(theirs.high):
        if math.isinf(ours.high) and math.isinf(theirs.high):
            return Change.CANNOT_TELL
        return Change.WORSE if math.isinf(theirs.high) else Change.BETTER
    if max(theirs.high - ours.low, ours.high - theirs.low) <= LEAST_SECONDS:
        return Change.SAME
    if not ours.seconds:
        return Change.WORSE if theirs.low > LEAST_SECONDS else Change.CANNOT_TELL
    return _by_margin(theirs.seconds / ours.seconds, low, high, margin)


def _middle(recoveries: Sequence[_Recovery]) -> _Recovery:
    return sorted(recoveries, key=lambda one: (one.seconds, one.high))[(len(recoveries) - 1) // 2]


def _load(subject: str, base: LoadResult, new: LoadResult, margin: float) -> Iterator[Measure]:
    for name, fraction in (("p50", 0.5), ("p99", 0.99)):
        sides = [percentile(load, fraction) for load in (base, new)]
        if sides[0] is None or sides[1] is None:
            continue
        ratio, low, high = sides[1].over(sides[0])
        change = _by_margin(ratio, low, high, margin)
        texts = [duration(side.value) for side in sides if side]
        yield Measure(
            part="load",
            subject=subject,
            name=name,
            base=texts[0],
            new=texts[1],
            ratio=ratio,
            low=low,
            high=high,
            change=change,
        )
    yield _answers(subject, error_share(base), error_share(new), wrong=(base.answers.wrong, new.answers.wrong))


def _answers(subject: str, base: Bounded, new: Bounded, wrong: tuple[int, int]) -> Measure:
    """Arrivals that got no right answer; a first wrong answer is worse whatever the share."""
    change = Change.CANNOT_TELL
    if new.low > base.high or (wrong[1] and not wrong[0]):
        change = Change.WORSE
    elif new.high < base.low or (wrong[0] and not wrong[1]):
        change = Change.BETTER
    elif new.value == base.value:
        change = Change.SAME
    texts = [
        f"{percent(side.value)}{f', {count} wrong' if count else ''}"
        for side, count in zip((base, new), wrong, strict=True)
    ]
    return Measure(part="load", subject=subject, name="not answered right", base=texts[0], new=texts[1], change=change)


def _by_margin(ratio: float, low: float | None, high: float | None, margin: float) -> Change:
    limit = 1 + margin
    if low is None or high is None:
        return Change.CANNOT_TELL
    if low >= 1 / limit and high <= limit:
        return Change.SAME
    if ratio > limit and low > 1:
        return Change.WORSE
    if ratio < 1 / limit and high < 1:
        return Change.BETTER
    return Change.CANNOT_TELL
