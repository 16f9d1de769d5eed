"""From measured values to positions between 0 and 1, with ticks that read well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from runner.report.units import NBSP

STEPS = (1.0, 2.0, 5.0, 10.0)
TIME_STEPS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    1800,
    3600,
)
SMALLEST = 1e-6  # seconds; what a logarithm makes of zero
LOG_RATIO = 100.0  # beyond this the smallest bar of a linear axis would be under one hundredth of the width


class Scale(Protocol):
    """Maps a value to 0..1 and names its ticks."""

    def __call__(self, value: float) -> float:
        """Position of a value; outside 0..1 for values outside the domain."""
        ...

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Positions and labels."""
        ...


@dataclass(frozen=True, slots=True)
class LinearScale:
    """Equal distances are equal differences. Values are seconds."""

    low: float
    high: float
    most: int = 6

    def __call__(self, value: float) -> float:
        """Position of a value."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Multiples of the smallest step that gives at most ``most`` ticks."""
        step = next((s for s in TIME_STEPS if (self.high - self.low) / s <= self.most), self.high - self.low)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(self(index * step), tick_label(index * step)) for index in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class LogScale:
    """Equal distances are equal ratios. Values are seconds."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """Position of a value; zero and below sit at the lower end."""
        bounded = max(value, min(self.low, SMALLEST) if value > 0 else self.low)
        return math.log(bounded / self.low) / math.log(self.high / self.low)

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Decades, with 2 and 5 between them where there are at most two decades."""
        narrow = self.high / self.low <= 101
        mantissas = (1.0, 2.0, 5.0) if narrow else (1.0,)
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [mantissa * 10.0**exponent for exponent in exponents for mantissa in mantissas]
        return [(self(v), tick_label(v)) for v in values if self.low * 0.999 <= v <= self.high * 1.001]


@dataclass(frozen=True, slots=True)
class PercentileScale:
    """HdrHistogram's axis: each further nine takes the same room. Values are percentiles, 0 to 100."""

    nines: float

    def __call__(self, value: float) -> float:
        """Position of a percentile; 100 sits at the right end."""
        rest = max(1 - value / 100, 10.0**-self.nines)
        return -math.log10(rest) / self.nines

    def ticks(self) -> Sequence[tuple[float, str]]:
        """0, 90, 99, 99.9 and so on."""
        named = [0.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999]
        return [(self(value), f"{value:g}{NBSP}%") for value in named[: math.floor(self.nines) + 1]]


def log_scale(values: Iterable[float]) -> LogScale:
    """A logarithmic scale around the values, its ends at 1, 2 or 5 times a power of ten."""
    positive = [max(value, SMALLEST) for value in values if value > 0] or [0.01, 1.0]
    low, high = _below(min(positive)), _above(max(positive))
    return LogScale(low, high if high > low * 1.001 else low * 10)


def from_zero(values: Iterable[float]) -> LinearScale:
    """A linear scale from zero to just above the values."""
    highest = max(values, default=0.0)
    return LinearScale(0.0, highest * 1.02 if highest > 0 else 1.0)


def bar_scale(values: Sequence[float]) -> LinearScale | LogScale:
    """Linear, unless the values are so far apart that the small ones would vanish: then logarithmic."""
    positive = [value for value in values if value > 0]
    if positive and max(positive) / min(positive) > LOG_RATIO:
        return log_scale(positive)
    return from_zero(values)


def tick_label(seconds: float) -> str:
    """A round number of seconds, milliseconds or microseconds."""
    if seconds == 0:
        return "0"
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if abs(seconds) * factor >= 0.9995:
            return f"{seconds * factor:.6g}{NBSP}{unit}"
    return f"{seconds:g}{NBSP}s"


def _below(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max((step * decade for step in STEPS if step * decade <= value * 1.001), default=decade)


def _above(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return min((step * decade for step in STEPS if step * decade >= value * 0.999), default=decade * 10)
