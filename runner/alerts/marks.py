"""Injections as windows in Grafana."""

from __future__ import annotations

import time
from collections.abc import Callable

from faults.base import Fault
from faults.marks import annotation, grafana_mark
from targets.monitoring import MonitoringError
from targets.monitoring.clock import Clock
from targets.monitoring.grafana import Grafana


class GrafanaMarks:
    """Implements ``Marks``; what goes wrong is told once, and the run goes on.

    Args:
        grafana: where to mark; ``None``: nowhere.
        stack: tag of every window.
        clock: that of the dashboards' data, asked for anew each time; ``None``: take our own.
        say: tells people.
    """

    def __init__(
        self, grafana: Grafana | None, stack: str, clock: Callable[[], Clock | None], say: Callable[[str], None]
    ) -> None:
        self._grafana, self._stack, self._clock, self._say = grafana, stack, clock, say
        self._problem = ""

    def begin(self, fault: Fault) -> str:
        """See ``Marks.begin``. The window ends when the injection would by itself."""
        if self._grafana is None:
            return ""
        starts = self._shown(time.monotonic())
        tags = (self._stack, fault.engine, fault.name)
        try:
            made = self._grafana.annotate(
                f"{fault.label}: {fault.summary}", tags, starts=starts, ends=starts + fault.tuning.ttl
            )
        except MonitoringError as error:
            self._tell(error)
            return ""
        self._problem = ""
        return grafana_mark(made)

    def end(self, mark: str, at: float) -> None:
        """See ``Marks.end``."""
        identity = annotation(mark)
        if self._grafana is not None and identity is not None:
            try:
                self._grafana.move_end(identity, self._shown(at))
            except MonitoringError as error:
                self._tell(error)

    def drop(self, mark: str) -> None:
        """See ``Marks.drop``."""
        identity = annotation(mark)
        if self._grafana is not None and identity is not None:
            try:
                self._grafana.remove(identity)
            except MonitoringError as error:
                self._tell(error)

    def told(self, mark: str) -> str:
        """What became of a mark, for the report; empty where there is no Grafana."""
        if self._grafana is None:
            return ""
        if not mark:
            return f"not annotated: {self._problem}"
        return f"Grafana annotation {annotation(mark)}" + (f", {self._problem}" if self._problem else "")

    def _shown(self, moment: float) -> float:
        clock = self._clock()
        return clock.theirs(moment) if clock else moment + time.time() - time.monotonic()

    def _tell(self, error: MonitoringError) -> None:
        if not self._problem:
            self._say(f"annotations: {error}; the run goes on without")
        self._problem = str(error)
