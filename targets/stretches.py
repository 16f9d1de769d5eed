"""Stretches of time as sets: each function takes them in any order and gives ascending ones that do not touch."""

from __future__ import annotations

from collections.abc import Iterable

from targets.base import Stretch


def joined(stretches: Iterable[Stretch], slack: float = 0.0) -> tuple[Stretch, ...]:
    """What is in any of them; gaps of up to ``slack`` seconds are closed."""
    found: list[Stretch] = []
    for start, end in sorted(one for one in stretches if one[0] < one[1]):
        if found and start <= found[-1][1] + slack:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def common(left: Iterable[Stretch], right: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """What is in both."""
    others = joined(right)
    return joined((max(a, c), min(b, d)) for a, b in joined(left) for c, d in others)


def without(left: Iterable[Stretch], right: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """What is in the first and not in the second."""
    others = joined(right)
    found: list[Stretch] = []
    for start, end in joined(left):
        at = start
        for gone, back in others:
            found.append((at, min(end, gone)))
            at = max(at, back)
        found.append((at, end))
    return joined(found)


def total(stretches: Iterable[Stretch]) -> float:
    """How long they are together, in seconds."""
    return sum(end - start for start, end in joined(stretches))
