"""Nobody is told of alerts on the engines while a planned run breaks them; each silence ends by itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from targets.monitoring import MonitoringError
from targets.monitoring.alertmanager import Alertmanager
from targets.monitoring.clock import Clock

LONGEST = 1800.0
"""Seconds from its last renewal that a silence lasts if its runner dies; one experiment is over by then."""


class RunSilence:
    """One silence for a run, renewed before each experiment.

    Args:
        alertmanager: where.
        stack: named in its comment, so that ``recover`` finds it.
        namespaces: alerts with one of these as label are silenced.
        clock: that of the cluster; ``None``: take our own.
        say: tells people.
    """

    def __init__(
        self,
        alertmanager: Alertmanager,
        stack: str,
        namespaces: Sequence[str],
        clock: Callable[[], Clock | None],
        say: Callable[[str], None],
    ) -> None:
        self._alertmanager, self._stack, self._namespaces = alertmanager, stack, namespaces
        self._clock, self._say = clock, say
        self._id = ""

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """From now to the end of the context.

        Raises:
            MonitoringError: it cannot be made: nothing should be injected, or somebody would be called.
        """
        self._make()
        try:
            yield
        finally:
            self._end()

    def renew(self) -> None:
        """Let it last ``LONGEST`` from now; where that fails, the one that there is goes on."""
        try:
            self._make()
        except MonitoringError as error:
            self._say(f"silence: not renewed: {error}")

    def _make(self) -> None:
        clock = self._clock()
        now = time.time() + (clock.ahead if clock else 0.0)
        self._id = self._alertmanager.silence(
            self._namespaces, starts=now, ends=now + LONGEST, stack=self._stack, replacing=self._id
        )

    def _end(self) -> None:
        try:
            self._alertmanager.unsilence(self._id)
        except MonitoringError as error:
            self._say(f"silence: not ended: {error}; it ends by itself within {LONGEST / 60:g} minutes")
