"""What clients saw, probe by probe, and the measures that follow from it.

A probe's intended start is the moment it speaks for; it is *ok* when the right answer came within its deadline.
All measures carry the uncertainty that sampling brings:

* **detection**: from the confirmed injection to the moment the first failing probe had failed.
* **unavailability**: intended probes that were not answered right, times the period (± one period per outage).
* **RTO**: from the confirmed injection to the first right answer of the last run of at least ``consecutive`` right
  answers after a failure. The true recovery lies between the start of the failing probe before that run and that
  answer: the distance between them is the uncertainty, at most one period plus the deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.openloop import Attempt
from engines import Outcome

CONSECUTIVE = 5


@dataclass(frozen=True, slots=True)
class Measures:
    """What one experiment's timeline says; durations in seconds, ``None`` where there is nothing to measure."""

    detection: float | None
    unavailable: float
    availability: float
    rto: float
    rto_uncertainty: float
    censored: bool


def consecutive_ok(attempts: Sequence[Attempt], count: int = CONSECUTIVE, *, since: float = 0.0) -> bool:
    """Whether the last ``count`` finished attempts with an intended start from ``since`` on were all right."""
    tail = [attempt for attempt in attempts if attempt.intended >= since][-count:]
    if len(tail) < count or any(attempt.outcome is not Outcome.OK for attempt in tail):
        return False
    return tail[-1].index - tail[0].index == count - 1  # none between them is still under way


def measure(
    attempts: Sequence[Attempt], *, confirmed: float, until: float, period: float, consecutive: int = CONSECUTIVE
) -> Measures:
    """Derive the measures from the attempts of one experiment.

    Args:
        attempts: in the order of intended starts; attempts that were never sent (no client free) do not count.
        confirmed: moment the injection was proven, same clock as the attempts.
        until: end of the observation, same clock.
        period: seconds between intended starts.
        consecutive: right answers in a row that make a recovery.

    Returns:
        The measures. ``censored`` is true when the observation ended before the recovery: then ``rto`` is the
        lower bound ``until - confirmed``.

    Raises:
        ValueError: no attempt reaches past the confirmed injection, so nothing was observed.
    """
    seen = [attempt for attempt in attempts if not attempt.dropped]
    # A probe under way when the fault struck belongs to the fault: it counts by when it ended.
    after = [attempt for attempt in seen if attempt.finished >= confirmed]
    if not after:
        raise ValueError("no probe finished after the injection")
    bad = [attempt for attempt in after if attempt.outcome is not Outcome.OK]
    availability = 1 - len(bad) / len(after)
    unavailable = len(bad) * period
    if not bad:
        return Measures(None, 0.0, availability, 0.0, period, censored=False)
    detection = max(0.0, min(attempt.finished for attempt in bad) - confirmed)
    run = _last_run([attempt for attempt in after if attempt.intended > bad[0].intended], consecutive)
    if not run:
        return Measures(detection, unavailable, availability, until - confirmed, 0.0, censored=True)
    last_bad = max((attempt for attempt in bad if attempt.intended < run[0].intended), key=lambda a: a.intended)
    recovered = min(attempt.finished for attempt in run)
    return Measures(
        detection=detection,
        unavailable=unavailable,
        availability=availability,
        rto=max(0.0, recovered - confirmed),
        rto_uncertainty=max(0.0, recovered - max(last_bad.started, confirmed)),
        censored=False,
    )


def _last_run(attempts: Sequence[Attempt], count: int) -> list[Attempt]:
    """The last unbroken run of at least ``count`` right answers; empty when there is none."""
    run: list[Attempt] = []
    last: list[Attempt] = []
    for attempt in attempts:
        if attempt.outcome is not Outcome.OK:
            run = []
            continue
        run.append(attempt)
        if len(run) >= count:
            last = run
    return last
