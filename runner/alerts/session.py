"""Monitoring during a run's experiments: watched where there is some, waited for where that was asked for."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TypeVar

from faults.base import Fault, Tuning
from faults.expectations import LINGERING, Expected, expectation
from faults.experiment import Record, Status
from faults.observer import wait_until
from runner.alerts.judge import PART_OF, PART_OF_LABEL, Seen, injected, recovered, view
from runner.alerts.marks import GrafanaMarks
from runner.alerts.objectives import AlertLimits
from runner.alerts.silences import RunSilence
from runner.alerts.watch import PERIOD, AlertWatch
from runner.engine_metrics import MetricsAround
from runner.results import AlertsView
from targets.base import Target
from targets.monitoring import MonitoringError, Part, part_of
from targets.monitoring.alertmanager import Alertmanager
from targets.monitoring.clock import Clock
from targets.monitoring.grafana import Grafana
from targets.monitoring.prometheus import STEP, Prometheus, Rule, Scrape

P = TypeVar("P")

LONGEST_HOLD = 240.0
"""Seconds for which a fault is held at most so that its alert fires; rules with a longer ``for`` are not waited for."""
RESOLVED_WITHIN = 180.0  # seconds, where no objective says how long to wait
_MARGIN = 5.0
_SKEW_WORTH_TELLING = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Loaded:
    """What Prometheus is set to."""

    rules: tuple[Rule, ...]
    scrapes: tuple[Scrape, ...]

    def needs(self, expected: Expected, namespace: str) -> float | None:
        """Seconds from the beginning of a condition to its alert at the worst; ``None``: no such rule works here.

        A whole scrape interval until the next scrape, which may take all of its timeout; a whole evaluation interval;
        and ``for``, which ends with an evaluation.
        """
        rules = [rule for rule in self.rules if rule.name == expected.alert and rule.health != "err"]
        if not rules:
            return None
        # What is latched was measured by a part that looks at everybody's containers, wherever that is scraped.
        scrapes = [one for one in self.scrapes if expected.latched or one.namespace == namespace]
        scrape = max((one.interval + one.timeout for one in scrapes), default=0.0)
        rule = max(rules, key=lambda one: one.hold)
        interval = max(rule.interval, STEP)
        return scrape + interval * (1 + math.ceil(rule.hold / interval)) + expected.lag


class Alerts:
    """What a run has of monitoring; everything here does nothing where the outputs document names none.

    Args:
        target: an open target.
        asked: hold faults long enough for their alerts, and wait until these are resolved.
        limits: objectives; how long to wait follows from them.
        say: tells people.
        step: tells people what is being done now.
    """

    def __init__(
        self,
        target: Target,
        *,
        asked: bool,
        limits: AlertLimits,
        say: Callable[[str], None],
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._target, self.asked, self._limits = target, asked, limits
        self._say, self.step = say, step
        found = {name: part_of(target, name) for name in ("prometheus", "alertmanager", "grafana")}
        self._prometheus = _made(Prometheus, found["prometheus"])
        self.alertmanager = _made(Alertmanager, found["alertmanager"])
        self._clock: Clock | None = None
        self._loaded: Loaded | None = None
        self._told = ""
        self.marks = GrafanaMarks(_made(Grafana, found["grafana"]), target.outputs.stack, self.clock, say)
        self.metrics = MetricsAround(target, say)
        self._silence: RunSilence | None = None

    @property
    def measured(self) -> bool:
        """Whether there is a Prometheus to ask."""
        return self._prometheus is not None

    def clock(self) -> Clock | None:
        """The cluster's clock as it was measured last; measured now if it never was."""
        if self._clock is None and self._prometheus is not None:
            with contextlib.suppress(MonitoringError):  # ours is then the best there is
                self._clock = self._measured_clock(self._prometheus)
        return self._clock

    def silenced(self, *, wanted: bool) -> AbstractContextManager[None]:
        """Nobody is told of alerts on the engines within the context, where that is wanted.

        Raises:
            MonitoringError: it cannot be had.
        """
        if not wanted:
            return nullcontext()
        if self.alertmanager is None:
            raise MonitoringError("no Alertmanager is in the outputs document, so nothing can be silenced")
        namespaces = sorted({engine.namespace for engine in self._target.outputs.engines})
        self._silence = RunSilence(self.alertmanager, self._target.outputs.stack, namespaces, self.clock, self._say)
        return self._silence.held()

    def tuning(self, fault: Fault) -> Tuning:
        """The fault's own, or with as long a hold as its alerts need where they were asked for."""
        expected = expectation(fault)
        if not self.asked or not expected.held or not expected.must:
            return fault.tuning
        try:
            needs = max(self.loaded().needs(one, self.namespace(fault)) or 0.0 for one in expected.must)
        except MonitoringError as error:
            self._complain(error)
            return fault.tuning
        hold = max(fault.tuning.hold, needs + _MARGIN)
        if not needs or hold > LONGEST_HOLD:
            return fault.tuning
        return replace(fault.tuning, hold=hold, ttl=fault.tuning.ttl + hold - fault.tuning.hold)

    @contextlib.contextmanager
    def watching(self, fault: Fault) -> Iterator[Observation | None]:
        """Watch the alerts during one experiment; ``None`` comes out where there is no Prometheus."""
        if self._silence is not None:
            self._silence.renew()
        if self._prometheus is None:
            yield None
            return
        with AlertWatch(self._prometheus, self.alertmanager, period=PERIOD) as watch:
            yield Observation(self, fault, watch)

    def loaded(self) -> Loaded:
        """What Prometheus is set to, asked once.

        Raises:
            MonitoringError: it does not say.
        """
        if self._loaded is None and self._prometheus is not None:
            self._loaded = Loaded(tuple(self._prometheus.rules()), tuple(self._prometheus.scrapes()))
        return self._loaded or Loaded((), ())

    def namespace(self, fault: Fault) -> str:
        """That of the struck engine."""
        return next(one.namespace for one in self._target.outputs.engines if one.kind == fault.engine)

    def seen(self, record: Record, watch: AlertWatch) -> Seen:
        """Read what Prometheus recorded from the experiment's start until now.

        Raises:
            MonitoringError: it does not say.
        """
        prometheus = self._prometheus
        if prometheus is None:
            raise MonitoringError("there is no Prometheus")
        self._clock = self._measured_clock(prometheus)
        loaded, expected, until = self.loaded(), expectation(record.fault), time.monotonic()
        namespaces = "|".join(sorted({engine.namespace for engine in self._target.outputs.engines}))
        selectors = (f'namespace=~"{namespaces}"', f'{PART_OF_LABEL}="{PART_OF}",namespace=""')
        start, end = self._clock.theirs(record.started), self._clock.theirs(until)
        return Seen(
            record=record,
            expectation=expected,
            namespace=self.namespace(record.fault),
            needs={one.alert: loaded.needs(one, self.namespace(record.fault)) for one in expected.must},
            history=prometheus.history(selectors, start, end),
            clock=self._clock,
            watch=watch,
            until=until,
        )

    def wait(self, record: Record, watch: AlertWatch) -> None:
        """Wait until expected alerts have fired, and until those on the struck engine are resolved; bounded.

        First of all for Prometheus itself, which may have been on the struck node.
        """
        if not self.asked:
            return
        patience = self._limits.resolved_seconds or RESOLVED_WITHIN
        if watch.lost():
            self.step(f"{record.fault.label}: waiting for Prometheus to answer again")
            wait_until(lambda: not watch.lost(), patience, PERIOD / 2)
        over = recovered(record)
        if over is None or record.confirmed is None or record.status is Status.LEFTOVER:
            return
        namespace = self.namespace(record.fault)
        waited = [
            one for one in expectation(record.fault).must if one.latched and not watch.fired(one.alert, namespace)
        ]
        for one in waited:
            needs = self.loaded().needs(one, namespace)
            left = record.confirmed + (needs or 0.0) + 2 * PERIOD - time.monotonic()
            self.step(f"{record.fault.label}: waiting for the alert {one.alert}")
            wait_until(lambda alert=one.alert: watch.fired(alert, namespace), left, PERIOD / 2)  # type: ignore[misc]
        left = over + patience + 2 * PERIOD - time.monotonic()
        self.step(f"{record.fault.label}: waiting for alerts to be resolved")
        if wait_until(lambda: not self._still_on(record.fault, watch, since=injected(record)), left, PERIOD / 2):
            time.sleep(2 * STEP)  # the record is read in steps, the last of which must lie after the end

    def _still_on(self, fault: Fault, watch: AlertWatch, *, since: float) -> bool:
        """Alerts over long windows are not waited for, nor those that were on before the injection."""
        lasting = LINGERING | {one.alert for one in expectation(fault).must if one.latched}
        return any(
            one.labels.get("namespace") == self.namespace(fault)
            and one.labels.get(PART_OF_LABEL) == PART_OF
            and one.name not in lasting
            for one in watch.active(since=since)
        )

    def _measured_clock(self, prometheus: Prometheus) -> Clock:
        clock = prometheus.clock()
        known = self._clock.ahead if self._clock else 0.0
        if abs(clock.ahead - known) > _SKEW_WORTH_TELLING + clock.uncertainty:
            way = "ahead of" if clock.ahead > 0 else "behind"
            shown = f"{abs(clock.ahead):.2f} s (± {clock.uncertainty:.2f} s)"
            self._say(f"clocks: the cluster's is {shown} {way} this machine's; moments of alerts are corrected by it")
        return clock

    def _complain(self, error: MonitoringError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            self._say(f"alerts: not measured: {error}; the run goes on without")

    def not_measured(self, error: MonitoringError, mark: str) -> AlertsView:
        """The part of the document when Prometheus does not say."""
        self._complain(error)
        return AlertsView(not_measured=str(error), asked=self.asked, annotation=self.marks.told(mark))


class Observation:
    """One experiment under watch.

    Args:
        alerts: the run's monitoring.
        fault: what is injected.
        watch: the looks at Prometheus.
    """

    def __init__(self, alerts: Alerts, fault: Fault, watch: AlertWatch) -> None:
        self._alerts, self._fault, self._watch = alerts, fault, watch

    def conclude(self, record: Record) -> AlertsView | None:
        """What monitoring saw, once it has been waited for; ``None`` when nothing was injected."""
        if record.injected is None:
            return None
        try:
            self._alerts.wait(record, self._watch)
            seen = self._alerts.seen(record, self._watch)
            return view(seen, asked=self._alerts.asked, annotation=self._alerts.marks.told(record.mark))
        except MonitoringError as error:
            return self._alerts.not_measured(error, record.mark)


def _made(make: Callable[[Part], P], part: Part | None) -> P | None:
    return make(part) if part else None
