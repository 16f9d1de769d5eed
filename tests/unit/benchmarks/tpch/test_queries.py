"""The query texts and what is read from their last lines."""

import duckdb
import pytest

from benchmarks.tpch import queries
from benchmarks.tpch.queries import QUERY_NUMBERS, QueriesUnavailable, query, shape


def test_all_22_are_there_each_one_statement() -> None:
    for number in QUERY_NUMBERS:
        found = query(number)
        assert found.number == number
        assert ";" not in found.sql
        assert found.sql == found.sql.strip()
    assert len({query(number).sql for number in QUERY_NUMBERS}) == 22


@pytest.mark.parametrize("number", [-1, 0, 23, 100])
def test_other_numbers_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"TPC-H query {number}: there are queries 1 to 22"):
        query(number)


def test_order_and_limit_are_the_specifications() -> None:
    shapes = {number: shape(query(number).sql) for number in QUERY_NUMBERS}
    assert {number for number, found in shapes.items() if not found.order} == {6, 14, 17, 19}
    assert {number: found.limit for number, found in shapes.items() if found.limit} == {
        2: 100,
        3: 10,
        10: 20,
        18: 100,
        21: 100,
    }
    assert [(key.column, key.descending) for key in shapes[3].order] == [("revenue", True), ("o_orderdate", False)]


@pytest.mark.parametrize(
    "sql",
    ["SELECT a FROM t ORDER BY a + 1", "SELECT a FROM t ORDER BY a LIMIT 1 OFFSET 2", "SELECT a FROM t ORDER BY a b"],
)
def test_an_order_that_cannot_be_checked_is_not_ignored(sql: str) -> None:
    with pytest.raises(ValueError, match="ORDER BY"):
        shape(sql)


def test_shape_takes_only_the_tail_off() -> None:
    found = shape("select a, b from t group by a, b order by a desc, b asc limit 7;\n")
    assert found.body == "select a, b from t group by a, b"
    assert [str(key) for key in found.order] == ['"a" DESC', '"b"']
    assert found.limit == 7


def test_a_missing_extension_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb, "__version__", "0.0.0")
    with duckdb.connect() as connection, pytest.raises(QueriesUnavailable) as caught:
        queries.load_extension(connection)
    assert "install requirements.txt again" in str(caught.value)
    assert "\n" not in str(caught.value)
