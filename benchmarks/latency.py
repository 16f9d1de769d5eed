"""Latencies in HdrHistogram's form: bounded memory, mergeable, encoded for other tools.

Three significant digits from 1 microsecond to 1 hour. What several processes measured is added up without loss, which
no set of percentiles allows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from hdrh.histogram import HdrHistogram

QUANTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "max": 100.0}
LONGEST_MICROSECONDS = 3_600_000_000
DIGITS = 3


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Latency in seconds; ``quantiles`` has the keys of ``QUANTILES``, empty without a single value.

    ``curve`` holds (percentile, seconds) on HdrHistogram's own axis, denser towards 100; ``encoded`` is the histogram
    itself (HdrHistogram's compressed V2 format in base64, microseconds).
    """

    count: int
    quantiles: dict[str, float]
    curve: tuple[tuple[float, float], ...]
    encoded: str = ""


class Latencies:
    """Durations recorded one by one. Can be pickled: its state is the encoded histogram."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)

    def record(self, seconds: float) -> None:
        """Count one duration; less than a microsecond counts as one, more than an hour as one."""
        self._histogram.record_value(min(LONGEST_MICROSECONDS, max(1, round(seconds * 1e6))))

    def add(self, other: Self) -> None:
        """Take over what the other has counted."""
        self._histogram.add(other._histogram)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._histogram.get_total_count())

    def at(self, percentile: float) -> float | None:
        """Seconds at a percentile (0 to 100); ``None`` without a single value."""
        return self._histogram.get_value_at_percentile(percentile) / 1e6 if self.count else None

    def above(self, seconds: float) -> int:
        """How many are longer, as far as three digits tell."""
        limit = self._histogram.get_highest_equivalent_value(
            min(LONGEST_MICROSECONDS, max(0, math.floor(seconds * 1e6)))
        )
        return sum(
            item.count_added_in_this_iter_step
            for item in self._histogram.get_recorded_iterator()
            if item.value_iterated_to > limit
        )

    def encoded(self) -> str:
        """The histogram in HdrHistogram's compressed V2 format, base64."""
        return str(self._histogram.encode().decode("ascii"))

    @classmethod
    def decoded(cls, text: str) -> Self:
        """From ``encoded``."""
        made = cls()
        made.__setstate__(text)
        return made

    def summary(self) -> LatencySummary:
        """Quantiles, curve and the histogram itself."""
        if not self.count:
            return LatencySummary(0, {}, ())
        histogram = self._histogram
        quantiles = {
            name: histogram.get_value_at_percentile(percentile) / 1e6 for name, percentile in QUANTILES.items()
        }
        curve = tuple(
            (item.percentile_level_iterated_to, item.value_iterated_to / 1e6)
            for item in histogram.get_percentile_iterator(ticks_per_half_distance=5)
        )
        return LatencySummary(self.count, quantiles, curve, self.encoded())

    def __getstate__(self) -> str:
        return self.encoded() if self.count else ""

    def __setstate__(self, state: str) -> None:
        self.__init__()  # type: ignore[misc]  # nothing was made before
        if state:
            self._histogram.decode_and_add(state.encode("ascii"))


def latency_summary(seconds: Iterable[float]) -> LatencySummary:
    """Summarise latencies given in seconds."""
    latencies = Latencies()
    for value in seconds:
        latencies.record(value)
    return latencies.summary()
