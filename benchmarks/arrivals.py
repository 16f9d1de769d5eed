"""When statements arrive: schedules of intended starts, as typed specifications.

Each specification is a value: the same one gives the same intended starts, in every process that takes a part of
them. Nothing is kept in memory, so a schedule may be as long as it likes.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal, get_args

Distribution = Literal["poisson", "constant", "ramp", "step"]
DISTRIBUTIONS: tuple[str, ...] = get_args(Distribution)
LARGEST_RATE = 100_000.0  # per second
LONGEST = 86_400.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals(ABC):
    """Arrivals over ``duration`` seconds, ``rate`` per second at the beginning.

    Raises:
        ValueError: a number is not greater than 0, not finite, or out of bounds; one line that says which.
    """

    rate: float
    duration: float

    name: ClassVar[Distribution]

    def __post_init__(self) -> None:
        _positive("rate", self.rate, LARGEST_RATE)
        _positive("duration", self.duration, LONGEST)

    @abstractmethod
    def starts(self) -> Iterator[float]:
        """Intended starts in seconds from the beginning, ascending, all less than ``duration``."""

    @property
    def expected(self) -> int:
        """How many arrivals there are, or are to be expected where chance decides."""
        return max(1, math.ceil(self.rate * self.duration - 1e-9))

    @property
    def highest_rate(self) -> float:
        """The highest rate it comes to, per second."""
        return self.rate

    def part(self, number: int, parts: int) -> Iterator[tuple[int, float]]:
        """(index, intended start) of every ``parts``-th arrival, from the one with index ``number`` on."""
        return islice(enumerate(self.starts()), number, None, parts)

    def describe(self) -> str:
        """In a few words, for people."""
        return f"{self.name} {self.rate:g}/s for {self.duration:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Arrivals):
    """Equal distances."""

    name: ClassVar[Distribution] = "constant"

    def starts(self) -> Iterator[float]:
        """See ``Arrivals.starts``."""
        return (index / self.rate for index in range(self.expected))


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson(Arrivals):
    """Independent arrivals (a Poisson process): exponential distances, seeded."""

    seed: int = 0

    name: ClassVar[Distribution] = "poisson"

    def starts(self) -> Iterator[float]:
        """See ``Arrivals.starts``."""
        draw = random.Random(self.seed).expovariate  # noqa: S311 - a schedule, not a secret
        at = draw(self.rate)
        while at < self.duration:
            yield at
            at += draw(self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changing(Arrivals):
    """From ``rate`` at the beginning to ``to_rate`` at the end."""

    to_rate: float

    def __post_init__(self) -> None:
        Arrivals.__post_init__(self)
        _positive("to_rate", self.to_rate, LARGEST_RATE)

    @property
    def expected(self) -> int:
        """See ``Arrivals.expected``: both kinds have the mean of both rates."""
        return max(1, math.ceil((self.rate + self.to_rate) / 2 * self.duration - 1e-9))

    @property
    def highest_rate(self) -> float:
        """See ``Arrivals.highest_rate``."""
        return max(self.rate, self.to_rate)

    def describe(self) -> str:
        """See ``Arrivals.describe``."""
        return f"{self.name} {self.rate:g}/s to {self.to_rate:g}/s in {self.duration:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp(_Changing):
    """The rate changes steadily."""

    name: ClassVar[Distribution] = "ramp"

    def starts(self) -> Iterator[float]:
        """See ``Arrivals.starts``: where the integral of the rate reaches 0, 1, 2, ..."""
        slope = (self.to_rate - self.rate) / self.duration
        for index in range(self.expected):
            under_root = max(0.0, self.rate**2 + 2 * slope * index)
            # The usual formula divides by the slope, which may be 0; this form of it does not.
            at = 2 * index / (self.rate + math.sqrt(under_root))
            if at >= self.duration:
                return
            yield at


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(_Changing):
    """The rate changes in ``steps`` stairs of equal length and equal height, the first at ``rate``."""

    steps: int = 2

    name: ClassVar[Distribution] = "step"

    def __post_init__(self) -> None:
        _Changing.__post_init__(self)
        if not 2 <= self.steps <= 1000:
            raise ValueError(f"steps must be from 2 to 1000, not {self.steps}; for example 5")

    def starts(self) -> Iterator[float]:
        """See ``Arrivals.starts``; each stair begins its own count, so that none owes the next one an arrival."""
        length = self.duration / self.steps
        for stair in range(self.steps):
            rate = self.rate + (self.to_rate - self.rate) * stair / (self.steps - 1)
            begin = stair * length
            count = math.ceil(rate * length - 1e-9)
            yield from (begin + index / rate for index in range(count))

    def describe(self) -> str:
        """See ``Arrivals.describe``."""
        return f"{_Changing.describe(self)}, {self.steps} steps"


def arrivals(
    name: str,
    *,
    rate: float,
    duration: float,
    to_rate: float | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Arrivals:
    """The specification that a name and numbers make.

    Args:
        name: one of ``DISTRIBUTIONS``.
        rate: per second; at the beginning of a ramp or steps.
        duration: seconds.
        to_rate: per second at the end of a ramp or steps, which need it.
        steps: number of stairs, for ``step`` only.
        seed: of Poisson arrivals; the others have nothing to draw.

    Raises:
        ValueError: no such distribution, a number out of bounds, missing, or without a meaning here; one line.
    """
    makers: dict[str, Callable[[], Arrivals]] = {
        "poisson": lambda: Poisson(rate=rate, duration=duration, seed=seed),
        "constant": lambda: Constant(rate=rate, duration=duration),
        "ramp": lambda: Ramp(rate=rate, duration=duration, to_rate=_needed(name, to_rate)),
        "step": lambda: Step(rate=rate, duration=duration, to_rate=_needed(name, to_rate), steps=_or(steps, 5)),
    }
    if name not in makers:
        raise ValueError(f"unknown distribution of arrivals {name!r}; choose from {', '.join(DISTRIBUTIONS)}")
    if to_rate is not None and name not in {"ramp", "step"}:
        raise ValueError(f"{name} arrivals have one rate: leave the second one out, or choose ramp or step")
    if steps is not None and name != "step":
        raise ValueError(f"{name} arrivals have no steps: leave their number out, or choose step")
    return makers[name]()


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _needed(name: str, to_rate: float | None) -> float:
    if to_rate is None:
        raise ValueError(f"{name} arrivals need a rate to end with, beside the one to begin with")
    return to_rate


def _positive(name: str, value: float, largest: float) -> None:
    if not (0 < value <= largest):  # NaN is neither
        raise ValueError(f"{name} must be a number greater than 0 and at most {largest:g}, not {value:g}")
