"""What the scripted endpoint does and when, and what any client must then see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Window:
    """From ``begin`` for ``length`` seconds of the script's time."""

    begin: float
    length: float

    @property
    def end(self) -> float:
        """When it is over."""
        return self.begin + self.length

    def __contains__(self, moment: float) -> bool:
        return self.begin <= moment < self.end


@dataclass(frozen=True, slots=True)
class Script:
    """Behaviour in the endpoint's own time, which begins with the first request.

    Attributes:
        service: seconds from the last byte of a request to the answer.
        stalls: while one lasts nothing is answered; what came meanwhile is answered when it ends.
        outages: while one lasts open connections are reset and new ones refused.
    """

    service: float = 0.0
    stalls: tuple[Window, ...] = ()
    outages: tuple[Window, ...] = ()

    def answered_at(self, moment: float) -> float:
        """When a request that arrives at this moment is answered."""
        ready = moment + self.service
        for stall in self.stalls:
            if moment in stall or ready in stall:
                ready = stall.end
        return ready

    def latencies(self, starts: Iterable[float]) -> list[float]:
        """The latency of each request of an open loop that arrives exactly at these moments."""
        return [self.answered_at(moment) - moment for moment in starts]


@dataclass(frozen=True, slots=True)
class Log:
    """What the endpoint did, in seconds of ``time.monotonic()``.

    Attributes:
        began: the first request.
        requests: how many were answered.
        stalls, outages: (begin, end) as they really were.
        cpu_seconds: it used.
    """

    began: float = 0.0
    requests: int = 0
    stalls: tuple[tuple[float, float], ...] = ()
    outages: tuple[tuple[float, float], ...] = ()
    cpu_seconds: float = 0.0


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least this share of all values does not exceed (HdrHistogram's definition)."""
    ordered = np.sort(np.asarray(values))
    return float(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)])
