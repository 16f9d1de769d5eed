"""The comparison, on single values: what is the same, what is not, and what is said about it."""

import datetime
from decimal import Decimal
from typing import Any

import pytest

from benchmarks.tpch.compare import mismatches, problem
from benchmarks.tpch.model import Column, ColumnKind, Expected
from engines import Answer, Row

NAN = float("nan")
DAY = datetime.date(1995, 3, 15)
INTEGER, TEXT, DATE, DOUBLE = (
    Column("n", ColumnKind.INTEGER),
    Column("s", ColumnKind.TEXT),
    Column("d", ColumnKind.DATE),
    Column("x", ColumnKind.DOUBLE),
)
MONEY = Column("revenue", ColumnKind.DECIMAL, 2)


def verdict(column: Column, oracle: object, engine: object) -> str:
    return problem(Expected(1, (column,), ((oracle,),)), Answer(("c",), ((engine,),)))


@pytest.mark.parametrize(
    ("column", "oracle", "engine"),
    [
        (INTEGER, 3, 3),
        (INTEGER, 3, Decimal(3)),
        (INTEGER, 3, 3.0),
        (INTEGER, None, None),
        (TEXT, "BUILDING", "BUILDING"),
        (TEXT, "BUILDING", "BUILDING  "),
        (TEXT, "BUILDING   ", "BUILDING"),
        (TEXT, "", "   "),
        (DATE, DAY, DAY),
        (MONEY, Decimal("123.40"), Decimal("123.40")),
        (MONEY, Decimal("123.40"), Decimal("123.4")),
        (MONEY, Decimal("123.40"), Decimal("123.400000")),
        (MONEY, Decimal("123.00"), 123),
        (MONEY, Decimal("123.40"), 123.4),
        (MONEY, Decimal("56586554400.73"), 56586554400.72999),
        (Column("c", ColumnKind.DECIMAL, 6), Decimal("55909065222.827692"), 55909065222.8277),
        (Column("c", ColumnKind.DECIMAL, 4), Decimal("1000.1251"), Decimal("1000.13")),
        (DOUBLE, 25.522005853257337, Decimal("25.52")),
        (DOUBLE, 0.049985295838397614, Decimal("0.05")),
        (DOUBLE, 0.0344358904066548, Decimal("0.0344")),
        (DOUBLE, 16.380778626395543, 16.38077862639554),
        (DOUBLE, 0.0, 1e-17),
        (DOUBLE, 0.0, Decimal("0.0000")),
        (DOUBLE, NAN, NAN),
        (DOUBLE, NAN, Decimal("NaN")),
        (DOUBLE, float("inf"), float("inf")),
        (DOUBLE, None, None),
    ],
)
def test_the_same(column: Column, oracle: object, engine: object) -> None:
    assert verdict(column, oracle, engine) == ""


@pytest.mark.parametrize(
    ("column", "oracle", "engine", "shown"),
    [
        (INTEGER, 3, 4, "row 1, column n: engine 4, oracle 3"),
        (INTEGER, 1_478_493, 1_478_492, "row 1, column n: engine 1478492, oracle 1478493"),
        (INTEGER, 3, "3", "engine '3', oracle 3"),
        (INTEGER, 1, True, "engine True, oracle 1"),
        (INTEGER, 0, None, "engine NULL, oracle 0"),
        (INTEGER, None, 0, "engine 0, oracle NULL"),
        (INTEGER, 3, Decimal("3.0001"), "engine 3.0001, oracle 3"),
        (INTEGER, 3, NAN, "engine nan, oracle 3"),
        (TEXT, "a", "b", "row 1, column s: engine 'b', oracle 'a'"),
        (TEXT, "a", " a", "engine ' a', oracle 'a'"),
        (TEXT, "a", "A", "engine 'A', oracle 'a'"),
        (TEXT, "3", 3, "engine 3, oracle '3'"),
        (TEXT, "a", b"a", "engine b'a', oracle 'a'"),
        (TEXT, "", None, "engine NULL, oracle ''"),
        (DATE, DAY, datetime.date(1995, 3, 16), "engine 1995-03-16, oracle 1995-03-15"),
        (DATE, DAY, "1995-03-15", "engine '1995-03-15', oracle 1995-03-15"),
        (DATE, DAY, datetime.datetime(1995, 3, 15), "engine 1995-03-15 00:00:00"),  # noqa: DTZ001 - as a driver gives it
        (MONEY, Decimal("125.00"), Decimal("123.40"), "row 1, column revenue: engine 123.40, oracle 125.00"),
        (MONEY, Decimal("123141078.22"), Decimal("123141078.23"), "engine 123141078.23, oracle 123141078.22"),
        (MONEY, Decimal("0.00"), None, "engine NULL, oracle 0.00"),
        (MONEY, None, Decimal("0.00"), "engine 0.00, oracle NULL"),
        (MONEY, Decimal("123.40"), "123.40", "engine '123.40', oracle 123.40"),
        (MONEY, Decimal("123.40"), NAN, "engine nan, oracle 123.40"),
        (MONEY, Decimal("1.00"), True, "engine True, oracle 1.00"),
        (MONEY, Decimal("123141078.22"), 123140000.0, "engine 123140000.0"),  # one row in a hundred thousand is missing
        (Column("c", ColumnKind.DECIMAL, 4), Decimal("1000.1251"), Decimal("1000.1252"), "engine 1000.1252"),
        (Column("c", ColumnKind.DECIMAL, 4), Decimal("1000.1251"), Decimal("1000.23"), "engine 1000.23"),
        (DOUBLE, 0.0344358904066548, Decimal("0.0346"), "engine 0.0346"),
        (DOUBLE, 0.0344358904066548, 0.03445, "engine 0.03445"),
        (DOUBLE, 25.522005853257337, Decimal("25.54"), "engine 25.54"),
        (DOUBLE, 25.522005853257337, 26, "engine 26"),
        (DOUBLE, 38273.129734621674, Decimal("38273.4"), "engine 38273.4"),
        (DOUBLE, 1.0, float("inf"), "engine inf"),
        (DOUBLE, float("inf"), float("-inf"), "engine -inf"),
        (DOUBLE, NAN, 0.0, "engine 0.0, oracle nan"),
        (DOUBLE, NAN, None, "engine NULL, oracle nan"),
        (DOUBLE, None, NAN, "engine nan, oracle NULL"),
    ],
)
def test_not_the_same(column: Column, oracle: object, engine: object, shown: str) -> None:
    assert shown in verdict(column, oracle, engine)


@pytest.mark.parametrize("scale", [0, 1, 2, 4, 8, 20])
@pytest.mark.parametrize("value", [0.0, 1e-6, 0.05, 7.25, 1234.5678, 9.87e7, -3.5])
def test_nothing_beyond_the_widest_tolerance_passes(value: float, scale: int) -> None:
    limit = max(0.0051, 1e-4 * abs(value))
    for wrong in (value + 1.01 * limit, value - 1.01 * limit):
        rounded: Any = Decimal(wrong).quantize(Decimal(1).scaleb(-scale))
        if abs(float(rounded) - value) > limit:
            assert verdict(DOUBLE, value, rounded)
        assert verdict(DOUBLE, value, wrong)


def expected(rows: list[Row], *, order: tuple[int, ...], limit: int | None = None) -> Expected:
    return Expected(1, (INTEGER, TEXT, DOUBLE), tuple(rows), order, limit)


ROWS: list[Row] = [(1, "a", 1.0), (2, "b", 2.0), (2, "c", 3.0), (2, "d", 4.0), (3, "e", 5.0)]


def found(what: Expected, rows: list[Row]) -> list[str]:
    return [str(mismatch) for mismatch in mismatches(what, rows)]


def test_rows_with_equal_keys_may_come_in_any_order() -> None:
    what = expected(ROWS, order=(0,))
    assert found(what, [ROWS[0], ROWS[3], ROWS[1], ROWS[2], ROWS[4]]) == []


def test_rows_with_other_keys_may_not() -> None:
    what = expected(ROWS, order=(0,))
    assert found(what, [ROWS[1], ROWS[0], *ROWS[2:]]) == [
        "row 1, column n: engine 2, oracle 1",
        "row 2, column n: engine 1, oracle 2",
    ]


def test_without_order_every_permutation_is_right() -> None:
    assert found(expected(ROWS, order=()), ROWS[::-1]) == []


def test_without_order_a_wrong_row_is_compared_to_the_one_most_like_it() -> None:
    rows = [*ROWS[:0:-1], (1, "a", 1.5)]
    assert found(expected(ROWS, order=()), rows) == ["row 5, column x: engine 1.5, oracle 1.0"]


def test_a_row_twice_in_place_of_another_is_noticed() -> None:
    rows = [ROWS[0], ROWS[1], ROWS[1], ROWS[3], ROWS[4]]
    assert found(expected(ROWS, order=(0,)), rows) == ["row 3, column s: engine 'b', oracle 'c'"]


def test_where_limit_cuts_through_equal_keys_any_of_them_will_do() -> None:
    what = expected(ROWS[:4], order=(0,), limit=2)
    for row in ROWS[1:4]:
        assert found(what, [ROWS[0], row]) == []


@pytest.mark.parametrize("row", [ROWS[0], ROWS[4], (2, "b", 2.5), (2, "f", 2.0)])
def test_where_limit_cuts_no_other_row_will_do(row: Row) -> None:
    assert found(expected(ROWS[:4], order=(0,), limit=2), [ROWS[0], row])


def test_the_row_before_a_cut_is_not_optional() -> None:
    assert found(expected(ROWS[:4], order=(0,), limit=2), [ROWS[1], ROWS[2]])


def test_one_of_the_rows_at_a_cut_may_not_come_twice() -> None:
    assert found(expected(ROWS[:4], order=(0,), limit=3), [ROWS[0], ROWS[1], ROWS[1]])


def test_a_tolerance_is_no_reason_to_leave_a_row_without_partner() -> None:
    """The first row takes what only the last one can have: it must move on, and so must the second."""
    columns = (Column("x", ColumnKind.DOUBLE),)
    what = Expected(1, columns, ((0.99996,), (1.00004,), (1.00012,)))
    assert list(mismatches(what, [(Decimal("1.0000"),), (Decimal("1.0001"),), (Decimal("0.9999"),)])) == []


def test_many_equal_rows_are_paired_one_to_one() -> None:
    what = Expected(1, (DOUBLE,), ((1.5,),) * 2000)
    assert list(mismatches(what, [(1.5,)] * 2000)) == []
    assert len(list(mismatches(what, [(1.5,)] * 1999 + [(1.6,)]))) == 1


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "rows: engine 0, oracle 5"),
        (ROWS[:4], "rows: engine 4, oracle 5"),
        ([*ROWS, ROWS[4]], "rows: engine 6, oracle 5"),
        (ROWS[1:], "rows: engine 4, oracle 5; row 1, column n: engine 2, oracle 1"),
    ],
)
def test_a_wrong_number_of_rows_is_said_with_where_it_begins(rows: list[Row], text: str) -> None:
    answer = Answer(("n", "s", "x"), tuple(rows))
    assert problem(expected(ROWS, order=(0,)), answer) == text


def test_a_wrong_number_of_columns_is_said() -> None:
    answer = Answer(("n", "s"), ((1, "a"),))
    assert problem(expected(ROWS[:1], order=(0,)), answer) == "columns: engine 2, oracle 3"


def test_an_empty_answer_can_be_right() -> None:
    assert problem(expected([], order=(0,), limit=3), Answer(("n", "s", "x"), ())) == ""


def test_an_empty_answer_need_not_name_its_columns() -> None:
    assert problem(expected([], order=(0,)), Answer((), ())) == ""
    assert problem(expected(ROWS, order=(0,)), Answer((), ())).startswith("rows: engine 0, oracle 5")
    assert problem(expected([], order=(0,)), Answer(("n",), ())) == "columns: engine 1, oracle 3"


def test_long_values_are_shortened() -> None:
    text = problem(Expected(1, (TEXT,), (("a",),)), Answer(("s",), (("b" * 10_000,),)))
    assert len(text) < 200
    assert "\n" not in problem(Expected(1, (TEXT,), (("a",),)), Answer(("s",), (("b\nc",),)))
