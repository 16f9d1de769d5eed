"""What clients saw against what whoever runs the engine said: *differential observability*.

A component that its users find broken while its keeper finds it well has a *gray failure* (Huang et al., "Gray Failure:
The Achilles' Heel of Cloud-Scale Systems", HotOS 2017). The keeper here is Kubernetes, whose view is a ready endpoint.

A probe speaks for the period from its intended start. Both sides are stamped by this process as it hears of them: the
clients' edges are uncertain by one period, the keeper's by what its news took to get here, some milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.openloop import Attempt
from engines import Outcome
from faults.timeline import Measures
from targets.base import AvailabilityTimeline, Stretch
from targets.stretches import common, joined, total, without

_SLACK = 1e-6  # seconds: intended starts are sums of floats


@dataclass(frozen=True, slots=True)
class GrayFailure:
    """Durations in seconds; ``None`` where there is nothing to measure.

    Attributes:
        failing: clients failed although the engine was said to be available; at most ``Measures.unavailable``.
        longest: the longest stretch of these.
        longest_at: when it began, from the confirmed injection; a little negative when clients failed before that.
        unready: the engine was said to be unavailable, from the start of the injection to the end.
        served: clients were served although the engine was said to be unavailable.
        unobserved: nobody would have told us, from the start of the injection to the end; part of none of the above.
        ready_gap: the moment from which the engine was said to be available again, minus the moment from which clients
            were served again: positive when the clients were first. ``None`` when one of both did not happen, or not
            while it was observed.
        all_ready: everything that should run was said to be ready again, from the confirmed injection.
    """

    failing: float
    longest: float
    longest_at: float | None
    unready: float
    served: float
    unobserved: float
    ready_gap: float | None
    all_ready: float | None


def compare(
    attempts: Sequence[Attempt],
    measures: Measures,
    timeline: AvailabilityTimeline,
    *,
    injected: float,
    confirmed: float,
    until: float,
    period: float,
) -> GrayFailure:
    """Compare both sides of one experiment; all moments by the same clock.

    Args:
        attempts: of the probes, in the order of intended starts; those that the measures are from count.
        measures: what they came to.
        timeline: what the engine was said to be.
        injected: when the injection began.
        confirmed: when it was proven.
        until: end of the observation.
        period: seconds between intended starts.
    """
    struck = [attempt for attempt in attempts if not attempt.dropped and attempt.finished >= confirmed]
    bad = _spoken_for((one for one in struck if one.outcome is not Outcome.OK), period)
    good = _spoken_for((one for one in struck if one.outcome is Outcome.OK), period)
    unready = _missing(timeline.available, timeline)
    gray = joined(common(bad, timeline.available), _SLACK)
    longest = max(gray, key=lambda one: one[1] - one[0], default=None)
    whole = [(injected, until)]
    ready_at = _back(timeline.available, timeline, injected)
    clients_at = None if measures.detection is None or measures.censored else confirmed + measures.rto
    complete = _back(timeline.all_ready, timeline, injected)
    return GrayFailure(
        failing=total(gray),
        longest=longest[1] - longest[0] if longest else 0.0,
        longest_at=longest[0] - confirmed if longest else None,
        unready=total(common(unready, whole)),
        served=total(common(good, unready)),
        unobserved=total(without(whole, (*timeline.available, *unready))),
        ready_gap=None if ready_at is None or clients_at is None else ready_at - clients_at,
        all_ready=None if complete is None else max(0.0, complete - confirmed),
    )


def _spoken_for(attempts: Iterable[Attempt], period: float) -> tuple[Stretch, ...]:
    return joined(((one.intended, one.intended + period) for one in attempts), _SLACK)


def _missing(lane: Sequence[Stretch], timeline: AvailabilityTimeline) -> tuple[Stretch, ...]:
    """When it was observed and was not so."""
    return without([(timeline.began, timeline.ended)], (*lane, *timeline.unobserved))


def _back(lane: Sequence[Stretch], timeline: AvailabilityTimeline, since: float) -> float | None:
    """The last moment at which it was seen to become so again, after it was not at some time ``since`` then."""
    missing = [one for one in _missing(lane, timeline) if one[1] > since]
    if not missing:
        return None
    end = missing[-1][1]
    return end if any(start == end for start, _ in lane) else None
