"""The comparison over the right answers of all 22 queries: what a wrong engine could do to each is caught."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from benchmarks.tpch.compare import mismatches
from benchmarks.tpch.model import ColumnKind, Expected
from benchmarks.tpch.queries import QUERY_NUMBERS
from engines import Row

EVERY_QUERY = pytest.mark.parametrize("number", QUERY_NUMBERS)
SAMPLES = 12


def right(expected: Expected) -> list[Row]:
    return list(expected.rows[: expected.row_count])


def some(rows: list[Row]) -> list[int]:
    """First, last and a few more."""
    dice = random.Random(len(rows))  # noqa: S311 - repeatable
    picked = dice.sample(range(len(rows)), min(SAMPLES, len(rows)))
    return sorted({*picked, *range(min(len(rows), 1)), *range(len(rows))[-1:]})


def tied(expected: Expected, first: int, second: int) -> bool:
    return all(expected.rows[first][key] == expected.rows[second][key] for key in expected.order)


def wrong_values(kind: ColumnKind, scale: int, value: object) -> Iterator[object]:
    """What a wrong engine could put in place of a value."""
    if value is None:
        yield from (0, 0.0, Decimal(0), "", False)
        return
    yield None
    match value:
        case bool():
            raise AssertionError("no such column")
        case int():
            yield from (value + 1, value - 1, -value - 1, str(value), value + 0.5)
        case Decimal():
            last = Decimal(1).scaleb(-scale)
            yield from (value + last, value - last, float(value) * 1.0001 + 0.01, str(value), float("nan"))
        case float():
            yield from (value * 1.001 + 0.01, value - 0.0052 - abs(value) * 1e-4, str(value), float("nan"))
        case datetime.date():
            yield from (value + datetime.timedelta(days=1), value.isoformat())
        case str():
            yield from (
                value + "x",
                value.rstrip()[:-1] if value.rstrip() else "y",
                value.encode(),
                value.swapcase() + "?",
                " " + value,
            )
        case _:
            raise AssertionError(kind)


def within(kind: ColumnKind, value: object) -> Iterator[object]:
    """The same value as other drivers and result types give it."""
    yield value
    match value:
        case int():
            yield from (Decimal(value), float(value)) if abs(value) < 2**53 else (Decimal(value),)
        case Decimal():
            yield from (float(value), value.normalize(), value.quantize(Decimal("0.01")))
        case float():
            yield from (value * (1 + 1e-12), Decimal(str(round(value, 4))).quantize(Decimal("0.0001")))
        case str():
            yield from (value + "  ", value.rstrip())
    assert kind


@EVERY_QUERY
def test_the_right_answer_is_accepted(answers: dict[int, Expected], number: int) -> None:
    assert list(mismatches(answers[number], right(answers[number]))) == []


@EVERY_QUERY
def test_other_representations_are_accepted(answers: dict[int, Expected], number: int) -> None:
    expected, dice = answers[number], random.Random(number)  # noqa: S311 - repeatable
    for _ in range(3):
        rows = [
            tuple(
                dice.choice(list(within(column.kind, value)))
                for column, value in zip(expected.columns, row, strict=True)
            )
            for row in right(expected)
        ]
        assert list(mismatches(expected, rows)) == []


@EVERY_QUERY
def test_each_wrong_value_is_caught_and_named(answers: dict[int, Expected], number: int) -> None:
    expected = answers[number]
    rows = right(expected)
    for index in some(rows):
        alone = sum(tied(expected, index, other) for other in range(len(expected.rows))) == 1
        for position, column in enumerate(expected.columns):
            for wrong in wrong_values(column.kind, column.scale, rows[index][position]):
                changed = (*rows[index][:position], wrong, *rows[index][position + 1 :])
                found = list(mismatches(expected, [*rows[:index], changed, *rows[index + 1 :]]))
                assert found, (column, rows[index][position], wrong)
                assert len(found) == 1
                if alone:
                    assert (found[0].row, found[0].column) == (index + 1, column.name)


@EVERY_QUERY
def test_a_lost_row_is_caught(answers: dict[int, Expected], number: int) -> None:
    rows = right(answers[number])
    for index in some(rows):
        assert list(mismatches(answers[number], rows[:index] + rows[index + 1 :]))


@EVERY_QUERY
def test_a_row_twice_is_caught(answers: dict[int, Expected], number: int) -> None:
    rows = right(answers[number])
    for index in some(rows):
        assert list(mismatches(answers[number], [*rows[: index + 1], *rows[index:]]))
        if index:  # the row before it is lost as well: the number of rows is right
            assert list(mismatches(answers[number], [*rows[: index - 1], rows[index], *rows[index:]]))


@EVERY_QUERY
def test_swapped_rows_are_caught_unless_tied(answers: dict[int, Expected], number: int) -> None:
    expected, dice = answers[number], random.Random(number)  # noqa: S311 - repeatable
    rows = right(expected)
    pairs = [(index, index + 1) for index in range(len(rows) - 1)]
    pairs += [(dice.randrange(len(rows)), dice.randrange(len(rows))) for _ in range(SAMPLES)]
    for first, second in dice.sample(pairs, min(4 * SAMPLES, len(pairs))):
        swapped = rows.copy()
        swapped[first], swapped[second] = rows[second], rows[first]
        assert bool(list(mismatches(expected, swapped))) is not tied(expected, first, second), (first, second)


@EVERY_QUERY
def test_shuffled_ties_are_accepted_and_reversed_order_is_not(answers: dict[int, Expected], number: int) -> None:
    expected, dice = answers[number], random.Random(number)  # noqa: S311 - repeatable
    keys = [tuple(row[key] for key in expected.order) for row in right(expected)]
    ranks = {key: rank for rank, key in enumerate(dict.fromkeys(keys))}
    shuffled = [
        row
        for _, _, row in sorted(
            (ranks[key], dice.random(), row) for key, row in zip(keys, right(expected), strict=True)
        )
    ]
    assert list(mismatches(expected, shuffled)) == []
    if len(ranks) > 1:
        assert list(mismatches(expected, right(expected)[::-1]))


WHOLE_ANSWER: dict[str, Callable[[list[Row]], list[Row]]] = {
    "nothing": lambda _: [],
    "null for every value": lambda rows: [tuple(None for _ in row) for row in rows],
    "strings for all values": lambda rows: [tuple(str(value) for value in row) for row in rows],
    "zero for null": lambda rows: [tuple(0 if value is None else None for value in row) for row in rows],
}


@EVERY_QUERY
@pytest.mark.parametrize("what", WHOLE_ANSWER)
def test_a_wholly_wrong_answer_is_caught(answers: dict[int, Expected], number: int, what: str) -> None:
    rows = right(answers[number])
    answer = WHOLE_ANSWER[what](rows)
    texts = all(isinstance(value, str) for row in rows for value in row)
    same = answer == rows or (texts and what == "strings for all values")
    assert bool(list(mismatches(answers[number], answer))) is not same
