"""Is an engine's answer the right one? Order- and rounding-aware, and no more lenient than the values call for.

Rows with equal sort keys may come in any order; all others stand exactly where the query's ORDER BY puts them. Where
LIMIT cuts through rows with equal sort keys, any of them will do.

Integers, dates and strings are compared exactly (strings without trailing blanks, since CHAR columns are padded). Of
other numbers, an engine may lose what its own result type cannot hold: one unit in the last decimal place of a
DECIMAL, 1e-7 of a floating-point value; never more than 1e-4 of the value or 0.0051, whichever is larger. A DECIMAL
with at least the oracle's decimal places is an exact sum on both sides, so nothing is allowed there: a single row
lost from a sum over a hundred thousand shows.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeGuard

from benchmarks.tpch.model import Column, ColumnKind, Expected
from engines import Answer, Row

RELATIVE = 1e-4
ABSOLUTE = 0.0051
FLOAT_RELATIVE = 1e-7
FLOAT_FLOOR = 1e-9
SHOWN_CHARACTERS = 80
Number = int | float | Decimal
_EXACT = frozenset({ColumnKind.INTEGER, ColumnKind.TEXT, ColumnKind.DATE})


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first difference. ``row`` counts from 1; ``column`` is empty where the rows as such differ."""

    row: int
    column: str
    engine: object
    oracle: object

    def __str__(self) -> str:
        if not self.column:
            return f"rows: engine {self.engine}, oracle {self.oracle}"
        return f"row {self.row}, column {self.column}: engine {_shown(self.engine)}, oracle {_shown(self.oracle)}"


def problem(expected: Expected, answer: Answer) -> str:
    """What is wrong with an answer, in one line; empty when it is right."""
    nameless = not answer.columns and not answer.rows  # ClickHouse's Native format names no columns without rows
    if len(answer.columns) != len(expected.columns) and not nameless:
        return f"columns: engine {len(answer.columns)}, oracle {len(expected.columns)}"
    found = list(itertools.islice(mismatches(expected, answer.rows), 2))
    shown = 2 if found and not found[0].column else 1  # a wrong number of rows says little: show where it begins
    return "; ".join(str(mismatch) for mismatch in found[:shown])


def mismatches(expected: Expected, rows: Sequence[Row]) -> Iterator[Mismatch]:
    """Every difference, in the order of the rows: a wrong number of rows first, then at most one per row.

    Args:
        expected: the right answer.
        rows: the engine's rows, each as wide as ``expected.columns``.
    """
    if len(rows) != expected.row_count:
        yield Mismatch(0, "", len(rows), expected.row_count)
    for start, stop in _ties(expected):
        yield from _unmatched(expected, rows[start : min(stop, expected.row_count)], start, stop)


def _ties(expected: Expected) -> Iterator[tuple[int, int]]:
    """Ranges of rows that may come in any order: equal sort keys, or all rows where there is no order."""
    start = 0
    for _, tied in itertools.groupby(expected.rows, lambda row: tuple(row[index] for index in expected.order)):
        stop = start + sum(1 for _ in tied)
        yield start, stop
        start = stop


def _unmatched(expected: Expected, rows: Sequence[Row], start: int, stop: int) -> Iterator[Mismatch]:
    wanted = expected.rows[start:stop]
    partners = _match(expected.columns, wanted, rows)
    left = [row for index, row in enumerate(wanted) if index not in partners.values()]
    for index, row in enumerate(rows):
        if index not in partners:
            differing = min((_differing(expected.columns, other, row) for other in left), key=len)
            yield Mismatch(start + index + 1, *differing[0])


def _match(columns: tuple[Column, ...], wanted: Sequence[Row], rows: Sequence[Row]) -> dict[int, int]:
    """As many pairs of equal rows (index in ``rows``: index in ``wanted``) as there can be, each row in one pair.

    "Equal within a tolerance" is not transitive, so pairing a row with the first that fits could leave a later one
    without a partner: such a row may push the others to their other candidates (augmenting paths).
    """
    buckets: dict[Hashable, list[int]] = defaultdict(list)
    for index, row in enumerate(wanted):
        buckets[_exact_part(columns, row)].append(index)
    pairs = _Pairs({}, {})
    left = []
    for index, row in enumerate(rows):
        bucket = buckets.get(_exact_part(columns, row), ())
        free = (other for other in bucket if other not in pairs.owners and not _differing(columns, wanted[other], row))
        if (other := next(free, None)) is not None:
            pairs.join(index, other)
        else:
            left.append(index)

    def candidates(index: int) -> list[int]:
        bucket = buckets.get(_exact_part(columns, rows[index]), ())
        return [other for other in bucket if not _differing(columns, wanted[other], rows[index])]

    for index in left:
        pairs.augment(index, candidates)
    return pairs.partners


@dataclass(slots=True)
class _Pairs:
    """A matching, kept in both directions: ``partners`` from the engine's rows, ``owners`` from the oracle's."""

    partners: dict[int, int]
    owners: dict[int, int]

    def join(self, index: int, other: int) -> None:
        self.partners[index] = other
        self.owners[other] = index

    def augment(self, start: int, candidates: Callable[[int], list[int]]) -> None:
        """Find a partner for ``start``, breadth first, giving each row on the way another one of its candidates."""
        wanted_by: dict[int, int] = {}
        queue = deque([start])
        while queue:
            index = queue.popleft()
            for other in candidates(index):
                if other in wanted_by:
                    continue
                wanted_by[other] = index
                if other not in self.owners:
                    self._shift(start, other, wanted_by)
                    return
                queue.append(self.owners[other])

    def _shift(self, start: int, other: int, wanted_by: dict[int, int]) -> None:
        while (index := wanted_by[other]) != start:
            before = self.partners[index]
            self.join(index, other)
            other = before
        self.join(start, other)


def _exact_part(columns: tuple[Column, ...], row: Row) -> tuple[Hashable, ...]:
    return tuple(_canonical(column, value) for column, value in zip(columns, row, strict=True) if column.kind in _EXACT)


def _differing(columns: tuple[Column, ...], oracle: Row, engine: Row) -> list[tuple[str, object, object]]:
    """The columns in which two rows differ: name, the engine's value, the oracle's value."""
    return [
        (column.name, theirs, ours)
        for column, ours, theirs in zip(columns, oracle, engine, strict=True)
        if not _same(column, ours, theirs)
    ]


def _same(column: Column, oracle: object, engine: object) -> bool:
    if oracle is None or engine is None:
        return oracle is engine
    if column.kind in _EXACT:
        return _canonical(column, oracle) == _canonical(column, engine)
    return _close(column, oracle, engine)


def _canonical(column: Column, value: object) -> Hashable:
    """A value of an exact column; one of another type becomes a pair that equals no right value."""
    if value is None:
        return None
    if column.kind is ColumnKind.TEXT and isinstance(value, str):
        return value.rstrip(" ")
    if column.kind is ColumnKind.DATE and type(value) is datetime.date:
        return value
    if column.kind is ColumnKind.INTEGER and _is_number(value):
        return value
    return type(value).__name__, repr(value)


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _close(column: Column, oracle: object, engine: object) -> bool:
    if not _is_number(oracle) or not _is_number(engine):
        return False
    if not (math.isfinite(oracle) and math.isfinite(engine)):
        return oracle == engine or (math.isnan(oracle) and math.isnan(engine))
    return oracle == engine or abs(Fraction(oracle) - Fraction(engine)) <= _allowance(column, float(oracle), engine)


def _allowance(column: Column, oracle: float, engine: Number) -> float:
    floating = isinstance(engine, float)
    noise = max(FLOAT_FLOOR, FLOAT_RELATIVE * abs(oracle)) if floating or column.kind is ColumnKind.DOUBLE else 0.0
    places = -int(engine.as_tuple().exponent) if isinstance(engine, Decimal) else 0
    exact = column.kind is ColumnKind.DECIMAL and places >= column.scale
    unit = 0.0 if floating or exact else 10.0**-places
    return min(noise + unit, max(ABSOLUTE, RELATIVE * abs(oracle)))


def _shown(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int | float | Decimal | datetime.date):
        return str(value)
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
