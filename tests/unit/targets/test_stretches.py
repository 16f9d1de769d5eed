"""Stretches as sets of time, against a clock that is asked at every tick."""

import random

import pytest

from targets.base import Stretch
from targets.stretches import common, joined, total, without

TICKS = 60


def some(rng: random.Random) -> list[Stretch]:
    found = [(float(start), float(start + rng.randrange(0, 12))) for start in rng.choices(range(TICKS), k=5)]
    return found[: rng.randrange(6)]


def ticks(stretches: list[Stretch] | tuple[Stretch, ...]) -> set[int]:
    """Ticks that lie in them, the last one not."""
    return {tick for tick in range(TICKS + 12) if any(start <= tick < end for start, end in stretches)}


@pytest.mark.parametrize("seed", range(200))
def test_they_are_sets(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    left, right = some(rng), some(rng)
    assert ticks(joined(left)) == ticks(left)
    assert ticks(common(left, right)) == ticks(left) & ticks(right)
    assert ticks(without(left, right)) == ticks(left) - ticks(right)
    assert total(left) == len(ticks(left))
    for result in (joined(left), common(left, right), without(left, right)):
        edges = [edge for stretch in result for edge in stretch]
        assert edges == sorted(set(edges)), "ascending, not empty, not touching"


def test_small_gaps_are_closed_when_asked() -> None:
    assert joined([(1.0, 2.0), (2.1, 3.0), (3.5, 4.0)], 0.2) == ((1.0, 3.0), (3.5, 4.0))
