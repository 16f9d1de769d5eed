"""How far another machine's clock is from ours, by asking it the time.

As in Cristian's algorithm: the answer was right at some moment between question and answer, so half the round trip is
the uncertainty. The quickest of a few exchanges is the most certain one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

EXCHANGES = 5


@dataclass(frozen=True, slots=True)
class Clock:
    """Another clock in terms of ours; all in seconds.

    Attributes:
        ahead: what it shows minus what our clock (``time.time()``) shows.
        uncertainty: of ``ahead``, to either side.
        offset: what it shows minus ``time.monotonic()``, so that a step of our clock does not matter.
    """

    ahead: float
    uncertainty: float
    offset: float

    def ours(self, moment: float) -> float:
        """A moment that it shows (seconds since the epoch) by ``time.monotonic()``."""
        return moment - self.offset

    def theirs(self, moment: float) -> float:
        """A moment of ``time.monotonic()`` as it shows it (seconds since the epoch)."""
        return moment + self.offset


def measure_clock(ask: Callable[[], float], exchanges: int = EXCHANGES) -> Clock:
    """Compare a clock with ours.

    Args:
        ask: returns what the other clock shows, seconds since the epoch; what it raises goes through.
        exchanges: how often to ask.
    """
    best: Clock | None = None
    for _ in range(exchanges):
        asked = time.monotonic()
        shown = ask()
        answered, wall = time.monotonic(), time.time()
        half = (answered - asked) / 2
        if best is None or half < best.uncertainty:
            best = Clock(shown - (wall - half), half, shown - (asked + half))
    if best is None:
        raise ValueError("a clock must be asked at least once")
    return best
