"""Percentiles and shares of one load with what their number of answers leaves open."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from runner.results import LoadResult

Z = 1.959964  # of a standard normal distribution, 95 % between -Z and Z

BEYOND = 5  # answers beyond a percentile


@dataclass(frozen=True, slots=True)
class Bounded:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def over(self, base: Bounded) -> tuple[float, float, float]:
        """The ratio with its interval: both intervals' halves are put together as squares, in logarithms.

        Zou, Donner 2008, *Construction of Confidence Limits about Effect Measures* (MOVER). All values are positive.
        """
        ratio = math.log(self.value / base.value)
        below = math.hypot(math.log(self.value / self.low), math.log(base.high / base.value))
        above = math.hypot(math.log(self.high / self.value), math.log(base.value / base.low))
        return math.exp(ratio), math.exp(ratio - below), math.exp(ratio + above)


def percentile(load: LoadResult, fraction: float) -> Bounded | None:
    """A percentile of the corrected latency, bounded by the order statistics that may be it.

    Their ranks are those of a binomial distribution (David, Nagaraja 2003, *Order Statistics*, section 7.1), as if
    answers were independent of each other; those of a stall are not. ``None`` without a curve, and with too few
    answers beyond the percentile for it to have a bound.
    """
    count, curve = load.corrected.count, np.array(load.curve)
    if count * min(fraction, 1 - fraction) < BEYOND or len(curve) < 2:
        return None
    spread = Z * math.sqrt(fraction * (1 - fraction) / count)
    levels = [100 * min(1.0, max(0.0, level)) for level in (fraction - spread, fraction, fraction + spread)]
    low, value, high = (float(seconds) for seconds in np.interp(levels, curve[:, 0], curve[:, 1]))
    return Bounded(value, low, high) if low > 0 else None


def error_share(load: LoadResult) -> Bounded:
    """Share of arrivals without a right answer, dropped ones included, with its interval (Wilson 1927)."""
    count = max(1, load.offered)
    share = min(1.0, max(0.0, 1 - load.answers.ok / count))
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return Bounded(share, max(0.0, centre - half), min(1.0, centre + half))
