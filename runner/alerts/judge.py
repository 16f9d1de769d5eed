"""From what Prometheus recorded to what it means: which alerts were expected, which came, which should not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from faults.expectations import LINGERING, Expectation, Expected
from faults.experiment import Record
from runner.alerts.watch import PERIOD, AlertWatch
from runner.results import AlertSeen, AlertsView, ExpectedAlert
from targets.base import Stretch
from targets.monitoring.clock import Clock
from targets.monitoring.prometheus import STEP, AlertHistory

PART_OF_LABEL, PART_OF = "part_of", "query-engine-reliability"
Role = Literal["expected", "allowed", "unexpected", "before", "other"]
Outcome = Literal["fired", "missing", "not due", "active before", "no rule", "unknown"]
_MANY = 3  # looks missed in a row while an alert was due: it may have fired unseen


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is known of one experiment's alerts; moments of ``time.monotonic()``.

    Attributes:
        record: of the experiment, with a confirmed injection or without.
        expectation: of its fault.
        namespace: of the struck engine.
        needs: seconds that each expected alert takes at the worst; ``None``: no such rule is loaded.
        history: of all alerts on the engines, by Prometheus' clock.
        clock: Prometheus' one.
        watch: the looks at it meanwhile.
        until: last moment of the history.
    """

    record: Record
    expectation: Expectation
    namespace: str
    needs: Mapping[str, float | None]
    history: Sequence[AlertHistory]
    clock: Clock
    watch: AlertWatch
    until: float

    @property
    def lanes(self) -> list[AlertHistory]:
        """The history by our clock."""
        return [
            AlertHistory(one.name, one.labels, self._ours(one.pending), self._ours(one.firing)) for one in self.history
        ]

    def _ours(self, stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
        return tuple((self.clock.ours(start), self.clock.ours(end)) for start, end in stretches)


def view(seen: Seen, *, asked: bool, annotation: str) -> AlertsView:
    """The part of the results document."""
    lanes = seen.lanes
    gaps = seen.watch.gaps(seen.until)
    return AlertsView(
        asked=asked,
        blind=seen.expectation.blind,
        expected=tuple(_expected(seen, one, lanes, gaps) for one in seen.expectation.must),
        seen=tuple(_alert(seen, lane) for lane in lanes),
        not_observed=_relative(gaps, seen.record),
        clock_ahead_seconds=round(seen.clock.ahead, 4),
        clock_uncertainty_seconds=round(seen.clock.uncertainty, 4),
        annotation=annotation,
    )


def recovered(record: Record) -> float | None:
    """When it was over: reverted, clients served again, and all of the engine in use where that is known."""
    if record.reverted is None or record.confirmed is None or record.measures is None or record.measures.censored:
        return None
    return max(record.reverted, record.confirmed + record.measures.rto, record.full_capacity or 0.0)


def lasted(record: Record, expectation: Expectation) -> float | None:
    """Seconds, at least, for which an alert's condition held; ``None`` where that cannot be told."""
    if record.confirmed is None:
        return None
    if expectation.held:
        return (record.reverted or record.finished) - record.confirmed
    if record.fault.component in {"worker", "workers"}:  # clients need not have noticed
        whole = [record.full_capacity - record.confirmed] if record.full_capacity else []
        whole += [record.gray.all_ready] if record.gray and record.gray.all_ready is not None else []
        return max(0.0, min(whole)) if whole else None
    measures = record.measures
    if measures is None or measures.detection is None:
        return None
    return max(0.0, measures.rto - measures.detection)


def _expected(seen: Seen, expected: Expected, lanes: Sequence[AlertHistory], gaps: Sequence[Stretch]) -> ExpectedAlert:
    record, needs = seen.record, seen.needs.get(expected.alert)
    mine = [lane for lane in lanes if lane.name == expected.alert and _on_struck(lane, seen)]
    # Of several lanes (a pod's each) one may be on from an earlier experiment: what counts is one that was not.
    mine = [lane for lane in mine if lane.firing and not _before(lane, record)] or mine
    firing = sorted(stretch for lane in mine for stretch in lane.firing if stretch[1] > injected(record))
    held = lasted(record, seen.expectation)
    over = recovered(record)
    fired = bool(firing) and record.confirmed is not None
    return ExpectedAlert(
        name=expected.alert,
        outcome=_outcome(seen, expected, mine, gaps),
        needs_seconds=needs,
        lasted_seconds=None if expected.latched or held is None else round(held, 3),
        fired_seconds=round(firing[0][0] - record.confirmed, 3) if fired and record.confirmed is not None else None,
        resolved_seconds=_resolved(firing, over, seen.until),
        waited_seconds=round(max(0.0, seen.until - over), 3) if over is not None else None,
    )


def _outcome(seen: Seen, expected: Expected, mine: Sequence[AlertHistory], gaps: Sequence[Stretch]) -> Outcome:
    record, needs = seen.record, seen.needs.get(expected.alert)
    if any(_before(lane, record) for lane in mine):
        return "active before"
    if any(lane.firing for lane in mine):
        return "fired"
    if needs is None:
        return "no rule"
    if record.confirmed is None or not _due(seen, expected, needs):
        return "not due"
    due = record.confirmed, record.confirmed + needs
    unseen = sum(max(0.0, min(end, due[1]) - max(start, due[0])) for start, end in gaps)
    return "unknown" if unseen > _MANY * PERIOD else "missing"


def _due(seen: Seen, expected: Expected, needs: float) -> bool:
    """Whether the alert must have fired by now, whatever the moments of scrapes and evaluations."""
    watched = seen.until - (seen.record.confirmed or 0.0)
    held = watched if expected.latched else lasted(seen.record, seen.expectation)
    return held is not None and min(held, watched) >= needs


def _resolved(firing: Sequence[Stretch], over: float | None, until: float) -> float | None:
    if not firing or over is None:
        return None
    last = max(end for _, end in firing)
    return None if last >= until - STEP else round(last - over, 3)


def _alert(seen: Seen, lane: AlertHistory) -> AlertSeen:
    record = seen.record
    at, silenced = seen.watch.notified(lane.name, lane.labels, since=injected(record) - PERIOD)
    told = None if at is None or record.confirmed is None else round(at - record.confirmed, 3)
    return AlertSeen(
        name=lane.name,
        labels=dict(lane.labels),
        role=_role(seen, lane),
        pending=_relative(lane.pending, record),
        firing=_relative(lane.firing, record),
        notified_seconds=told,
        silenced=silenced,
    )


def _role(seen: Seen, lane: AlertHistory) -> Role:
    if lane.labels.get(PART_OF_LABEL) != PART_OF:
        return "other"
    if _before(lane, seen.record):
        return "before"
    if not _on_struck(lane, seen):
        return "allowed" if seen.expectation.everywhere or lane.name in LINGERING else "unexpected"
    if any(lane.name == one.alert for one in seen.expectation.must):
        return "expected"
    return "allowed" if seen.expectation.allows(lane.name) else "unexpected"


def _on_struck(lane: AlertHistory, seen: Seen) -> bool:
    return lane.labels.get("namespace", seen.namespace) == seen.namespace


def _before(lane: AlertHistory, record: Record) -> bool:
    """Whether it was on, pending or firing, when the injection began."""
    moment = injected(record)
    return any(start <= moment < end for start, end in (*lane.pending, *lane.firing))


def injected(record: Record) -> float:
    """When the injection began; when the experiment ended, where there was none."""
    return record.finished if record.injected is None else record.injected


def _relative(stretches: Iterable[Stretch], record: Record) -> tuple[Stretch, ...]:
    return tuple((round(start - record.started, 3), round(end - record.started, 3)) for start, end in stretches)
