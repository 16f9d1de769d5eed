"""Which statement an arrival sends: weights, and the same choice for the same arrival in every process."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence

from benchmarks.statements import Statement

_GOLDEN = (math.sqrt(5) - 1) / 2


class Mixture:
    """Statements with weights.

    The choice for the n-th arrival is the n-th member of an additive recurrence with the golden ratio: in any stretch
    of arrivals each statement has its share, almost exactly, and no period of arrivals falls in step with it.

    Args:
        statements: what may be sent, in any order.
        weights: of each, in any unit; equal ones without it.
        seed: where the sequence begins.

    Raises:
        ValueError: there is nothing to send, or a weight that is not greater than 0.
    """

    def __init__(self, statements: Sequence[Statement], weights: Sequence[float] | None = None, seed: int = 0) -> None:
        if not statements:
            raise ValueError("an empty mix sends nothing: name at least one statement")
        shares = [1.0] * len(statements) if weights is None else list(weights)
        if len(shares) != len(statements) or not all(0 < share < math.inf for share in shares):
            raise ValueError(f"every statement of a mix needs a weight greater than 0, not {shares}")
        self.statements = tuple(statements)
        total = math.fsum(shares)
        self._bounds = [bound / total for bound in itertools.accumulate(shares)][:-1]
        self._begin = (seed * 0.754877666) % 1.0  # another irrational step, so that seeds differ

    def choose(self, index: int) -> int:
        """Position of the statement for the arrival of that index."""
        return bisect_right(self._bounds, (self._begin + (index + 1) * _GOLDEN) % 1.0)
